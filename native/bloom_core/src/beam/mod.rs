//! Compiled modules: who they are, what they call, and the digest by which the VM tells them apart.
//!
//! The format is described in OTP's `beam_lib` and in *The BEAM book*, "BEAM file format".

mod code;
mod tables;

use std::borrow::Cow;
use std::io::Read as _;
use std::sync::Arc;

use flate2::bufread::GzDecoder;
use md5::{Digest as _, Md5};

use crate::term::{Term, external};

/// A module larger than this is refused; the largest of OTP have two megabytes.
pub(crate) const MAX_BYTES: u64 = 64 << 20;
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
    /// The atoms of its code, those in literals not among them: structs and modules that it names are there.
    pub atoms: Vec<Arc<str>>,
    /// The modules that it calls.
    pub imported_modules: Vec<Arc<str>>,
    /// Functions of the form module, function, arity that it calls.
    pub imports: Vec<(Arc<str>, Arc<str>, u32)>,
    /// Its public functions, name and arity.
    pub exports: Vec<(Arc<str>, u32)>,
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
        self.calls("erlang", "load_nif", 2)
    }

    /// Whether it calls a function of another module.
    #[must_use]
    pub fn calls(&self, module: &str, function: &str, arity: u32) -> bool {
        self.imports.iter().any(|import| *import.0 == *module && *import.1 == *function && import.2 == arity)
    }

    /// Whether it exports a function.
    #[must_use]
    pub fn exports(&self, name: &str, arity: u32) -> bool {
        self.exports.iter().any(|export| *export.0 == *name && export.1 == arity)
    }
}

impl<'a> Beam<'a> {
    /// Takes the bytes of a `.beam` file, gzipped or not. Mix compresses the modules that it strips.
    ///
    /// # Errors
    /// [`BeamError`] where the bytes are no beam.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let bytes = if bytes.starts_with(&[0x1f, 0x8b]) { Cow::Owned(gunzip(bytes)?) } else { Cow::Borrowed(bytes) };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(BeamError("it is too large"));
        }
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
            if name == *b"Attr" || MD5_CHUNKS.contains(&name) {
                // Of two with one name the VM takes the last.
                chunks.retain(|(found, _)| *found != name);
                chunks.push((name, at + 8..end));
            }
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
        let atom = |index: u32| -> Result<Arc<str>> {
            atoms.get((index as usize).wrapping_sub(1)).cloned().ok_or(BeamError("an atom that it does not have"))
        };

        let mut details =
            Details { on_load: self.chunk(*b"Code").is_some_and(code::has_on_load), ..Details::default() };
        for [module, function, arity] in tables::triples(self.chunk(*b"ImpT"))? {
            details.imports.push((atom(module)?, atom(function)?, arity));
        }
        for [function, arity, _label] in tables::triples(self.chunk(*b"ExpT"))? {
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
        details.atoms = atoms;
        Ok(details)
    }

    /// The module's name.
    ///
    /// # Errors
    /// [`BeamError`] where it has none.
    pub fn name(&self) -> Result<String> {
        self.atoms()?.first().map(ToString::to_string).ok_or(BeamError("it has no name"))
    }

    fn atoms(&self) -> Result<Vec<Arc<str>>> {
        match (self.chunk(*b"AtU8"), self.chunk(*b"Atom")) {
            (Some(chunk), _) => tables::atoms(chunk, tables::Encoding::Utf8),
            (None, Some(chunk)) => tables::atoms(chunk, tables::Encoding::Latin1),
            (None, None) => Err(BeamError("it has no atoms")),
        }
    }
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut unpacked = Vec::with_capacity((bytes.len() * 3).min(1 << 20));
    let mut decoder = GzDecoder::new(bytes).take(MAX_BYTES + 1);
    decoder.read_to_end(&mut unpacked).map_err(|_| BeamError("its compression is damaged"))?;
    Ok(unpacked)
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

#[cfg(test)]
mod tests;
