//! Which releases lie in a root, and which directories each of them needs.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::manifest::{MANIFEST, Manifest};
use crate::plan::read_term;
use crate::rel::Rel;

/// What a root holds.
#[derive(Debug)]
pub struct Inventory {
    /// The releases, sorted by the names of their directories.
    pub releases: Vec<Release>,
    /// The directories of applications and of ERTS, relative to the root, sorted. Links are none: a hand made them.
    pub directories: Vec<String>,
}

/// A directory in `releases/` that holds a release.
#[derive(Debug)]
pub struct Release {
    /// The directory's name, by which it boots.
    pub version: String,
    /// The directories that it needs, relative to the root; or why nobody can tell.
    pub needs: std::result::Result<BTreeSet<String>, String>,
}

/// Looks at a root: at the releases whether anybody has registered them or not.
///
/// # Errors
/// [`Error::Io`] where a directory cannot be listed.
pub fn read(root: &Path) -> Result<Inventory> {
    let mut releases = Vec::new();
    for (name, path) in list(&root.join("releases"))? {
        // A link to a directory boots as well as a directory.
        if !name.starts_with('.') && path.is_dir() {
            releases.extend(release(name, &path)?);
        }
    }

    let mut directories = real_dirs(root, "", |name| name.starts_with("erts-"))?;
    directories.extend(real_dirs(root, "lib/", |_| true)?);
    directories.sort();
    Ok(Inventory { releases, directories })
}

/// `None` for a directory that holds none of the files of a release.
fn release(version: String, dir: &Path) -> Result<Option<Release>> {
    let files = list(dir)?;
    let is_release = |name: &str| name == MANIFEST || name == "start.boot" || is_rel(name);
    if !files.iter().any(|(name, _)| is_release(name)) {
        return Ok(None);
    }

    // One of them is enough to know, as a manifest may be a newer Bloom's; where both are there, what either says counts.
    let mut needs = BTreeSet::new();
    let mut unreadable = vec!["it has neither .rel nor manifest".to_owned()];
    for (name, path) in &files {
        let found = match name.as_str() {
            MANIFEST => from_manifest(path),
            name if is_rel(name) => from_rel(path),
            _ => continue,
        };
        match found {
            Ok(dirs) => needs.extend(dirs),
            Err(why) => unreadable.push(why.to_string()),
        }
    }
    let needs = if needs.is_empty() { Err(unreadable.pop().unwrap_or_default()) } else { Ok(needs) };
    Ok(Some(Release { version, needs }))
}

fn is_rel(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "rel")
}

fn from_manifest(path: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let header = Manifest::parse(&bytes)?.header;
    let erts = format!("erts-{}", header.erts_version);
    Ok(header.applications.iter().map(crate::manifest::Application::dir).chain([erts]).collect())
}

fn from_rel(path: &Path) -> Result<Vec<String>> {
    let unreadable = || Error::BadManifest(format!("{} is no list of applications", path.display()));
    Rel::of(&read_term(path)?).and_then(|rel| rel.dirs()).ok_or_else(unreadable)
}

fn real_dirs(root: &Path, parent: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (name, path) in list(&root.join(parent))? {
        let is_real = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        if is_real && wanted(&name) {
            found.push(format!("{parent}{name}"));
        }
    }
    Ok(found)
}

/// The names in a directory and their paths, sorted. A name that is no UTF-8 is none that a release could have.
fn list(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let entry = entry.map_err(Error::io("list", dir))?;
        if let Ok(name) = entry.file_name().into_string() {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// The bytes of all files at and below some paths, without following links; what is not there has none.
///
/// # Errors
/// [`Error::Io`] where something cannot be read.
pub fn size(paths: &[PathBuf]) -> Result<u64> {
    paths.iter().map(|path| size_of(path)).sum()
}

fn size_of(path: &Path) -> Result<u64> {
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    let mut total = 0;
    for entry in fs::read_dir(path).map_err(Error::io("list", path))? {
        total += size_of(&entry.map_err(Error::io("list", path))?.path())?;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const REL: &str = r#"{release,{"garden","1.0.0"},{erts,"13.1"},[{kernel,"8.5"},{garden,"1.0.0+d.00"}]}."#;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for dir in ["lib/kernel-8.5/ebin", "erts-13.1/bin", "releases", "bin"] {
            fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    fn only(root: &tempfile::TempDir) -> Release {
        let mut releases = read(root.path()).unwrap().releases;
        assert_eq!(releases.len(), 1, "{releases:?}");
        releases.remove(0)
    }

    #[test]
    fn a_release_needs_its_applications_and_erts() {
        let needs = only(&root(&[("releases/1.0.0/garden.rel", REL)])).needs.unwrap();
        assert_eq!(needs.into_iter().collect::<Vec<_>>(), ["erts-13.1", "lib/garden-1.0.0+d.00", "lib/kernel-8.5"]);
    }

    #[test]
    fn what_either_file_says_counts() {
        let manifest = r#"{"format":1,"name":"garden","version":"1.0.0","erts_version":"13.2","otp_release":"25",
            "elixir_version":"1.14.0","applications":[],"files":[]}"#;
        let both = root(&[("releases/1.0.0/garden.rel", REL), ("releases/1.0.0/bloom.json", manifest)]);
        let needs = only(&both).needs.unwrap();
        assert!(needs.contains("erts-13.2") && needs.contains("erts-13.1") && needs.contains("lib/kernel-8.5"));
    }

    #[test]
    fn a_manifest_of_a_newer_bloom_hides_nothing() {
        let newer = root(&[("releases/1.0.0/garden.rel", REL), ("releases/1.0.0/bloom.json", r#"{"format":99}"#)]);
        assert!(only(&newer).needs.unwrap().contains("lib/kernel-8.5"));
    }

    #[test]
    fn where_nobody_can_tell_that_is_said() {
        for (file, content) in [
            ("start.boot", ""),
            ("garden.rel", "{release,"),
            ("garden.rel", "[]."),
            ("garden.rel", r#"{release,{"garden","1.0.0"},{erts,"13"},[{'../..',"1"}]}."#),
            ("bloom.json", "{}"),
        ] {
            let path = format!("releases/1.0.0/{file}");
            assert!(only(&root(&[(&path, content)])).needs.is_err(), "{file} {content}");
        }
    }

    #[test]
    fn what_holds_no_release_is_none() {
        let root = root(&[("releases/notes/todo.txt", ""), ("releases/.staging-x/garden.rel", REL)]);
        assert!(read(root.path()).unwrap().releases.is_empty());
    }

    #[test]
    fn a_linked_release_counts_and_a_linked_library_is_not_ours() {
        let elsewhere = root(&[("1.0.0/garden.rel", REL)]);
        let root = root(&[]);
        symlink(elsewhere.path().join("1.0.0"), root.path().join("releases/1.0.0")).unwrap();
        symlink(elsewhere.path(), root.path().join("lib/own-1.0")).unwrap();
        assert!(only(&root).needs.unwrap().contains("lib/kernel-8.5"));
        assert_eq!(read(root.path()).unwrap().directories, ["erts-13.1", "lib/kernel-8.5"]);
    }

    #[test]
    fn sizes_are_those_of_the_files_and_links_are_not_followed() {
        let root = root(&[("lib/kernel-8.5/ebin/a", "12345"), ("lib/kernel-8.5/b", "678")]);
        let library = root.path().join("lib/kernel-8.5");
        assert_eq!(size(&[library.clone(), root.path().join("no")]).unwrap(), 8);
        symlink(root.path(), library.join("loop")).unwrap();
        assert!(size(&[library]).unwrap() < 8 + 4096);
    }
}
