//! Files of backups: compressed and digested while they are written, seen whole or not at all.

mod compression;
mod file;

pub use compression::{Compression, decompress};
pub use file::{Finished, NewFile, Written};
