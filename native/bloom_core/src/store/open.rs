//! From a path to a journal that can be relied on, or to what is wrong with it.

use std::fs::{self, OpenOptions};
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags};

use super::error::{self, Result, StoreError};
use super::lock::{Lock, PATIENCE};
use super::schema::{self, Fit, STEPS};
use super::{OnDisk, Store, aside, memory};

/// What to do where there is no journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    MakeUnlessDamaged,
    Make,
}

/// Which file a path means: device and inode.
pub type Identity = (u64, u64);

pub fn open(path: &Path, missing: Missing) -> Result<Store> {
    let lock = Lock::open(path)?;
    let held = lock.hold()?;
    if !path.try_exists().map_err(error::file(path))? {
        resolve_missing(path, missing)?;
        create(path)?;
    }
    let connection = match connect(path) {
        Err(StoreError::Damaged { why, .. }) => return Err(set_aside(path, &why)),
        connected => connected?,
    };
    let identity = identity(path)?;
    drop(held);
    let file = OnDisk { path: path.to_owned(), lock, identity };
    Ok(Store { connection: ManuallyDrop::new(connection), file: Some(file) })
}

pub fn in_memory() -> Result<Store> {
    let open = || {
        let mut connection = Connection::open_in_memory()?;
        schema::create(&mut connection, STEPS)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    };
    let connection = open().map_err(|error: rusqlite::Error| failed(memory(), &error))?;
    Ok(Store { connection: ManuallyDrop::new(connection), file: None })
}

pub fn identity(path: &Path) -> Result<Identity> {
    match fs::metadata(path) {
        Ok(metadata) => Ok((metadata.dev(), metadata.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::Moved(path.to_owned())),
        Err(error) => Err(error::file(path)(error)),
    }
}

/// A journal that is not there is a loss where anything of an earlier one still is.
fn resolve_missing(path: &Path, missing: Missing) -> Result<()> {
    aside::keep_orphans(path).map_err(error::file(path))?;
    if missing == Missing::Make {
        return Ok(());
    }
    match aside::latest(path).map_err(error::file(path))? {
        Some(kept) => Err(StoreError::Damaged {
            path: path.to_owned(),
            why: format!("what is left of it is kept as {}", kept.display()),
        }),
        None => Ok(()),
    }
}

/// Made under another name first: so an empty file in the journal's place is always damage.
fn create(path: &Path) -> Result<()> {
    let making = aside::with(path, ".new");
    let made = make(path, &making);
    if made.is_err() {
        // What is left of it is removed before the next attempt as well.
        let _ = fs::remove_file(&making);
    }
    made
}

fn make(path: &Path, making: &Path) -> Result<()> {
    match fs::remove_file(making) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error::file(path)(error)),
        _removed_or_not_there => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(making).map_err(error::file(path))?;
    let mut connection = raw(making)?;
    let tables = connection
        .pragma_update_and_check(None, "journal_mode", "MEMORY", |_| Ok(()))
        .and_then(|()| schema::create(&mut connection, STEPS));
    tables.map_err(|error| error::sqlite(&connection, path, &error))?;
    drop(connection);
    file.sync_all()
        .and_then(|()| fs::rename(making, path))
        .and_then(|()| aside::sync_directory(path))
        .map_err(error::file(path))
}

fn connect(path: &Path) -> Result<Connection> {
    let mut connection = raw(path)?;
    // What it may not write it opens for reading.
    if connection.is_readonly(MAIN_DB).map_err(|error| failed(path, &error))? {
        return Err(StoreError::ReadOnly { path: path.to_owned(), why: "the file is read-only".into() });
    }
    let found = settle(&mut connection).map_err(|error| error::sqlite(&connection, path, &error))?;
    let path = path.to_owned();
    match found {
        Found::Sound => Ok(connection),
        Found::Damaged(why) => Err(StoreError::Damaged { path, why }),
        Found::Other(Fit::NeedsSchema(needed)) => Err(StoreError::Newer { path, needed, known: schema::known(STEPS) }),
        Found::Other(_) => Err(StoreError::Damaged { path, why: "it is empty, or not a journal of Bloom".into() }),
        Found::NoWal => {
            Err(StoreError::Failed { path, why: "its file system has no shared memory for SQLite's WAL".into() })
        }
    }
}

enum Found {
    Sound,
    Damaged(String),
    Other(Fit),
    NoWal,
}

/// Writes nothing to a file before it is known to be sound and a journal.
fn settle(connection: &mut Connection) -> rusqlite::Result<Found> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // The last one to close would remove the WAL, and cannot see that another build of this library still uses it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What it takes on macOS to reach the disk; nothing elsewhere.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if let Some(why) = quick_check(connection)? {
        return Ok(Found::Damaged(why));
    }
    let fit = schema::fit(connection, STEPS)?;
    if fit != Fit::Fits {
        return Ok(Found::Other(fit));
    }
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    Ok(if mode == "wal" { Found::Sound } else { Found::NoWal })
}

/// The first thing that is wrong with the file's structure.
fn quick_check(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((said != "ok").then_some(said))
}

fn raw(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &rusqlite::Error) -> StoreError {
    StoreError::Failed { path: path.to_owned(), why: error.to_string() }
}

fn set_aside(path: &Path, why: &str) -> StoreError {
    let why = match aside::keep(path) {
        Ok(kept) => format!("{why}; it is kept as {}", kept.display()),
        Err(error) => format!("{why}; it could not be renamed: {error}"),
    };
    StoreError::Damaged { path: path.to_owned(), why }
}
