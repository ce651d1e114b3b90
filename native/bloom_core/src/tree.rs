//! Directories on disk: their files, their digests.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sha2::Digest as _;

use crate::beam::{Beam, ModuleMd5};
use crate::error::{Error, Result};
use crate::manifest::File;
use crate::names::{EntryPath, Sha256};

/// The content digest of a directory: 64 hexadecimal digits over the sorted relative paths and the SHA-256 of each
/// file. Links are followed, as Mix's `:tar` step packs what they point to.
///
/// # Errors
/// [`Error::Io`] where something in it cannot be read.
pub fn digest(dir: &Path) -> Result<String> {
    let parent = dir.parent().unwrap_or(Path::new("/"));
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut hasher = sha2::Sha256::new();
    for path in paths(parent, &name)? {
        hasher.update(&path.as_str()[name.len()..]);
        hasher.update([0]);
        hasher.update(hash_file(&path.below(parent))?.1.to_string());
        hasher.update([0]);
    }
    Ok(Sha256::of(hasher).to_string())
}

/// Every file of `entry` (a file or a directory below `root`), sorted by path, with size, mode and digest.
///
/// # Errors
/// [`Error::Io`] where something cannot be read, [`Error::UnsafePath`] for a name that no archive could carry.
pub fn files(root: &Path, entry: &str) -> Result<Vec<File>> {
    let file = |path: EntryPath| {
        let full = path.below(root);
        let mode = fs::metadata(&full).map_err(Error::io("read", &full))?.permissions().mode() & 0o777;
        let (size, sha256) = hash_file(&full)?;
        let md5 = if full.extension().is_some_and(|extension| extension == "beam") { module_md5(&full)? } else { None };
        Ok(File { path, size, mode, sha256, md5 })
    };
    paths(root, entry)?.into_iter().map(file).collect()
}

/// The path of every file of `entry` (a file or a directory below `root`), sorted.
///
/// # Errors
/// Those of [`files`].
pub fn paths(root: &Path, entry: &str) -> Result<Vec<EntryPath>> {
    let mut found = Vec::new();
    collect(root, EntryPath::parse(entry.as_bytes())?, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(root: &Path, path: EntryPath, found: &mut Vec<EntryPath>) -> Result<()> {
    let full = path.below(root);
    if fs::metadata(&full).map_err(Error::io("read", &full))?.is_dir() {
        for entry in fs::read_dir(&full).map_err(Error::io("list", &full))? {
            let entry = entry.map_err(Error::io("list", &full))?;
            let mut child = path.as_str().as_bytes().to_vec();
            child.push(b'/');
            child.extend_from_slice(entry.file_name().as_encoded_bytes());
            collect(root, EntryPath::parse(&child)?, found)?;
        }
    } else {
        found.push(path);
    }
    Ok(())
}

/// The digest of a compiled module; a file that only looks like one has none.
fn module_md5(path: &Path) -> Result<Option<ModuleMd5>> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    Ok(Beam::parse(&bytes).ok().map(|beam| beam.md5()))
}

/// Size and digest of a file.
///
/// # Errors
/// [`Error::Io`] where it cannot be read.
pub fn hash_file(path: &Path) -> Result<(u64, Sha256)> {
    let mut file = fs::File::open(path).map_err(Error::io("open", path))?;
    let mut buffer = vec![0; 64 * 1024];
    let mut hasher = sha2::Sha256::new();
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer).map_err(Error::io("read", path))?;
        if read == 0 {
            return Ok((size, Sha256::of(hasher)));
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", dir))
}
