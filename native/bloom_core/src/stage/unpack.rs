//! Unpacking beside the live files, into a directory that goes away unless it is put in place.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::unit;
use crate::archive::Sink;
use crate::error::{Error, Result};
use crate::names::{EntryPath, Version};

/// How the names of directories begin in which something is unpacked or taken apart.
pub(super) const PREFIX: &str = ".staging-";

/// A directory in `releases/` that goes away with this value.
pub(super) struct Staging {
    path: PathBuf,
}

impl Staging {
    pub(super) fn create(root: &Path, version: Option<&Version>) -> Result<Self> {
        Self::named(root, version.map_or("any", Version::as_str))
    }

    pub(super) fn named(root: &Path, name: &str) -> Result<Self> {
        let path = root.join("releases").join(format!("{PREFIX}{name}"));
        if path.exists() {
            fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Everything in it is on disk: one call for thousands of files.
    #[cfg(target_os = "linux")]
    pub(super) fn sync(&self) -> Result<()> {
        let handle = fs::File::open(&self.path).map_err(Error::io("open", &self.path))?;
        rustix::fs::syncfs(handle).map_err(|error| Error::io("sync", &self.path)(error.into()))
    }

    /// Everything in it is on disk.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn sync(&self) -> Result<()> {
        sync_tree(&self.path)
    }

    /// Removes it, and says so where that fails.
    pub(super) fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.path).map_err(Error::io("remove", &self.path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Swept at the next boot if it fails here; there is nobody to tell in a drop.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(not(target_os = "linux"))]
fn sync_tree(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let path = entry.map_err(Error::io("list", dir))?.path();
        if path.is_dir() { sync_tree(&path)? } else { crate::tree::sync_dir(&path)? }
    }
    crate::tree::sync_dir(dir)
}

/// Unpacks what the root lacks.
pub(super) struct Unpack<'a> {
    root: &'a Path,
    staging: &'a Path,
    /// The directories that the archive has files of, and whether the root has them.
    units: BTreeMap<String, bool>,
    last_dir: PathBuf,
    file: Option<(PathBuf, fs::File)>,
}

impl<'a> Unpack<'a> {
    pub(super) fn new(root: &'a Path, staging: &'a Staging) -> Self {
        Self { root, staging: staging.path(), units: BTreeMap::new(), last_dir: PathBuf::new(), file: None }
    }

    /// The directories that were there already, and those that were unpacked.
    pub(super) fn finish(self) -> (Vec<String>, Vec<String>) {
        let (shared, missing): (Vec<_>, Vec<_>) = self.units.into_iter().partition(|(_, present)| *present);
        let names = |units: Vec<(String, bool)>| units.into_iter().map(|(unit, _)| unit).collect();
        (names(shared), names(missing))
    }

    /// Whether the file is one that the root lacks.
    fn wants(&mut self, path: &EntryPath) -> bool {
        let Some(unit) = unit(path) else { return false };
        // Without following links: one that leads nowhere is in the way as well.
        let present = |unit: &String| self.root.join(unit).symlink_metadata().is_ok();
        !*self.units.entry(unit).or_insert_with_key(present)
    }
}

impl Sink for Unpack<'_> {
    fn open(&mut self, path: &EntryPath, executable: bool) -> Result<()> {
        if !self.wants(path) {
            return Ok(());
        }
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
        self.file = Some((target, file));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.file {
            Some((path, file)) => file.write_all(bytes).map_err(Error::io("write", &*path)),
            None => Ok(()),
        }
    }

    fn close(&mut self) {
        self.file = None;
    }
}
