//! What can go wrong with the journal, and what to do next.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

/// A failure of the journal, each with a stable code (see [`StoreError::code`]).
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is damaged; what became of it is in the text.
    #[error(
        "the journal {} is damaged ({why}): put a good copy in its place, or give its history up with \
         Bloom.Metadata.start_anew(); until then nothing is deployed", path.display()
    )]
    Damaged {
        /// Where the journal belongs.
        path: PathBuf,
        /// What was found, and where the damaged file is.
        why: String,
    },
    /// The file or its directory cannot be written.
    #[error(
        "the journal {} cannot be written ({why}): give the user that runs the node the right to write it and its \
         directory, or mount the file system for writing", path.display()
    )]
    ReadOnly {
        /// The journal.
        path: PathBuf,
        /// What was refused.
        why: String,
    },
    /// No space is left.
    #[error("no space is left for the journal {}: free some and try again", .0.display())]
    DiskFull(PathBuf),
    /// A newer Bloom wrote it, in a way that this one does not know.
    #[error(
        "the journal {} was written by a newer Bloom and needs schema {needed}, this one knows {known}: run the newer \
         release, or restore the journal from before it", path.display()
    )]
    Newer {
        /// The journal.
        path: PathBuf,
        /// The schema that must be known to write.
        needed: i64,
        /// The schema that is known.
        known: i64,
    },
    /// Somebody else writes.
    #[error("the journal {} is in use by somebody else: close what else has it open and try again", .0.display())]
    Busy(PathBuf),
    /// Another file lies where the open one was.
    #[error("the journal {} was moved or replaced while it was open: try again", .0.display())]
    Moved(PathBuf),
    /// Everything else.
    #[error("the journal {} does not work ({why}): look at the file and its file system, then try again", path.display())]
    Failed {
        /// The journal.
        path: PathBuf,
        /// In SQLite's or the system's words.
        why: String,
    },
}

/// A result of the journal.
pub type Result<T> = std::result::Result<T, StoreError>;

impl StoreError {
    /// The stable code of the error, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "store_damaged",
            Self::ReadOnly { .. } => "store_read_only",
            Self::DiskFull(_) => "disk_full",
            Self::Newer { .. } => "store_newer",
            Self::Busy(_) => "store_busy",
            Self::Moved(_) => "store_moved",
            Self::Failed { .. } => "store_failed",
        }
    }
}

/// An error of SQLite on this connection.
pub fn sqlite(connection: &Connection, path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged { path, why: error.to_string() }
        }
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path, why: error.to_string() },
        Some(ErrorCode::DiskFull) => StoreError::DiskFull(path),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(path),
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
            // SAFETY: the connection is open, and the call only reads a number from it.
            let errno = unsafe { rusqlite::ffi::sqlite3_system_errno(connection.handle()) };
            system(&path, &io::Error::from_raw_os_error(errno), error.to_string())
        }
        _ => StoreError::Failed { path, why: error.to_string() },
    }
}

/// An error of the file system.
pub fn file(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |error| system(&path, &error, error.to_string())
}

fn system(path: &Path, error: &io::Error, why: String) -> StoreError {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::DiskFull(path),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => StoreError::ReadOnly { path, why },
        _ => StoreError::Failed { path, why },
    }
}
