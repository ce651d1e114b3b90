//! The tar side of an archive: which entries there are, whether their names and kinds may be, and their digests.

use std::collections::BTreeMap;
use std::io::{self, Read};

use sha2::Digest as _;
use tar::EntryType;

use super::Limits;
use super::adapters::Refusal;
use super::paths::{Paths, check_top};
use crate::error::{Error, Result};
use crate::names::{EntryPath, Sha256};

/// The longest extended header (a long name) that is read. Real ones have a path in them and little else.
const MAX_EXTENSION: u64 = 64 * 1024;
const BLOCK: usize = 512;
const BUFFER: usize = 64 * 1024;

/// Where the files of an archive go while it is verified.
pub(crate) trait Sink {
    /// A file begins.
    fn open(&mut self, path: &EntryPath, executable: bool) -> Result<()>;
    /// Its next bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;
    /// It is whole.
    fn close(&mut self);
}

/// Verification alone keeps nothing.
pub(super) struct Nowhere;

impl Sink for Nowhere {
    fn open(&mut self, _path: &EntryPath, _executable: bool) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, _bytes: &[u8]) -> Result<()> {
        Ok(())
    }

    fn close(&mut self) {}
}

/// What an archive holds.
pub(super) struct Contents {
    /// Size and digest of every file, sorted so that the same error comes every time.
    pub(super) files: BTreeMap<EntryPath, (u64, Sha256)>,
    /// The manifest's path and bytes.
    pub(super) manifest: Option<(EntryPath, Vec<u8>)>,
}

/// Reads every entry of the archive, and that nothing follows.
pub(super) fn walk(reader: &mut dyn Read, refusal: &Refusal, limits: &Limits, sink: &mut dyn Sink) -> Result<Contents> {
    let mut walk = Walk {
        limits,
        sink,
        paths: Paths::new(limits.name_bytes),
        contents: Contents { files: BTreeMap::new(), manifest: None },
        long_name: None,
        buffer: vec![0; BUFFER],
    };
    let mut archive = tar::Archive::new(reader);
    walk.entries(&mut archive).and_then(|()| walk.end(archive.into_inner())).map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::Reading(error) => refusal.explain(&error),
    })?;
    Ok(walk.contents)
}

enum Failure {
    Refused(Error),
    Reading(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Reading(error)
    }
}

type Walked<T> = std::result::Result<T, Failure>;

struct Walk<'a> {
    limits: &'a Limits,
    sink: &'a mut dyn Sink,
    paths: Paths,
    contents: Contents,
    /// The name of the next entry, where its header has no room for it.
    long_name: Option<Vec<u8>>,
    buffer: Vec<u8>,
}

impl Walk<'_> {
    fn entries(&mut self, archive: &mut tar::Archive<&mut dyn Read>) -> Walked<()> {
        let mut count = 0;
        // Raw, so that extended headers are read here, within a bound.
        for entry in archive.entries()?.raw(true) {
            count += 1;
            if count > self.limits.entries {
                return Err(Error::TooLarge { what: "the bound on entries", limit: self.limits.entries }.into());
            }
            self.entry(&mut entry?)?;
        }
        match self.long_name {
            None => Ok(()),
            Some(_) => Err(Error::Damaged("it ends after an extended header".into()).into()),
        }
    }

    /// The first of the two blocks of zeros that end an archive has been read; more of them are padding.
    fn end(&mut self, reader: &mut dyn Read) -> Walked<()> {
        let mut zeros = 0;
        loop {
            let read = reader.read(&mut self.buffer)?;
            if self.buffer[..read].iter().any(|byte| *byte != 0) {
                return Err(Error::TrailingData.into());
            }
            if read == 0 && zeros < BLOCK {
                return Err(Error::Damaged("the end of the tar archive is missing".into()).into());
            }
            if read == 0 {
                return Ok(());
            }
            zeros = zeros.saturating_add(read);
        }
    }

    fn entry<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Walked<()> {
        let kind = entry.header().entry_type();
        let size = entry.header().entry_size()?;
        if matches!(kind, EntryType::GNULongName | EntryType::XHeader) {
            if size > MAX_EXTENSION {
                return Err(Error::TooLarge { what: "the bound on a name", limit: MAX_EXTENSION }.into());
            }
            let name = if kind == EntryType::XHeader { extended_name(entry)? } else { Some(gnu_name(entry)?) };
            if let Some(name) = name
                && self.long_name.replace(name).is_some()
            {
                return Err(Error::Damaged("an entry has two long names".into()).into());
            }
            return Ok(());
        }
        // The header before a link whose target is long.
        if kind == EntryType::GNULongLink {
            return Err(Error::Link("with a long target".into()).into());
        }

        let bytes = self.long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        let path = EntryPath::parse(&bytes)?;
        check_kind(kind, size, &path)?;
        check_top(&path)?;
        self.paths.add(&path, kind.is_dir())?;
        // Directories come into being with their files, and with plain rights whatever is said here.
        if kind.is_dir() { Ok(()) } else { self.file(entry, path, size) }
    }

    fn file<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>, path: EntryPath, size: u64) -> Walked<()> {
        let mode = entry.header().mode()?;
        if mode & 0o7000 != 0 {
            return Err(Error::SetuidBits(path.to_string()).into());
        }
        let is_manifest = is_manifest(&path);
        let Limits { file_bytes, manifest_bytes, .. } = *self.limits;
        if size > file_bytes {
            return Err(Error::TooLarge { what: "the bound on a file", limit: file_bytes }.into());
        }
        if is_manifest && size > manifest_bytes {
            return Err(Error::TooLarge { what: "the bound on the manifest", limit: manifest_bytes }.into());
        }

        let mut kept = Vec::new();
        let mut hasher = sha2::Sha256::new();
        let mut left = size;
        self.sink.open(&path, mode & 0o111 != 0)?;
        while left > 0 {
            let read = entry.read(&mut self.buffer)?;
            // The tar reader takes a stream that ends inside a file for the file's end.
            if read == 0 {
                return Err(Error::Damaged(format!("it ends inside {path}")).into());
            }
            let bytes = &self.buffer[..read];
            left -= read as u64;
            hasher.update(bytes);
            self.sink.write(bytes)?;
            if is_manifest {
                kept.extend_from_slice(bytes);
            }
        }
        self.sink.close();

        if is_manifest && self.contents.manifest.replace((path.clone(), kept)).is_some() {
            return Err(Error::UnknownEntry(path.to_string()).into());
        }
        self.contents.files.insert(path, (size, Sha256::of(hasher)));
        Ok(())
    }
}

fn gnu_name<R: Read>(entry: &mut tar::Entry<'_, R>) -> Walked<Vec<u8>> {
    let mut name = Vec::new();
    entry.read_to_end(&mut name)?;
    while name.last() == Some(&0) {
        name.pop();
    }
    Ok(name)
}

/// The path in an extended header, if there is one: owners with large numbers and exact times need such a header too.
fn extended_name<R: Read>(entry: &mut tar::Entry<'_, R>) -> Walked<Option<Vec<u8>>> {
    let mut path = None;
    if let Some(extensions) = entry.pax_extensions()? {
        for extension in extensions {
            let extension = extension?;
            match extension.key_bytes() {
                b"path" => path = Some(extension.value_bytes().to_vec()),
                b"linkpath" => return Err(Error::Link("with a long target".into()).into()),
                // What changes an entry's size or layout behind its header's back.
                key if key == b"size" || key.starts_with(b"GNU.sparse.") => {
                    return Err(Error::SpecialFile("an entry with an extended size or layout".into()).into());
                }
                _ => {}
            }
        }
    }
    Ok(path)
}

fn check_kind(kind: EntryType, size: u64, path: &EntryPath) -> Result<()> {
    match kind {
        EntryType::Regular => Ok(()),
        EntryType::Directory if size == 0 => Ok(()),
        EntryType::Symlink | EntryType::Link => Err(Error::Link(path.to_string())),
        _ => Err(Error::SpecialFile(path.to_string())),
    }
}

fn is_manifest(path: &EntryPath) -> bool {
    let components: Vec<_> = path.components().collect();
    matches!(components[..], ["releases", _, "bloom.json"])
}
