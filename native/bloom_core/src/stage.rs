//! From an archive to files of the live root: verified and unpacked beside them in one pass, then renamed into place.
//!
//! The root never shows a half-unpacked release: what fails before the renames leaves it as it was, and the release's
//! own directory comes last. Files that are there already are shared where they are equal, and never written.

use std::fs;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::archive::{self, Control, Expect, Limits, Sink, Verified};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::names::{EntryPath, Version};
use crate::tree;

const STAGING_PREFIX: &str = ".staging-";

/// A release whose files are in place.
#[derive(Debug, Clone)]
pub struct Staged {
    /// What the verification found.
    pub verified: Verified,
    /// The directories that were put in place, relative to the root, in order.
    pub placed: Vec<String>,
    /// The directories that were there already with the same content.
    pub shared: Vec<String>,
}

/// Verifies an archive and puts its files in place below `root`.
///
/// # Errors
/// Those of [`archive::verify`], and [`Error::Differs`] where a file is there already with other content. In every
/// case the root is as it was before.
pub fn stage(archive: &Path, root: &Path, expect: &Expect, limits: &Limits, control: &Control<'_>) -> Result<Staged> {
    let staging = Staging::create(root, expect.version.as_ref())?;
    let mut unpack = Unpack { root, staging: &staging.path, last_dir: PathBuf::new() };
    let verified = archive::read(archive, expect, limits, control, &mut unpack)?;
    sync_file_system(&staging.path)?;

    let directories = directories(&verified.manifest);
    let (shared, missing): (Vec<_>, Vec<_>) = directories.into_iter().partition(|dir| root.join(dir).exists());
    for dir in &shared {
        compare(root, dir, &verified.manifest)?;
    }
    if control.cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let placed = place(root, &staging.path, missing)?;
    Ok(Staged { verified, placed, shared })
}

/// Removes what [`stage`] put in place, the release's own directory first.
///
/// # Errors
/// [`Error::Io`] where something cannot be removed; what is gone already is no error.
pub fn unstage(root: &Path, placed: &[String]) -> Result<()> {
    for dir in placed.iter().rev() {
        let path = EntryPath::parse(dir.as_bytes())?.below(root);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("remove", path)(error)),
            _ => sync_dir(path.parent().unwrap_or(root))?,
        }
    }
    Ok(())
}

/// Removes what an interrupted [`stage`] left in `releases/`.
///
/// # Errors
/// [`Error::Io`] where it cannot be removed.
pub fn sweep(root: &Path) -> Result<()> {
    let releases = root.join("releases");
    for entry in fs::read_dir(&releases).map_err(Error::io("list", &releases))? {
        let entry = entry.map_err(Error::io("list", &releases))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(STAGING_PREFIX) || name.starts_with(".rehearsal-") {
            fs::remove_dir_all(entry.path()).map_err(Error::io("remove", entry.path()))?;
        }
    }
    Ok(())
}

/// A directory in `releases/` that goes away with this value.
struct Staging {
    path: PathBuf,
}

impl Staging {
    fn create(root: &Path, version: Option<&Version>) -> Result<Self> {
        let version = version.map_or("any", Version::as_str);
        let path = root.join("releases").join(format!("{STAGING_PREFIX}{version}"));
        if path.exists() {
            fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        Ok(Self { path })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Swept at the next boot if it fails here; there is nobody to tell in a drop.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Unpacks what the root lacks.
struct Unpack<'a> {
    root: &'a Path,
    staging: &'a Path,
    last_dir: PathBuf,
}

impl Sink for Unpack<'_> {
    fn file(&mut self, path: &EntryPath, executable: bool) -> Result<Option<Box<dyn Write + '_>>> {
        let Some(unit) = unit(path).filter(|unit| !self.root.join(unit).exists()) else { return Ok(None) };
        debug_assert!(path.is_in(&unit));

        let target = path.below(self.staging);
        let dir = target.parent().unwrap_or(self.staging);
        if dir != self.last_dir {
            fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
            dir.clone_into(&mut self.last_dir);
        }
        let mode = if executable { 0o755 } else { 0o644 };
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&target)
            .map_err(Error::io("create", &target))?;
        Ok(Some(Box::new(BufWriter::with_capacity(64 * 1024, file))))
    }
}

/// The directory that is put in place as a whole for this file: an application's, ERTS, or the release's own. The
/// launcher and the loose files of `releases/` belong to the node.
fn unit(path: &EntryPath) -> Option<String> {
    let components: Vec<_> = path.components().collect();
    match components[..] {
        ["lib", app, _, ..] => Some(format!("lib/{app}")),
        ["releases", version, _, ..] => Some(format!("releases/{version}")),
        [erts, _, ..] if erts.starts_with("erts-") => Some(erts.to_owned()),
        _ => None,
    }
}

/// What is to be put in place, the release's own directory last: where it is, the release is whole.
fn directories(manifest: &Manifest) -> Vec<String> {
    let mut units: Vec<String> = manifest.files.iter().filter_map(|file| unit(&file.path)).collect();
    units.sort_by_key(|unit| (unit.starts_with("releases/"), unit.clone()));
    units.dedup();
    units
}

fn compare(root: &Path, dir: &str, manifest: &Manifest) -> Result<()> {
    for file in manifest.files.iter().filter(|file| file.path.is_in(dir)) {
        let path = file.path.below(root);
        let same = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() && metadata.len() == file.size => {
                tree::hash_file(&path)?.1 == file.sha256
            }
            _ => false,
        };
        if !same {
            return Err(Error::Differs(file.path.to_string()));
        }
    }

    // A beam that the release does not know could be loaded nevertheless.
    let ebin = format!("{dir}/ebin");
    if root.join(&ebin).is_dir() {
        for file in tree::files(root, &ebin)? {
            if manifest.file(file.path.as_str()).is_none() {
                return Err(Error::Differs(file.path.to_string()));
            }
        }
    }
    Ok(())
}

fn place(root: &Path, staging: &Path, dirs: Vec<String>) -> Result<Vec<String>> {
    let mut placed = Vec::new();
    for dir in dirs {
        let target = root.join(&dir);
        if let Err(error) = fs::rename(staging.join(&dir), &target) {
            unstage(root, &placed)?;
            return Err(Error::io("put in place", target)(error));
        }
        placed.push(dir);
    }
    for dir in ["lib", "releases", ""] {
        sync_dir(&root.join(dir))?;
    }
    Ok(placed)
}

fn sync_dir(dir: &Path) -> Result<()> {
    fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", dir))
}

/// Everything that was unpacked is on disk before it is renamed; one call for thousands of files.
#[cfg(target_os = "linux")]
fn sync_file_system(dir: &Path) -> Result<()> {
    let handle = fs::File::open(dir).map_err(Error::io("open", dir))?;
    rustix::fs::syncfs(handle).map_err(|error| Error::io("sync", dir)(error.into()))
}

/// Everything that was unpacked is on disk before it is renamed.
#[cfg(not(target_os = "linux"))]
fn sync_file_system(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let path = entry.map_err(Error::io("list", dir))?.path();
        if path.is_dir() {
            sync_file_system(&path)?;
        }
        sync_dir(&path)?;
    }
    Ok(())
}
