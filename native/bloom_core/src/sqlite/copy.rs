//! A copy of a database in use, page by page.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;

use rusqlite::backup::{Backup, StepResult};

use super::connection::{Database, PAUSE};
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

/// Copies the database to a new file, and tells how many bytes of it are done.
///
/// SQLite begins again when somebody else has written between two steps. With a snapshot nobody has; without one that may
/// happen a few times, and then the rest is copied while writers wait.
pub fn copy(from: &Database, to: &Path, cancel: &Cancel, told: &mut dyn FnMut(u64)) -> Result<()> {
    let has_snapshot = !from.connection.is_autocommit();
    if !has_snapshot && attempt(from, to, cancel, told, RESTARTS)? {
        return Ok(());
    }
    let _writers_wait = if has_snapshot { None } else { Some(Snapshot::take(from)?) };
    attempt(from, to, cancel, told, u32::MAX).map(|_all| ())
}

/// Whether all was copied before it had to begin again more often than allowed.
fn attempt(from: &Database, to: &Path, cancel: &Cancel, told: &mut dyn FnMut(u64), restarts: u32) -> Result<bool> {
    // What an attempt leaves when it gives up is half a database, which the next cannot begin with.
    remove_if_there(to)?;
    let mut own = Database::own(to, cancel)?;
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
                // Each step gets further, but for one that begins again: the same place is the first step's.
                if now <= done {
                    restarted += 1;
                }
                if restarted > restarts {
                    return Ok(false);
                }
                done = now;
                told(now * page);
            }
            _busy_or_locked => thread::sleep(PAUSE),
        }
    }
}

/// Removes what somebody who was killed may have left.
pub fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _gone => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a database that is always written to, however fast the machine is: from the first page on, and when so much
    /// is copied that a part of it is in the file already.
    #[test]
    fn who_writes_between_any_two_steps_waits_in_the_end() {
        for beginning in [0, 3 << 20] {
            let dir = tempfile::tempdir().unwrap();
            let path = |name: &str| dir.path().join(name);
            let cancel = Cancel::default();
            let live = Database::live_or_new(&path("live"), &cancel).unwrap();
            live.connection
                .execute_batch(
                    "CREATE TABLE plants (id INTEGER PRIMARY KEY, name TEXT);
                     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
                     INSERT INTO plants SELECT i, hex(randomblob(600)) FROM n",
                )
                .unwrap();
            let writer = Database::live(&path("live"), &cancel).unwrap();
            let (mut wrote, mut waited) = (0, 0);
            let mut interfere = |bytes| {
                if bytes < beginning {
                    return;
                }
                match writer.connection.execute_batch("UPDATE plants SET name = 'x' || name WHERE id = 1500") {
                    Ok(()) => wrote += 1,
                    Err(_locked) => waited += 1,
                }
                assert!(wrote < 50, "it begins again for ever");
            };
            copy(&live, &path("copy"), &cancel, &mut interfere).unwrap();
            assert_eq!(wrote, RESTARTS + 1);
            assert!(waited > 0);
            let copied = Database::immutable(&path("copy"), &cancel).unwrap();
            assert_eq!(copied.one::<String>("PRAGMA integrity_check").unwrap(), "ok");
            let name = "SELECT name FROM plants WHERE id = 1500";
            assert_eq!(copied.one::<String>(name).unwrap(), live.one::<String>(name).unwrap());
        }
    }
}
