//! Archives made entry by entry, so that each can be wrong in its own way.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod checksums;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bloom_core::archive::{Control, Expect, Limits};
use bloom_core::manifest::{self, Application, Header, Kind};
use bloom_core::names::{Name, Version};
use bloom_core::{Error, stage, tree};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header as TarHeader};

/// A release as files: what Mix would assemble, small.
pub struct Release {
    pub files: BTreeMap<String, Vec<u8>>,
    pub version: String,
    pub app_version: String,
}

impl Release {
    pub fn new(version: &str) -> Self {
        let app_version = format!("{version}+d.0123456789ab");
        let mut release = Self { files: BTreeMap::new(), version: version.into(), app_version: app_version.clone() };
        release.put("bin/garden", b"#!/bin/sh\n");
        release.put("erts-13.1.5/bin/beam.smp", &[7; 5000]);
        release.put(&format!("lib/garden-{app_version}/ebin/garden.app"), version.as_bytes());
        release.put("lib/kernel-8.5.3/ebin/kernel.beam", &vec![9; 70_000]);
        for file in ["garden.rel", "start.boot", "start_clean.boot", "sys.config"] {
            release.put(&format!("releases/{version}/{file}"), file.as_bytes());
        }
        release
    }

    pub fn put(&mut self, path: &str, content: &[u8]) {
        self.files.insert(path.into(), content.into());
    }

    fn header(&self) -> Header {
        let app = |name: &str, version: &str, base: &str, kind| Application {
            name: Name::parse(name).unwrap(),
            version: Version::parse(version).unwrap(),
            base_version: Version::parse(base).unwrap(),
            kind,
        };
        Header {
            name: Name::parse("garden").unwrap(),
            version: Version::parse(&self.version).unwrap(),
            erts_version: Version::parse("13.1.5").unwrap(),
            otp_release: "25".into(),
            elixir_version: "1.14.0".into(),
            applications: vec![
                app("garden", &self.app_version, &self.version, Kind::Own),
                app("kernel", "8.5.3", "8.5.3", Kind::Otp),
            ],
        }
    }

    /// The files with the manifest that the build step writes, and what belongs to the node.
    pub fn assembled(&self) -> BTreeMap<String, Vec<u8>> {
        let dir = tempfile::tempdir().unwrap();
        for (path, content) in &self.files {
            write(&dir.path().join(path), content);
        }
        let entries: Vec<_> = self.files.keys().cloned().collect();
        manifest::write(dir.path(), self.header(), &entries).unwrap();
        let mut files = self.files.clone();
        let path = format!("releases/{}/bloom.json", self.version);
        files.insert(path.clone(), fs::read(dir.path().join(path)).unwrap());
        files.insert("releases/COOKIE".into(), b"COOKIE-OF-THE-BUILD".into());
        files.insert("releases/start_erl.data".into(), format!("13.1.5 {}", self.version).into());
        files
    }

    pub fn tar(&self) -> Vec<u8> {
        tar(&self.assembled())
    }

    pub fn archive(&self) -> Vec<u8> {
        gzip(&self.tar())
    }
}

pub fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Adds an entry, with a GNU header for its name where the name is long.
pub fn entry(builder: &mut tar::Builder<Vec<u8>>, path: &str, kind: EntryType, mode: u32, content: &[u8]) {
    if path.len() > 100 {
        entry(builder, "././@LongLink", EntryType::GNULongName, 0o644, &[path.as_bytes(), b"\0"].concat());
        return entry(builder, &path[..100], kind, mode, content);
    }
    let mut header = TarHeader::new_gnu();
    // Written as bytes: the library refuses names like ".." itself.
    header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    header.set_cksum();
    builder.append(&header, content).unwrap();
}

/// Adds a pax header for the next entry.
pub fn pax(builder: &mut tar::Builder<Vec<u8>>, key: &str, value: &str) {
    let rest = format!(" {key}={value}\n");
    let length = rest.len() + (rest.len() + 2).to_string().len();
    entry(builder, "PaxHeaders.0/x", EntryType::XHeader, 0o644, format!("{length}{rest}").as_bytes());
}

pub fn tar(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mode = if path.starts_with("bin/") { 0o755 } else { 0o644 };
        entry(&mut builder, path, EntryType::Regular, mode, content);
    }
    builder.into_inner().unwrap()
}

/// The archive of a good release with one more entry.
pub fn with_entry(path: &str, kind: EntryType, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in Release::new("1.1.0").assembled() {
        entry(&mut builder, &name, EntryType::Regular, 0o644, &bytes);
    }
    entry(&mut builder, path, kind, mode, content);
    gzip(&builder.into_inner().unwrap())
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A root in which 1.0.0 lies.
pub struct Root {
    dir: tempfile::TempDir,
}

impl Root {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Release::new("1.0.0").assembled();
        files.insert("releases/COOKIE".into(), b"COOKIE-OF-THE-NODE".into());
        for (path, content) in files {
            write(&dir.path().join(path), &content);
        }
        Self { dir }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Every name below the root with its kind, rights and content or target.
    pub fn listing(&self) -> Vec<String> {
        let mut listing = Vec::new();
        list(self.path(), &mut listing);
        listing.sort();
        listing
    }

    pub fn stage(&self, archive: &[u8]) -> Result<stage::Staged, Error> {
        self.stage_with(archive, &Limits::default(), &Control::default())
    }

    pub fn stage_with(&self, archive: &[u8], limits: &Limits, control: &Control<'_>) -> Result<stage::Staged, Error> {
        let path = self.upload(archive);
        stage::stage(&path, self.path(), &expect("garden", "1.1.0"), limits, control)
    }

    /// Beside the root, so that the root's digest says what staging did.
    fn upload(&self, archive: &[u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("{}.tar.gz", self.path().file_name().unwrap().to_str().unwrap()));
        fs::write(&path, archive).unwrap();
        path
    }

    /// Stages what must be refused, and proves that nothing came of it.
    pub fn refuses(&self, archive: &[u8]) -> Error {
        let before = self.listing();
        let error = self.stage(archive).expect_err("the archive is refused");
        assert_eq!(self.listing(), before, "the root is as it was after: {error}");
        error
    }
}

fn list(dir: &Path, listing: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_symlink() {
            fs::read_link(&path).unwrap().display().to_string()
        } else if metadata.is_dir() {
            list(&path, listing);
            String::new()
        } else {
            tree::hash_file(&path).unwrap().1.to_string()
        };
        listing.push(format!("{} {:o} {content}", path.display(), metadata.permissions().mode()));
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let name = format!("{}.tar.gz", self.path().file_name().unwrap().to_str().unwrap());
        let _ = fs::remove_file(std::env::temp_dir().join(name));
    }
}

pub fn expect(name: &str, version: &str) -> Expect {
    Expect { name: Some(Name::parse(name).unwrap()), version: Some(Version::parse(version).unwrap()) }
}

/// A small module that loads native code.
pub fn beam() -> Vec<u8> {
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let mut chunk = [&name[..], &u32::try_from(data.len()).unwrap().to_be_bytes(), data].concat();
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        chunk
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let attributes = b"\x83\x6c\0\0\0\x01\x68\x02\x77\x09behaviour\x6c\0\0\0\x01\x77\x0agen_server\x6a\x6a";
    let body = [
        chunk(b"AtU8", b"\0\0\0\x03\x01m\x06erlang\x08load_nif"),
        chunk(b"Code", &[&words(&[16, 0, 183, 2, 1]), &[1, 16, 149, 3][..]].concat()),
        chunk(b"ImpT", &words(&[1, 2, 3, 2])),
        chunk(b"ExpT", &words(&[1, 1, 0, 5])),
        chunk(b"FunT", &words(&[1, 1, 0, 5, 0, 0, 77])),
        chunk(b"Attr", attributes),
    ]
    .concat();
    [b"FOR1", &words(&[u32::try_from(body.len() + 4).unwrap()])[..], b"BEAM", &body].concat()
}
