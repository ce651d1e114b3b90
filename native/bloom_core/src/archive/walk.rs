//! The tar side of an archive: which entries there are, whether their names and kinds may be, and their digests.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::io::{Read, Write};

use sha2::Digest as _;
use tar::EntryType;

use super::Limits;
use super::stream::Inflated;
use crate::error::{Error, Result};
use crate::manifest::File;
use crate::names::{EntryPath, Sha256};

/// The longest extended header (a long name) that is read. Real ones have a path in them and little else.
const MAX_EXTENSION: u64 = 64 * 1024;

/// Where the files of an archive go while it is verified.
pub(crate) trait Sink {
    /// A writer for the file, or `None` where its content is of no interest.
    fn file(&mut self, path: &EntryPath, executable: bool) -> Result<Option<Box<dyn Write + '_>>>;
}

/// Verification alone keeps nothing.
pub(super) struct Nowhere;

impl Sink for Nowhere {
    fn file(&mut self, _path: &EntryPath, _executable: bool) -> Result<Option<Box<dyn Write + '_>>> {
        Ok(None)
    }
}

/// What an archive holds.
pub(super) struct Contents {
    pub(super) files: HashMap<EntryPath, File>,
    /// The manifest's path and bytes.
    pub(super) manifest: Option<(EntryPath, Vec<u8>)>,
}

/// Reads every entry of the archive.
pub(super) fn walk(stream: &mut Inflated<'_>, limits: &Limits, sink: &mut dyn Sink) -> Result<Contents> {
    let mut archive = tar::Archive::new(stream);
    let result = walk_entries(&mut archive, limits, sink);
    let stream = archive.into_inner();
    result.map_err(|error| match error {
        Failure::Refused(error) => error,
        Failure::Reading(error) => stream.failure(&error),
    })
}

enum Failure {
    Refused(Error),
    Reading(std::io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Reading(error)
    }
}

fn walk_entries(
    archive: &mut tar::Archive<&mut Inflated<'_>>,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> std::result::Result<Contents, Failure> {
    let mut contents = Contents { files: HashMap::new(), manifest: None };
    let mut names = Names::default();
    let mut long_name: Option<Vec<u8>> = None;
    let mut count = 0;
    let mut buffer = vec![0; 64 * 1024];

    // Raw, so that long names are read here, within a bound.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        count += 1;
        if count > limits.entries {
            return Err(Error::TooLarge { what: "the bound on entries", limit: limits.entries }.into());
        }

        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::GNULongName | EntryType::XHeader) {
            long_name = Some(read_long_name(&mut entry, kind)?);
            continue;
        }

        let bytes = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        let path = EntryPath::parse(&bytes)?;
        check_kind(kind, &path)?;
        check_place(&path)?;
        names.add(&path, kind.is_dir())?;
        if kind.is_dir() {
            continue;
        }

        let mode = entry.header().mode()?;
        if mode & 0o7000 != 0 {
            return Err(Error::SetuidBits(path.to_string()).into());
        }

        let mut kept = is_manifest(&path).then(Vec::new);
        let mut writer = sink.file(&path, mode & 0o111 != 0)?;
        let mut hasher = sha2::Sha256::new();
        let mut size = 0;
        loop {
            let read = entry.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            let bytes = &buffer[..read];
            size += read as u64;
            hasher.update(bytes);
            if let Some(writer) = &mut writer {
                writer.write_all(bytes).map_err(Error::io("write", path.as_str()))?;
            }
            if let Some(kept) = &mut kept {
                if size > limits.manifest_bytes {
                    return Err(
                        Error::TooLarge { what: "the bound on the manifest", limit: limits.manifest_bytes }.into()
                    );
                }
                kept.extend_from_slice(bytes);
            }
        }
        if let Some(writer) = &mut writer {
            writer.flush().map_err(Error::io("write", path.as_str()))?;
        }
        // The tar reader takes a stream that ends inside a file for the file's end.
        if size != entry.header().entry_size()? {
            return Err(Error::Damaged(format!("it ends inside {path}")).into());
        }

        if let Some(bytes) = kept {
            contents.manifest = Some((path.clone(), bytes));
        }
        let file = File { path: path.clone(), size, mode: mode & 0o777, sha256: Sha256::of(hasher), md5: None };
        contents.files.insert(path, file);
    }
    Ok(contents)
}

fn read_long_name<R: Read>(entry: &mut tar::Entry<'_, R>, kind: EntryType) -> std::result::Result<Vec<u8>, Failure> {
    let size = entry.header().entry_size()?;
    if size > MAX_EXTENSION {
        return Err(Error::TooLarge { what: "the bound on a name", limit: MAX_EXTENSION }.into());
    }
    if kind == EntryType::GNULongName {
        let mut name = Vec::new();
        entry.read_to_end(&mut name)?;
        while name.last() == Some(&0) {
            name.pop();
        }
        return Ok(name);
    }

    let mut path = None;
    if let Some(extensions) = entry.pax_extensions()? {
        for extension in extensions {
            let extension = extension?;
            match extension.key_bytes() {
                b"path" => path = Some(extension.value_bytes().to_vec()),
                // What changes an entry's size or kind behind the header's back.
                b"size" | b"linkpath" => {
                    return Err(Error::SpecialFile("an entry with an extended size or link".into()).into());
                }
                _ => {}
            }
        }
    }
    path.ok_or_else(|| Error::SpecialFile("an extended header without a path".into()).into())
}

fn check_kind(kind: EntryType, path: &EntryPath) -> Result<()> {
    match kind {
        EntryType::Regular | EntryType::Directory => Ok(()),
        EntryType::Symlink | EntryType::Link => Err(Error::Link(path.to_string())),
        _ => Err(Error::SpecialFile(path.to_string())),
    }
}

/// Only what a release has at its top is unpacked; the rest is compared with the manifest afterwards.
fn check_place(path: &EntryPath) -> Result<()> {
    let top = path.components().next().unwrap_or_default();
    if matches!(top, "bin" | "lib" | "releases") || top.starts_with("erts-") {
        Ok(())
    } else {
        Err(Error::UnknownEntry(path.to_string()))
    }
}

fn is_manifest(path: &EntryPath) -> bool {
    let components: Vec<_> = path.components().collect();
    matches!(components[..], ["releases", _, "bloom.json"])
}

/// The paths seen, and every directory on the way to them, without regard to case.
#[derive(Default)]
struct Names {
    seen: HashMap<String, (String, bool)>,
}

impl Names {
    fn add(&mut self, path: &EntryPath, is_dir: bool) -> Result<()> {
        let text = path.as_str();
        for (end, _) in text.match_indices('/') {
            self.add_one(&text[..end], true, false)?;
        }
        self.add_one(text, is_dir, !is_dir)
    }

    fn add_one(&mut self, text: &str, is_dir: bool, once: bool) -> Result<()> {
        match self.seen.entry(text.to_lowercase()) {
            Slot::Vacant(slot) => {
                slot.insert((text.to_owned(), is_dir));
                Ok(())
            }
            Slot::Occupied(slot) => {
                let (other, other_is_dir) = slot.get();
                if other != text || *other_is_dir != is_dir {
                    Err(Error::Clash(other.clone(), text.to_owned()))
                } else if once {
                    Err(Error::Duplicate(text.to_owned()))
                } else {
                    Ok(())
                }
            }
        }
    }
}
