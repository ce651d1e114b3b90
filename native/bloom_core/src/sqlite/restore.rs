//! A backup in the place of a database that others have open.
//!
//! Not by renaming a file: connections that are open would go on with the old file and write into it for nobody, and its
//! `-wal`, which is found by name, would be taken for that of the new file, which is damage. So the contents are replaced
//! through SQLite, in one transaction under its locks: open connections see the old database until the new one is there as
//! a whole, and whatever ends before that, power included, is rolled back by the journal or not in the WAL.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use rusqlite::backup::{Backup, StepResult};

use super::connection::{Database, PAUSE};
use super::contents;
use super::copy::{Temporary, copy, remove_if_there};
use super::dump::{damaged, unpack};
use super::error::SqliteError;
use super::progress::Progress;
use crate::archive::Control;
use crate::error::{Error, Result};
use crate::tree::sync_dir;

const PAGES: i32 = 1024;

/// Restores a dump into the database, and keeps what it replaces as the file `keep`. Whether there was anything to keep.
///
/// `mode` are the permission bits of the file where there is none.
///
/// # Errors
/// Those of [`SqliteError`]; [`Error::Cancelled`]. The database is as before then.
pub fn restore(database: &Path, file: &Path, mode: u32, keep: &Path, control: &Control<'_>) -> Result<bool> {
    let raw = unpack(file, control)?;
    let immutable = Database::immutable(&raw.0, &control.cancel)?;
    if let Some(why) = damaged(file, contents::fault(&immutable, false))? {
        return Err(SqliteError::backup(file)(why));
    }
    drop(immutable);

    let there = fs::metadata(database).is_ok_and(|metadata| metadata.len() > 0);
    let mut live = Database::live_or_new(database, &control.cancel)?;
    live.run("PRAGMA synchronous = FULL")?;
    // What it takes on macOS to reach the disk; nothing elsewhere.
    live.run("PRAGMA fullfsync = 1")?;
    if there {
        fit(&raw, &live, control)?;
        replace(&raw, &mut live, Some(keep), control)?;
    } else {
        fs::set_permissions(database, Permissions::from_mode(mode)).map_err(Error::io("set the mode of", database))?;
        replace(&raw, &mut live, None, control)?;
    }
    Ok(there)
}

/// Pages of another size cannot go through a WAL: they are made to fit before.
fn fit(raw: &Temporary, live: &Database, control: &Control<'_>) -> Result<()> {
    let size: i64 = live.one("PRAGMA page_size")?;
    let own = Database::own(&raw.0, &control.cancel)?;
    if own.one::<i64>("PRAGMA page_size")? != size && live.has_wal()? {
        own.run("PRAGMA journal_mode = DELETE")?;
        own.run(&format!("PRAGMA page_size = {size}"))?;
        own.run("VACUUM")?;
    }
    Ok(())
}

fn replace(raw: &Temporary, live: &mut Database, keep: Option<&Path>, control: &Control<'_>) -> Result<()> {
    let path = live.path.clone();
    let wal = live.has_wal()?;
    let source = Database::immutable(&raw.0, &control.cancel)?;
    let bytes = source.number("PRAGMA page_count")? * source.number("PRAGMA page_size")?;
    let mut progress = Progress::new(control, bytes);
    let page = source.number("PRAGMA page_size")?;
    let backup = Backup::new(&source.connection, &mut live.connection).map_err(super::error::opening(&path))?;

    // No page yet, but the lock: what is kept is what will be replaced, and nothing comes in between.
    let steps = |pages| step(&backup, pages, &path, control);
    steps(0)?;
    let kept = keep.map(|keep| keep_committed(&path, keep, wal, control)).transpose()?;
    while !steps(PAGES)? {
        let pages = backup.progress();
        progress.part(u64::try_from(pages.pagecount - pages.remaining).unwrap_or_default() * page);
    }
    drop(backup);
    progress.end_part(bytes);
    if let Some((temporary, keep)) = kept {
        fs::rename(&temporary.0, keep).map_err(Error::io("put in place", keep))?;
        sync_dir(keep.parent().unwrap_or(Path::new("/")))?;
    }
    // Readers may keep the WAL from being emptied: then the next checkpoint does it.
    let _ = live.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_row| Ok(()));
    Ok(())
}

/// Whether that was the last step, with which the transaction is committed.
fn step(backup: &Backup<'_, '_>, pages: i32, path: &Path, control: &Control<'_>) -> Result<bool> {
    loop {
        if control.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        match backup.step(pages).map_err(super::error::opening(path))? {
            StepResult::Done => return Ok(true),
            StepResult::More => return Ok(false),
            _busy_or_locked => thread::sleep(PAUSE),
        }
    }
}

/// What is committed while the lock for writing is held: beside a WAL anybody may read it, without one only the lock's
/// holder, and in the file itself it is all that there is.
fn keep_committed<'a>(
    database: &Path,
    keep: &'a Path,
    wal: bool,
    control: &Control<'_>,
) -> Result<(Temporary, &'a Path)> {
    let beside = |suffix: &str| PathBuf::from([keep.as_os_str(), OsStr::new(suffix)].join(OsStr::new("")));
    let temporary = Temporary(beside(".tmp"));
    // One that was killed leaves half a file, and a journal that would be taken for that of the next.
    for leftover in [temporary.0.clone(), beside(".tmp-journal")] {
        remove_if_there(&leftover)?;
    }
    if wal {
        let reader = Database::live(database, &control.cancel)?;
        copy(&reader, &temporary.0, &control.cancel, &mut |_bytes| ())?;
    } else {
        // Closing it would give up the lock, which belongs to the process: it stays open.
        let mut from = ManuallyDrop::new(File::open(database).map_err(Error::io("open", database))?);
        let mut to = File::create(&temporary.0).map_err(Error::io("create", &temporary.0))?;
        io::copy(&mut *from, &mut to).map_err(Error::io("write", &temporary.0))?;
    }
    let file = File::open(&temporary.0).map_err(Error::io("open", &temporary.0))?;
    let permissions = fs::metadata(database).map_err(Error::io("look at", database))?.permissions();
    file.set_permissions(permissions).and_then(|()| file.sync_all()).map_err(Error::io("sync", &temporary.0))?;
    Ok((temporary, keep))
}
