//! The tables of a module: its atoms, and rows of three words that point to them.

use std::sync::Arc;

use super::{BeamError, Result};

/// Longer tables than this are refused, as a row becomes more memory than it has bytes; the longest of OTP and Elixir
/// have some thousand rows.
pub(super) const MAX_ROWS: u32 = 1 << 18;

/// What the names of atoms are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// In the chunk `AtU8`.
    Utf8,
    /// In the chunk `Atom`, before OTP 20.
    Latin1,
}

/// The names of a table of atoms, each there once however many rows point to it.
pub(super) fn atoms(chunk: &[u8], encoding: Encoding) -> Result<Vec<Arc<str>>> {
    let mut reader = Bytes(chunk);
    // Since OTP 28 a negative count says that lengths are compact terms, so that they may pass 255.
    let count = i32::from_be_bytes(reader.u32()?.to_be_bytes());
    let mut atoms = Vec::new();
    for _ in 0..bounded(count.unsigned_abs())? {
        let length = if count < 0 { reader.compact_length()? } else { usize::from(reader.u8()?) };
        let name = reader.take(length)?;
        atoms.push(match encoding {
            Encoding::Utf8 => std::str::from_utf8(name).map_err(|_| BeamError("an atom is not UTF-8"))?.into(),
            Encoding::Latin1 => name.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
        });
    }
    Ok(atoms)
}

/// A table of three words each, or nothing where there is no such chunk.
pub(super) fn triples(chunk: Option<&[u8]>) -> Result<Vec<[u32; 3]>> {
    let Some(chunk) = chunk else { return Ok(Vec::new()) };
    let mut reader = Bytes(chunk);
    let count = reader.u32()?;
    let mut rows = Vec::new();
    for _ in 0..bounded(count)? {
        rows.push([reader.u32()?, reader.u32()?, reader.u32()?]);
    }
    Ok(rows)
}

fn bounded(rows: u32) -> Result<u32> {
    if rows > MAX_ROWS { Err(BeamError("a table is too long")) } else { Ok(rows) }
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
