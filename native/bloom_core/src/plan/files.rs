//! Files of releases, read no further than such a file can reach.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::facts::Facts;
use crate::beam::{self, Beam, BeamError, ModuleMd5};
use crate::error::{Error, Result};
use crate::term::{Term, text};

/// The beams of a directory by module name, which is their file's name: OTP loads them by it.
pub(super) fn beams(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let path = entry.map_err(Error::io("list", dir))?.path();
        if path.extension().is_some_and(|extension| extension == "beam") {
            let name = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
            found.extend(name.map(|name| (name, path)));
        }
    }
    Ok(found)
}

/// The digest of a beam file.
pub(super) fn read_md5(path: &Path) -> Result<ModuleMd5> {
    read_beam(path, |beam| Ok(beam.md5()))
}

/// The digest of a beam file and what decides about it.
pub(super) fn read_facts(path: &Path, known: impl Fn(&str) -> bool) -> Result<(ModuleMd5, Facts)> {
    read_beam(path, |beam| Ok((beam.md5(), Facts::of(&beam.details()?, known))))
}

fn read_beam<T>(path: &Path, read: impl FnOnce(Beam<'_>) -> std::result::Result<T, BeamError>) -> Result<T> {
    let bytes = read_up_to(path, beam::MAX_BYTES)?;
    Beam::parse(&bytes).and_then(read).map_err(|source| Error::Beam { path: path.to_owned(), source })
}

/// Reads a file of one Erlang term.
pub(crate) fn read_term(path: &Path) -> Result<Term> {
    let bytes = read_up_to(path, text::MAX_BYTES as u64)?;
    text::parse(&bytes).map_err(|source| Error::Term { path: path.to_owned(), source })
}

/// One byte more than the limit where there is more, so that the parser says what is wrong.
fn read_up_to(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    read.map_err(Error::io("read", path))?;
    Ok(bytes)
}
