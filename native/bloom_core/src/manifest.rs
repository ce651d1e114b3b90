//! `releases/VSN/bloom.json`: what the build step says the release consists of.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::beam::ModuleMd5;
use crate::error::{Error, Result};
use crate::names::{EntryPath, Name, Sha256, Version};
use crate::tree;

/// The newest format that this version reads and the one it writes.
pub const FORMAT: u32 = 1;

/// The name of the file, in the directory of its release.
pub const MANIFEST: &str = "bloom.json";

/// Whose code an application is, which decides how its changes are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The project's own: its application, umbrella children, path dependencies.
    Own,
    /// Any other dependency.
    Dependency,
    /// Elixir's own applications.
    Elixir,
    /// Erlang/OTP's.
    Otp,
}

/// An application of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its name.
    pub name: Name,
    /// The version that the release sees, with the digest of its content.
    pub version: Version,
    /// The version that its author wrote.
    pub base_version: Version,
    /// Whose code it is.
    pub kind: Kind,
}

impl Application {
    /// Its directory, relative to the root.
    #[must_use]
    pub fn dir(&self) -> String {
        format!("lib/{}-{}", self.name, self.version)
    }
}

/// What is known of a release before its files are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// The name of the release.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// The version of ERTS in it.
    pub erts_version: Version,
    /// The OTP release it was built with.
    pub otp_release: String,
    /// The Elixir version it was built with.
    pub elixir_version: String,
    /// Its applications.
    pub applications: Vec<Application>,
}

/// A file of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Where it lies below the root.
    pub path: EntryPath,
    /// Its size in bytes.
    pub size: u64,
    /// Its permission bits.
    pub mode: u32,
    /// The digest of its content.
    pub sha256: Sha256,
    /// The digest by which the VM knows the module, where the file is one.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "md5_text")]
    pub md5: Option<ModuleMd5>,
}

/// A module's digest as 32 hexadecimal digits.
mod md5_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::beam::ModuleMd5;

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(md5: &Option<ModuleMd5>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", u128::from_be_bytes(md5.unwrap_or_default())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ModuleMd5>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let sound = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = sound.then(|| u128::from_str_radix(&text, 16).ok()).flatten();
        number.map(|number| Some(number.to_be_bytes())).ok_or_else(|| D::Error::custom("an md5 is not 32 digits"))
    }
}

/// The manifest of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Document")]
pub struct Manifest {
    /// The format of this document.
    pub format: u32,
    /// What is known of the release.
    #[serde(flatten)]
    pub header: Header,
    /// Every file of the archive but the manifest and those that differ from node to node, sorted by path.
    pub files: Vec<File>,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// The document as it is written. Read without `flatten`, which would keep whatever unknown fields hold in memory.
#[derive(Deserialize)]
struct Document {
    format: u32,
    name: Name,
    version: Version,
    erts_version: Version,
    otp_release: String,
    elixir_version: String,
    applications: Vec<Application>,
    files: Vec<File>,
}

impl TryFrom<Document> for Manifest {
    type Error = &'static str;

    fn try_from(document: Document) -> std::result::Result<Self, Self::Error> {
        let Document { format, name, version, erts_version, otp_release, elixir_version, applications, files } =
            document;
        // Files are searched by halves, and each has one digest.
        if !files.is_sorted_by(|one, next| one.path < next.path) {
            return Err("its files are not sorted, or one is there twice");
        }
        let header = Header { name, version, erts_version, otp_release, elixir_version, applications };
        Ok(Self { format, header, files })
    }
}

impl Manifest {
    /// Where the manifest of a version lies below the root.
    #[must_use]
    pub fn path(version: &Version) -> String {
        format!("releases/{version}/{MANIFEST}")
    }

    /// What it says of a file.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&File> {
        let index = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        Some(&self.files[index])
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::BadManifest`] for what is not one or is of a newer format.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bad = |error: serde_json::Error| Error::BadManifest(error.to_string());
        let Format { format } = serde_json::from_slice(bytes).map_err(bad)?;
        if format > FORMAT {
            return Err(Error::BadManifest(format!(
                "it has format {format} and this version of Bloom reads up to {FORMAT}; upgrade Bloom with a restart first"
            )));
        }
        serde_json::from_slice(bytes).map_err(bad)
    }

    /// Reads the manifest of a staged release.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::BadManifest`].
    pub fn read(root: &Path, version: &Version) -> Result<Self> {
        let path = root.join(Self::path(version));
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        Self::parse(&bytes)
    }
}

/// Whether a file is left out of manifests: it is the manifest, or belongs to the node and not to the release.
#[must_use]
pub fn is_excluded(path: &EntryPath, version: &Version) -> bool {
    let path = path.as_str();
    path == "releases/COOKIE" || path == "releases/start_erl.data" || path == Manifest::path(version)
}

/// Writes the manifest of the assembled release below `root`, covering every file in `entries` (files or
/// directories, relative to the root).
///
/// # Errors
/// [`Error::Io`] where a file cannot be read or the manifest not written, [`Error::UnsafePath`] for a name that
/// no archive could carry.
pub fn write(root: &Path, header: Header, entries: &[String]) -> Result<Manifest> {
    let mut files = BTreeMap::new();
    for entry in entries {
        for file in tree::files(root, entry)? {
            if !is_excluded(&file.path, &header.version) {
                files.entry(file.path.clone()).or_insert(file);
            }
        }
    }

    let manifest = Manifest { format: FORMAT, files: files.into_values().collect(), header };
    let path = root.join(Manifest::path(&manifest.header.version));
    let temporary = path.with_extension("json.tmp");
    let bytes = serde_json::to_vec(&manifest).map_err(|error| Error::BadManifest(error.to_string()))?;
    let mut file = fs::File::create(&temporary).map_err(Error::io("create", &temporary))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(Error::io("write", &temporary))?;
    fs::rename(&temporary, &path).map_err(Error::io("write", &path))?;
    tree::sync_dir(path.parent().unwrap_or(root))?;
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(files: &str) -> String {
        format!(
            r#"{{"format":1,"name":"garden","version":"1.1.0","erts_version":"13.1.5","otp_release":"25",
               "elixir_version":"1.14.0","applications":[],"later":[[{{}}]],"files":[{files}]}}"#
        )
    }

    fn file(path: &str) -> String {
        format!(r#"{{"path":"{path}","size":1,"mode":420,"sha256":"{}"}}"#, "00".repeat(32))
    }

    #[test]
    fn what_is_written_reads_back() {
        let manifest = Manifest::parse(document(&[file("bin/a"), file("lib/b")].join(",")).as_bytes()).unwrap();
        assert_eq!(Manifest::parse(&serde_json::to_vec(&manifest).unwrap()).unwrap(), manifest);
    }

    #[test]
    fn files_out_of_order_or_with_two_digests_are_refused() {
        for files in [[file("lib/b"), file("bin/a")], [file("bin/a"), file("bin/a")]] {
            assert_eq!(Manifest::parse(document(&files.join(",")).as_bytes()).unwrap_err().code(), "bad_manifest");
        }
    }

    #[test]
    fn files_that_lie_elsewhere_are_refused() {
        for path in ["../a", "/a", "a//b", ""] {
            assert_eq!(Manifest::parse(document(&file(path)).as_bytes()).unwrap_err().code(), "bad_manifest");
        }
    }
}
