//! Connections to databases that others use, and to copies that nobody else does.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::{self, SqliteError};
use crate::archive::Cancel;
use crate::error::{Error, Result};

/// How often a statement looks whether it is cancelled, in steps of SQLite's machine.
const LOOK_EVERY: i32 = 10_000;
/// How long to wait before a lock is tried again: not long, as who writes without a break leaves it for moments only.
pub const PAUSE: Duration = Duration::from_millis(1);

/// A connection and the file that its errors are about.
#[derive(Debug)]
pub struct Database {
    pub connection: Connection,
    pub path: PathBuf,
    cancel: Cancel,
}

impl Database {
    /// A database that is there and may be in use.
    pub fn live(path: &Path, cancel: &Cancel) -> Result<Self> {
        if !path.try_exists().map_err(Error::io("look at", path))? {
            return Err(SqliteError::Missing(path.to_owned()).into());
        }
        Self::open(path, path.as_os_str().as_bytes(), OpenFlags::SQLITE_OPEN_READ_WRITE, cancel)
    }

    /// A database that is made where there is none.
    pub fn live_or_new(path: &Path, cancel: &Cancel) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Self::open(path, path.as_os_str().as_bytes(), flags, cancel)
    }

    /// A copy that nobody else knows, and that has nothing to lose.
    pub fn own(path: &Path, cancel: &Cancel) -> Result<Self> {
        let database = Self::live_or_new(path, cancel)?;
        database.run("PRAGMA journal_mode = OFF")?;
        database.run("PRAGMA synchronous = OFF")?;
        Ok(database)
    }

    /// A copy that nobody changes. No WAL is made beside it, whatever its journal mode.
    pub fn immutable(path: &Path, cancel: &Cancel) -> Result<Self> {
        let uri = format!("file:{}?immutable=1", escaped(path));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        Self::open(path, uri.as_bytes(), flags, cancel)
    }

    fn open(path: &Path, name: &[u8], flags: OpenFlags, cancel: &Cancel) -> Result<Self> {
        let name = Path::new(std::ffi::OsStr::from_bytes(name));
        let mut connection =
            Connection::open_with_flags(name, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(error::opening(path))?;
        let asked = cancel.clone();
        // Waiting for a lock is done here, where it can be cancelled.
        connection
            .busy_timeout(Duration::ZERO)
            .and_then(|()| connection.progress_handler(LOOK_EVERY, Some(move || asked.is_cancelled())))
            .map_err(error::opening(path))?;
        Ok(Self { connection, path: path.to_owned(), cancel: cancel.clone() })
    }

    /// Runs a statement whose rows do not matter.
    pub fn run(&self, sql: &str) -> Result<()> {
        self.patiently(|connection| connection.prepare(sql)?.query(())?.next().map(|_row| ()))
    }

    /// The first value that a statement answers.
    pub fn one<T: rusqlite::types::FromSql>(&self, sql: &str) -> Result<T> {
        self.patiently(|connection| connection.query_row(sql, (), |row| row.get(0)))
    }

    /// The number that a statement answers, which is never negative.
    pub fn number(&self, sql: &str) -> Result<u64> {
        Ok(u64::try_from(self.one::<i64>(sql)?).unwrap_or_default())
    }

    /// Does something, again and again as long as somebody else holds a lock.
    pub fn patiently<T>(&self, work: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        loop {
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            match work(&self.connection) {
                Err(error) if locked(&error) => thread::sleep(PAUSE),
                result => return result.map_err(|error| self.error(&error)),
            }
        }
    }

    /// An error of this connection.
    pub fn error(&self, error: &rusqlite::Error) -> Error {
        error::sqlite(&self.connection, &self.path, error)
    }

    /// Whether it has a WAL, which readers and a writer can use at once.
    pub fn has_wal(&self) -> Result<bool> {
        Ok(self.one::<String>("PRAGMA journal_mode")? == "wal")
    }
}

fn locked(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// A path in a URI.
fn escaped(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    let escape = |&byte: &u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    path.as_os_str().as_bytes().iter().map(escape).collect()
}
