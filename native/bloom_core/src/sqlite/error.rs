//! What can go wrong with a database of the application or a backup of it, and what to do next.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

use crate::error::Error;

/// A failure, each with a stable code (see [`SqliteError::code`]).
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// There is no such file.
    #[error("there is no database {}: check `database:` in the repo's configuration", .0.display())]
    Missing(PathBuf),
    /// The database is no database of SQLite, or damaged.
    #[error(
        "the database {} is damaged, encrypted or not SQLite's ({why}): stop what uses it, move it away with its -wal \
         and -journal, and restore a backup", path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// The file is no backup any more.
    #[error("the backup {} is damaged ({why}): use another one", path.display())]
    BackupDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No space is left.
    #[error("no space is left for {}: free some and try again", .0.display())]
    DiskFull(PathBuf),
    /// The file or its directory cannot be read or written.
    #[error(
        "{} cannot be read or written ({why}): give the user that runs the node the right to do so", path.display()
    )]
    PermissionDenied {
        /// The file.
        path: PathBuf,
        /// What was refused.
        why: String,
    },
    /// Everything else.
    #[error("SQLite fails with {} ({why}): look at the file and its file system, then try again", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// In SQLite's or the system's words.
        why: String,
    },
}

impl SqliteError {
    /// The stable code of the error, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "no_such_database",
            Self::Damaged { .. } => "database_damaged",
            Self::BackupDamaged { .. } => "backup_damaged",
            Self::DiskFull(_) => "disk_full",
            Self::PermissionDenied { .. } => "permission_denied",
            Self::Failed { .. } => "sqlite_failed",
        }
    }

    /// Damage of a backup, in SQLite's or the system's words.
    pub fn backup(path: &Path) -> impl FnOnce(String) -> Error {
        let path = path.to_owned();
        move |why| Self::BackupDamaged { path, why }.into()
    }
}

/// An error of SQLite with the database `path`, on this connection.
pub fn sqlite(connection: &Connection, path: &Path, error: &rusqlite::Error) -> Error {
    // SAFETY: the connection is open, and the call only reads a number from it.
    let errno = unsafe { rusqlite::ffi::sqlite3_system_errno(connection.handle()) };
    explain(path, error, io::Error::from_raw_os_error(errno).kind())
}

/// An error of SQLite without a connection.
pub fn opening(path: &Path) -> impl FnOnce(rusqlite::Error) -> Error {
    let path = path.to_owned();
    move |error| explain(&path, &error, ErrorKind::Other)
}

fn explain(path: &Path, error: &rusqlite::Error, system: ErrorKind) -> Error {
    let (path, why) = (path.to_owned(), error.to_string());
    let explained = match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => return Error::Cancelled,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => SqliteError::Damaged { path, why },
        Some(ErrorCode::DiskFull) => SqliteError::DiskFull(path),
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => SqliteError::PermissionDenied { path, why },
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => match system {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => SqliteError::DiskFull(path),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => SqliteError::PermissionDenied { path, why },
            _ => SqliteError::Failed { path, why },
        },
        _ => SqliteError::Failed { path, why },
    };
    explained.into()
}
