//! Whether an archive holds what its manifest says, and nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use super::Expect;
use super::walk::Contents;
use crate::error::{Error, Result};
use crate::manifest::{Manifest, is_excluded};
use crate::names::{EntryPath, Sha256, Version};

/// Compares what was read with the manifest and with what was asked for.
pub(super) fn against_manifest(contents: Contents, expect: &Expect, archive: &Path) -> Result<Manifest> {
    let (path, manifest) = match contents.manifest {
        Some((path, bytes)) => (path, Manifest::parse(&bytes)?),
        None => return Err(Error::NoManifest(release_name(archive, expect))),
    };
    let version = &manifest.header.version;

    check_release(&manifest, expect, &path)?;
    check_erts(&contents.files, &manifest)?;
    for (path, (size, sha256)) in &contents.files {
        if is_excluded(path, version) {
            continue;
        }
        check_place(path, &manifest)?;
        if manifest.file(path.as_str()).is_none_or(|listed| listed.size != *size || listed.sha256 != *sha256) {
            return Err(Error::Altered(path.to_string()));
        }
    }
    for file in &manifest.files {
        if !contents.files.contains_key(&file.path) {
            return Err(Error::Missing(file.path.to_string()));
        }
    }
    check_boots(&contents.files, &manifest, version)?;
    Ok(manifest)
}

fn check_release(manifest: &Manifest, expect: &Expect, path: &EntryPath) -> Result<()> {
    let header = &manifest.header;
    let wrong = |what, found: &str, expected: &str| {
        Err(Error::WrongRelease { what, found: found.to_owned(), expected: expected.to_owned() })
    };

    if let Some(name) = expect.name.as_ref().filter(|name| **name != header.name) {
        return wrong("release", header.name.as_str(), name.as_str());
    }
    if let Some(version) = expect.version.as_ref().filter(|version| **version != header.version) {
        return wrong("version", header.version.as_str(), version.as_str());
    }
    if path.as_str() != Manifest::path(&header.version) {
        return wrong("version", header.version.as_str(), path.as_str());
    }
    Ok(())
}

fn check_erts(files: &BTreeMap<EntryPath, (u64, Sha256)>, manifest: &Manifest) -> Result<()> {
    let erts = format!("erts-{}", manifest.header.erts_version);
    if files.keys().any(|path| path.is_in(&erts)) { Ok(()) } else { Err(Error::NoErts) }
}

/// A file must belong to one of the release's own applications, its ERTS, its launcher or its directory.
fn check_place(path: &EntryPath, manifest: &Manifest) -> Result<()> {
    let header = &manifest.header;
    let components: Vec<_> = path.components().collect();
    let known = match components[..] {
        // Loose files of releases/ stay the node's own.
        ["bin", _, ..] | ["releases", _] => true,
        ["releases", version, _, ..] => version == header.version.as_str(),
        ["lib", dir, _, ..] => is_application(dir, manifest),
        [top, _, ..] => top.strip_prefix("erts-") == Some(header.erts_version.as_str()),
        _ => false,
    };
    if known { Ok(()) } else { Err(Error::UnknownEntry(path.to_string())) }
}

fn is_application(dir: &str, manifest: &Manifest) -> bool {
    manifest.header.applications.iter().any(|app| {
        dir.strip_prefix(app.name.as_str()).and_then(|rest| rest.strip_prefix('-')) == Some(app.version.as_str())
    })
}

fn check_boots(files: &BTreeMap<EntryPath, (u64, Sha256)>, manifest: &Manifest, version: &Version) -> Result<()> {
    let name = &manifest.header.name;
    for file in [format!("{name}.rel"), "start.boot".into(), "start_clean.boot".into(), "sys.config".into()] {
        let path = format!("releases/{version}/{file}");
        if !files.contains_key(path.as_str()) {
            return Err(Error::Missing(path));
        }
    }
    Ok(())
}

/// For the message only: the name that the user will recognize.
fn release_name(archive: &Path, expect: &Expect) -> String {
    if let Some(name) = &expect.name {
        return name.to_string();
    }
    let file = archive.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    file.split('-').next().unwrap_or("my_app").to_owned()
}
