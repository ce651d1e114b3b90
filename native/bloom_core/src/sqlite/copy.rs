//! A copy of a database in use, page by page.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use rusqlite::backup::{Backup, StepResult};

use super::connection::{Database, PAUSE};
use super::progress::Progress;
use crate::archive::Cancel;
use crate::error::{Error, Result};

/// Between two steps others get their turn.
const PAGES: i32 = 256;
/// How often others may write in between before they have to wait.
const RESTARTS: u32 = 3;

/// A file that is removed when it is not needed any more.
#[derive(Debug)]
pub struct Temporary(pub PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nobody is left to tell in a drop; the directory that it is in is swept.
        let _ = fs::remove_file(&self.0);
    }
}

/// A snapshot of a database: what it reads stays the same until this is dropped.
///
/// Writers go on beside it where there is a WAL, and wait where there is none.
pub struct Snapshot<'a>(&'a Database);

impl<'a> Snapshot<'a> {
    pub fn take(database: &'a Database) -> Result<Self> {
        database.run("BEGIN")?;
        let snapshot = Self(database);
        // Only what reads takes the snapshot.
        database.one::<i64>("SELECT count(*) FROM sqlite_schema")?;
        Ok(snapshot)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // Ends with the connection otherwise.
        let _ = self.0.connection.execute_batch("ROLLBACK");
    }
}

/// Copies the database to a new file.
///
/// SQLite begins again when somebody else has written between two steps. With a snapshot nobody has; without one that may
/// happen a few times, and then the rest is copied while writers wait.
pub fn copy(from: &Database, to: &Path, cancel: &Cancel, progress: &mut Progress<'_>) -> Result<()> {
    let mut own = Database::own(to, cancel)?;
    if from.connection.is_autocommit() && !attempt(from, &mut own, cancel, progress, RESTARTS)? {
        let _writers_wait = Snapshot::take(from)?;
        attempt(from, &mut own, cancel, progress, u32::MAX)?;
    } else if !from.connection.is_autocommit() {
        attempt(from, &mut own, cancel, progress, u32::MAX)?;
    }
    Ok(())
}

/// Whether all was copied before it had to begin again more often than allowed.
fn attempt(
    from: &Database,
    own: &mut Database,
    cancel: &Cancel,
    progress: &mut Progress<'_>,
    restarts: u32,
) -> Result<bool> {
    let page = from.number("PRAGMA page_size")?;
    let backup = Backup::new(&from.connection, &mut own.connection).map_err(|error| from.error(&error))?;
    let (mut done, mut restarted) = (0, 0);
    loop {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        match backup.step(PAGES).map_err(|error| from.error(&error))? {
            StepResult::Done => return Ok(true),
            StepResult::More => {
                let pages = backup.progress();
                let now = u64::try_from(pages.pagecount - pages.remaining).unwrap_or_default();
                if now < done {
                    restarted += 1;
                }
                if restarted > restarts {
                    return Ok(false);
                }
                done = now;
                progress.part(now * page);
            }
            _busy_or_locked => thread::sleep(PAUSE),
        }
    }
}
