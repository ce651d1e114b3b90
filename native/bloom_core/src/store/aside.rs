//! Damaged journals are kept aside, where a person can look at them, and never come back by themselves.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What SQLite keeps beside a file of its own.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Renames the journal and what belongs to it, and answers its new path.
///
/// The journal itself goes first: without it nothing is opened, and what a crash leaves of the rest is moved by
/// [`keep_orphans`].
pub fn keep(store: &Path) -> io::Result<PathBuf> {
    let kept = free_name(store);
    fs::rename(store, &kept)?;
    move_companions(store, &kept)?;
    sync_directory(store)?;
    Ok(kept)
}

/// Moves companions that have lost their journal, which SQLite would take for those of the next one in its place.
/// Answers where they went, or nothing where there are none.
pub fn keep_orphans(store: &Path) -> io::Result<Option<PathBuf>> {
    if !COMPANIONS.iter().any(|companion| with(store, companion).exists()) {
        return Ok(None);
    }
    let kept = free_name(store);
    move_companions(store, &kept)?;
    sync_directory(store)?;
    Ok(Some(kept))
}

/// What lies aside, the latest: a journal where there is one, else what is left of one.
pub fn latest(store: &Path) -> io::Result<Option<PathBuf>> {
    let prefix = with(store, ".damaged-");
    let Some(prefix) = prefix.file_name() else { return Ok(None) };
    let mut kept = None;
    for entry in fs::read_dir(directory(store))? {
        let name = entry?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(prefix.as_encoded_bytes()) {
            let journal = !COMPANIONS.iter().any(|companion| bytes.ends_with(companion.as_bytes()));
            kept = kept.max(Some((journal, name)));
        }
    }
    Ok(kept.map(|(_journal, name)| store.with_file_name(name)))
}

/// Makes renames in the journal's directory known after a power cut.
pub fn sync_directory(store: &Path) -> io::Result<()> {
    File::open(directory(store))?.sync_all()
}

/// The path with something at its end.
pub fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn move_companions(store: &Path, kept: &Path) -> io::Result<()> {
    for companion in COMPANIONS {
        match fs::rename(with(store, companion), with(kept, companion)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _moved_or_not_there => {}
        }
    }
    Ok(())
}

fn free_name(store: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let names = (now..).map(|second| with(store, &format!(".damaged-{second}")));
    let taken = |name: &PathBuf| name.exists() || COMPANIONS.iter().any(|companion| with(name, companion).exists());
    names.into_iter().find(|name| !taken(name)).unwrap_or_else(|| with(store, ".damaged"))
}

fn directory(store: &Path) -> &Path {
    match store.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
