//! Compiled modules: who they are, what they call, and the digest by which the VM tells them apart.
//!
//! The format is described in OTP's `beam_lib` and in *The BEAM book*, "BEAM file format".

mod code;

use std::borrow::Cow;
use std::io::Read as _;

use flate2::bufread::GzDecoder;
use md5::{Digest as _, Md5};

use crate::term::{Term, external};

/// A module larger than this is refused; the largest of OTP have two megabytes.
const MAX_BYTES: u64 = 64 << 20;
/// What `beam_lib:md5/1` digests, in its order (`md5_chunks/0` in `beam_lib.erl`).
const MD5_CHUNKS: [[u8; 4]; 9] =
    [*b"Atom", *b"AtU8", *b"Code", *b"StrT", *b"ImpT", *b"ExpT", *b"FunT", *b"LitT", *b"Meta"];

/// Why something could not be read as a beam.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a compiled module: {0}")]
pub struct BeamError(&'static str);

type Result<T> = std::result::Result<T, BeamError>;

/// The digest of a module: what `Module.module_info(:md5)` says in the VM that has loaded it.
pub type ModuleMd5 = [u8; 16];

/// A compiled module, unpacked where it was compressed, its chunks found.
pub struct Beam<'a> {
    bytes: Cow<'a, [u8]>,
    chunks: Vec<([u8; 4], std::ops::Range<usize>)>,
}

/// What a plan wants to know of a module that changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The modules that it calls.
    pub imported_modules: Vec<String>,
    /// Functions of the form module, function, arity that it calls.
    pub imports: Vec<(String, String, u32)>,
    /// Its public functions, name and arity.
    pub exports: Vec<(String, u32)>,
    /// The behaviours it declares.
    pub behaviours: Vec<String>,
    /// The protocol it implements, where it is an implementation made by Elixir's `defimpl`.
    pub implements: Option<String>,
    /// Whether it runs a function when it is loaded.
    pub on_load: bool,
}

impl Details {
    /// Whether it loads native code into the VM.
    #[must_use]
    pub fn loads_nif(&self) -> bool {
        self.imports.iter().any(|(module, function, arity)| module == "erlang" && function == "load_nif" && *arity == 2)
    }

    /// Whether it exports a function.
    #[must_use]
    pub fn exports(&self, name: &str, arity: u32) -> bool {
        self.exports.iter().any(|export| export.0 == name && export.1 == arity)
    }
}

impl<'a> Beam<'a> {
    /// Takes the bytes of a `.beam` file, gzipped or not. Mix compresses the modules that it strips.
    ///
    /// # Errors
    /// [`BeamError`] where the bytes are no beam.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let bytes = if bytes.starts_with(&[0x1f, 0x8b]) { Cow::Owned(gunzip(bytes)?) } else { Cow::Borrowed(bytes) };
        if bytes.get(..4) != Some(b"FOR1") || bytes.get(8..12) != Some(b"BEAM") {
            return Err(BeamError("it does not start as one"));
        }

        let mut chunks = Vec::new();
        let mut at = 12;
        while let Some(header) = bytes.get(at..at + 8) {
            let name = [header[0], header[1], header[2], header[3]];
            let size = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
            let end = (at + 8).checked_add(size).filter(|end| *end <= bytes.len());
            let end = end.ok_or(BeamError("a chunk reaches beyond the end"))?;
            chunks.push((name, at + 8..end));
            at = end.next_multiple_of(4);
        }
        Ok(Self { bytes, chunks })
    }

    fn chunk(&self, name: [u8; 4]) -> Option<&[u8]> {
        let (_, range) = self.chunks.iter().find(|(found, _)| *found == name)?;
        Some(&self.bytes[range.clone()])
    }

    /// The digest over everything that matters when the module runs, which stripping does not change.
    #[must_use]
    pub fn md5(&self) -> ModuleMd5 {
        let mut hasher = Md5::new();
        for name in MD5_CHUNKS {
            let Some(chunk) = self.chunk(name) else { continue };
            if name == *b"FunT" {
                digest_fun_table(&mut hasher, chunk);
            } else {
                hasher.update(chunk);
            }
        }
        hasher.finalize().into()
    }

    /// The module's name, its calls, exports and attributes.
    ///
    /// # Errors
    /// [`BeamError`] where a table of it is damaged.
    pub fn details(&self) -> Result<Details> {
        let atoms = self.atoms()?;
        let atom = |index: u32| {
            atoms.get((index as usize).wrapping_sub(1)).cloned().ok_or(BeamError("an atom that it does not have"))
        };

        let mut details =
            Details { on_load: self.chunk(*b"Code").is_some_and(code::has_on_load), ..Details::default() };
        for [module, function, arity] in triples(self.chunk(*b"ImpT"))? {
            details.imports.push((atom(module)?, atom(function)?, arity));
        }
        for [function, arity, _label] in triples(self.chunk(*b"ExpT"))? {
            details.exports.push((atom(function)?, arity));
        }
        details.imported_modules = details.imports.iter().map(|import| import.0.clone()).collect();
        details.imported_modules.sort_unstable();
        details.imported_modules.dedup();

        if let Some(chunk) = self.chunk(*b"Attr") {
            let attributes = external::parse(chunk).map_err(|_| BeamError("its attributes are damaged"))?;
            details.behaviours = values(&attributes, &["behaviour", "behavior"]);
            details.implements = attributes
                .get("__impl__")
                .and_then(|implementation| implementation.get("protocol"))
                .and_then(|protocol| protocol.as_atom().map(str::to_owned));
        }
        Ok(details)
    }

    /// The module's name.
    ///
    /// # Errors
    /// [`BeamError`] where it has none.
    pub fn name(&self) -> Result<String> {
        self.atoms()?.into_iter().next().ok_or(BeamError("it has no name"))
    }

    fn atoms(&self) -> Result<Vec<String>> {
        let utf8 = self.chunk(*b"AtU8");
        let chunk = utf8.or_else(|| self.chunk(*b"Atom")).ok_or(BeamError("it has no atoms"))?;
        let mut reader = Bytes(chunk);
        // Since OTP 28 a negative count says that lengths are compact terms, so that they may pass 255.
        let count = i32::from_be_bytes(reader.u32()?.to_be_bytes());
        let mut atoms = Vec::new();
        for _ in 0..count.unsigned_abs() {
            let length = if count < 0 { reader.compact_length()? } else { usize::from(reader.u8()?) };
            let name = reader.take(length)?;
            atoms.push(match utf8 {
                Some(_) => std::str::from_utf8(name).map_err(|_| BeamError("an atom is not UTF-8"))?.to_owned(),
                None => name.iter().map(|byte| char::from(*byte)).collect(),
            });
        }
        Ok(atoms)
    }
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut unpacked = Vec::with_capacity((bytes.len() * 3).min(1 << 20));
    let mut decoder = GzDecoder::new(bytes).take(MAX_BYTES + 1);
    decoder.read_to_end(&mut unpacked).map_err(|_| BeamError("its compression is damaged"))?;
    if unpacked.len() as u64 > MAX_BYTES { Err(BeamError("it is too large")) } else { Ok(unpacked) }
}

/// The last word of each 24-byte entry is left out: it was the entry's own digest once (`filter_funtab/1`).
fn digest_fun_table(hasher: &mut Md5, chunk: &[u8]) {
    let (count, entries) = chunk.split_at(chunk.len().min(4));
    hasher.update(count);
    let mut entries = entries.chunks_exact(24);
    for entry in entries.by_ref() {
        hasher.update(&entry[..20]);
        hasher.update([0; 4]);
    }
    hasher.update(entries.remainder());
}

/// A table of three words each, or nothing where there is no such chunk.
fn triples(chunk: Option<&[u8]>) -> Result<Vec<[u32; 3]>> {
    let Some(chunk) = chunk else { return Ok(Vec::new()) };
    let mut reader = Bytes(chunk);
    let count = reader.u32()?;
    let mut rows = Vec::new();
    for _ in 0..count {
        rows.push([reader.u32()?, reader.u32()?, reader.u32()?]);
    }
    Ok(rows)
}

fn values(attributes: &Term, keys: &[&str]) -> Vec<String> {
    let properties = attributes.as_list().unwrap_or_default().iter().filter_map(Term::as_tuple);
    properties
        .filter_map(|property| match property {
            [key, value] if keys.iter().any(|wanted| key.as_atom() == Some(wanted)) => Some(value.atoms()),
            _ => None,
        })
        .flatten()
        .collect()
}

/// Bytes that are taken from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(BeamError("a table is cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// An unsigned compact term below 2,048 (`encode/2` in `beam_asm.erl`).
    fn compact_length(&mut self) -> Result<usize> {
        let first = self.u8()?;
        match first & 0b1_1000 {
            0b0_1000 => Ok(usize::from(first >> 5) << 8 | usize::from(self.u8()?)),
            0b1_1000 => Err(BeamError("an atom is too long")),
            _ => Ok(usize::from(first >> 4)),
        }
    }
}

#[cfg(test)]
mod tests;
