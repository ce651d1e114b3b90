//! From a database in use to a file that can be restored, and the proof of it.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::Digest as _;

use super::connection::Database;
use super::contents::{self, Counts};
use super::copy::{Snapshot, Temporary, copy};
use super::error::SqliteError;
use super::progress::Progress;
use crate::archive::{Cancel, Control};
use crate::backup::{Compression, NewFile, Written, decompress};
use crate::error::{Error, Result};
use crate::names::Sha256;

const BUFFER: usize = 256 << 10;

/// A dump and what is to be known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dumped {
    /// The file.
    pub written: Written,
    /// How many rows each table had.
    pub counts: Counts,
    /// The permission bits of the database's file.
    pub mode: u32,
}

/// Dumps a database in use.
///
/// # Errors
/// Those of [`SqliteError`]; [`Error::Cancelled`]. There is no file then.
pub fn dump(database: &Path, file: &Path, compression: Compression, control: &Control<'_>) -> Result<Dumped> {
    let live = Database::live(database, &control.cancel)?;
    let mode = fs::metadata(database).map_err(Error::io("look at", database))?.mode() & 0o777;
    let pages = live.number("PRAGMA page_count")?;
    let bytes = pages * live.number("PRAGMA page_size")?;
    let mut progress = Progress::new(control, bytes * 2);

    let raw = beside(file);
    let counted = snapshot_of(&live, &raw.0, &control.cancel, &mut progress)?;
    drop(live);
    progress.end_part(bytes);

    let own = Database::immutable(&raw.0, &control.cancel)?;
    // What was copied exactly is as sound as the database itself.
    if let Some(why) = contents::fault(&own, false)? {
        return Err(SqliteError::Damaged { path: database.to_owned(), why }.into());
    }
    let counts = contents::counts(&own)?;
    if let Some(why) = counted.and_then(|counted| contents::difference(&counts, &counted)) {
        return Err(SqliteError::backup(file)(why));
    }
    drop(own);

    let written = compress(&raw.0, file, compression, &control.cancel, &mut progress)?;
    Ok(Dumped { written, counts, mode })
}

/// Copies, and counts where that does not keep others from writing.
fn snapshot_of(live: &Database, raw: &Path, cancel: &Cancel, progress: &mut Progress<'_>) -> Result<Option<Counts>> {
    if live.has_wal()? {
        let _snapshot = Snapshot::take(live)?;
        let counts = contents::counts(live)?;
        copy(live, raw, cancel, &mut |bytes| progress.part(bytes))?;
        Ok(Some(counts))
    } else {
        copy(live, raw, cancel, &mut |bytes| progress.part(bytes))?;
        Ok(None)
    }
}

fn compress(
    raw: &Path,
    file: &Path,
    compression: Compression,
    cancel: &Cancel,
    progress: &mut Progress<'_>,
) -> Result<Written> {
    let mut from = File::open(raw).map_err(Error::io("open", raw))?;
    let mut to = NewFile::create(file, compression)?;
    let (mut buffer, mut done) = (vec![0; BUFFER], 0);
    loop {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let read = from.read(&mut buffer).map_err(Error::io("read", raw))?;
        if read == 0 {
            break;
        }
        to.write(&buffer[..read])?;
        done += read as u64;
        progress.part(done);
    }
    progress.end_part(done);
    to.finish()?.put_in_place()
}

/// Proves that the file is what was written, and with `counts` that a database with so many rows comes out of it.
///
/// # Errors
/// [`SqliteError::BackupDamaged`]; [`Error::Cancelled`].
pub fn verify(file: &Path, bytes: u64, sha256: &Sha256, counts: Option<&Counts>, control: &Control<'_>) -> Result<()> {
    let found = digest(file, &control.cancel)?;
    if found != (bytes, *sha256) {
        return Err(SqliteError::backup(file)("it is not what was written".into()));
    }
    let raw = unpack(file, control)?;
    let own = Database::immutable(&raw.0, &control.cancel)?;
    let fault = damaged(file, contents::fault(&own, counts.is_some()))?;
    let fault = match (fault, counts) {
        (None, Some(counts)) => contents::difference(&damaged(file, contents::counts(&own))?, counts),
        (fault, _) => fault,
    };
    fault.map_or(Ok(()), |why| Err(SqliteError::backup(file)(why)))
}

/// Decompresses a dump into a file beside it, which is removed when nobody needs it.
pub fn unpack(file: &Path, control: &Control<'_>) -> Result<Temporary> {
    let raw = beside(file);
    let broken = |error: std::io::Error| match error.kind() {
        // The decoders' own words for what they cannot read.
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::io("write", &raw.0)(error),
        _ => SqliteError::backup(file)(error.to_string()),
    };
    let mut from = decompress(file, |_| ())?;
    let mut to = File::create(&raw.0).map_err(Error::io("create", &raw.0))?;
    let mut buffer = vec![0; BUFFER];
    loop {
        if control.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let read = from.read(&mut buffer).map_err(broken)?;
        if read == 0 {
            break;
        }
        std::io::Write::write_all(&mut to, &buffer[..read]).map_err(Error::io("write", &raw.0))?;
    }
    Ok(raw)
}

/// What is wrong with a database that came out of a dump is wrong with the dump.
pub fn damaged<T>(file: &Path, result: Result<T>) -> Result<T> {
    result.map_err(|error| match error {
        Error::Sqlite(SqliteError::Damaged { why, .. } | SqliteError::Failed { why, .. }) => {
            SqliteError::backup(file)(why)
        }
        other => other,
    })
}

fn digest(file: &Path, cancel: &Cancel) -> Result<(u64, Sha256)> {
    let mut from = File::open(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => SqliteError::backup(file)("it is not there".into()),
        _ => Error::io("open", file)(error),
    })?;
    let (mut buffer, mut hasher, mut bytes) = (vec![0; BUFFER], sha2::Sha256::new(), 0);
    loop {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let read = from.read(&mut buffer).map_err(Error::io("read", file))?;
        if read == 0 {
            return Ok((bytes, Sha256::of(hasher)));
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
}

/// A name that no other process takes.
fn beside(file: &Path) -> Temporary {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.raw", std::process::id()));
    Temporary(PathBuf::from(name))
}
