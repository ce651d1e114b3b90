//! What is there already compared, the rest renamed into place, and taken away again.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::unpack::{PREFIX, Staging};
use crate::archive::Cancel;
use crate::error::{Error, Result};
use crate::manifest::{File, Manifest};
use crate::names::EntryPath;
use crate::tree::{self, sync_dir};

/// Compares a directory of the live root with the manifest: every file of the manifest, and nothing else to load.
pub(super) fn compare(root: &Path, unit: &str, manifest: &Manifest, cancel: &Cancel) -> Result<()> {
    let is_release = unit.starts_with("releases/");
    let differs = |path: String| {
        if is_release {
            Err(Error::AlreadyStaged { version: manifest.header.version.to_string(), path })
        } else {
            Err(Error::Differs(path))
        }
    };

    for file in manifest.files.iter().filter(|file| file.path.is_in(unit)) {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if !is_same(root, file)? {
            return differs(file.path.to_string());
        }
    }

    if is_release {
        // The one file that the manifest says nothing about is itself.
        let version = &manifest.header.version;
        let same = Manifest::read(root, version).is_ok_and(|there| there == *manifest);
        return if same { Ok(()) } else { differs(Manifest::path(version)) };
    }

    // A beam that the release does not know could be loaded nevertheless.
    let ebin = format!("{unit}/ebin");
    if root.join(&ebin).is_dir() {
        for path in tree::paths(root, &ebin)? {
            if manifest.file(path.as_str()).is_none() {
                return differs(path.to_string());
            }
        }
    }
    Ok(())
}

fn is_same(root: &Path, file: &File) -> Result<bool> {
    let path = file.path.below(root);
    match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_file() && metadata.len() == file.size => {
            Ok(tree::hash_file(&path)?.1 == file.sha256)
        }
        _ => Ok(false),
    }
}

/// Renames what was unpacked into the root, the release's own directory last: where it is, the release is whole.
pub(super) fn place(root: &Path, staging: &Path, mut units: Vec<String>) -> Result<Vec<String>> {
    units.sort_by_key(|unit| (rank(unit), unit.clone()));
    let mut placed = Vec::new();
    match place_in_order(root, staging, units, &mut placed) {
        Ok(()) => Ok(placed),
        Err(error) => {
            // Why it failed matters more than why it could not be undone: what stays is sound and will be shared.
            let _ = unstage(root, &placed);
            Err(error)
        }
    }
}

fn rank(unit: &str) -> u8 {
    match unit.split('/').next() {
        Some("lib") => 0,
        Some("releases") => 2,
        _ => 1,
    }
}

fn place_in_order(root: &Path, staging: &Path, units: Vec<String>, placed: &mut Vec<String>) -> Result<()> {
    let (release, libraries): (Vec<_>, Vec<_>) = units.into_iter().partition(|unit| unit.starts_with("releases/"));
    for units in [libraries, release] {
        for unit in units {
            let target = root.join(&unit);
            fs::rename(staging.join(&unit), &target).map_err(Error::io("put in place", target))?;
            placed.push(unit);
        }
        sync_parents(root)?;
    }
    Ok(())
}

fn sync_parents(root: &Path) -> Result<()> {
    ["lib", "releases"].iter().try_for_each(|dir| sync_dir(&root.join(dir)))?;
    sync_dir(root)
}

/// Removes what [`stage`](super::stage()) put in place, the release's own directory first. Each directory is renamed away
/// before it is emptied, so that a crash meanwhile leaves it whole or gone.
///
/// # Errors
/// [`Error::Io`] where something cannot be removed; what is gone already is no error. [`Error::UnsafePath`] for what
/// staging never puts in place.
pub fn unstage(root: &Path, placed: &[String]) -> Result<()> {
    let units = placed.iter().map(|unit| parse_unit(unit)).collect::<Result<Vec<_>>>()?;
    if units.is_empty() {
        return Ok(());
    }

    let removed = Staging::named(root, "removed")?;
    for (index, unit) in units.iter().enumerate().rev() {
        let path = unit.below(root);
        match fs::rename(&path, removed.path().join(index.to_string())) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("remove", path)(error)),
            _ if unit.is_in("releases") => sync_dir(&root.join("releases"))?,
            _ => {}
        }
    }
    sync_parents(root)?;
    removed.remove()
}

fn parse_unit(unit: &str) -> Result<EntryPath> {
    let path = EntryPath::parse(unit.as_bytes())?;
    let components: Vec<_> = path.components().collect();
    match components[..] {
        ["lib" | "releases", _] => Ok(path),
        [erts] if erts.starts_with("erts-") => Ok(path),
        _ => Err(Error::UnsafePath { path: unit.to_owned(), why: "staging never puts it in place" }),
    }
}

/// Removes what an interrupted [`stage`](super::stage()) or [`unstage`] left in `releases/`.
///
/// # Errors
/// [`Error::Io`] where it cannot be removed.
pub fn sweep(root: &Path) -> Result<()> {
    let releases = root.join("releases");
    for entry in fs::read_dir(&releases).map_err(Error::io("list", &releases))? {
        let entry = entry.map_err(Error::io("list", &releases))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_dir = entry.file_type().map_err(Error::io("read", entry.path()))?.is_dir();
        if is_dir && (name.starts_with(PREFIX) || name.starts_with(".rehearsal-")) {
            fs::remove_dir_all(entry.path()).map_err(Error::io("remove", entry.path()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for dir in ["lib", "releases/.staging-x/lib/a-1/ebin", "releases/.staging-x/releases/1"] {
            fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        root
    }

    fn units(units: &[&str]) -> Vec<String> {
        units.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_release_itself_comes_last() {
        let root = root();
        let staging = root.path().join("releases/.staging-x");
        fs::create_dir(staging.join("erts-1")).unwrap();
        let placed = place(root.path(), &staging, units(&["erts-1", "releases/1", "lib/a-1"])).unwrap();
        assert_eq!(placed, ["lib/a-1", "erts-1", "releases/1"]);
    }

    #[test]
    fn what_was_placed_is_taken_back_when_the_rest_fails() {
        let root = root();
        let staging = root.path().join("releases/.staging-x");
        let error = place(root.path(), &staging, units(&["lib/a-1", "lib/b-1", "releases/1"])).unwrap_err();
        assert!(error.to_string().contains("lib/b-1"), "{error}");
        assert_eq!(fs::read_dir(root.path().join("lib")).unwrap().count(), 0);
        assert!(!root.path().join("releases/1").exists());
    }

    #[test]
    fn only_what_staging_places_can_be_taken_back() {
        let root = root();
        for unit in ["lib", "releases", "bin", "lib/a-1/ebin", "../x", "releases/1/../..", ""] {
            assert!(unstage(root.path(), &units(&[unit])).is_err(), "{unit}");
        }
        assert!(root.path().join("lib").is_dir());
    }
}
