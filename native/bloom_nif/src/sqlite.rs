//! Backup and restore of the application's `SQLite` databases.

use std::collections::HashMap;
use std::path::Path;

use bloom_core::backup::Compression;
use bloom_core::names::Sha256;
use bloom_core::sqlite::{self, Counts, Dumped};
use rustler::types::atom::ok;
use rustler::{Env, NifMap, NifUnitEnum, Term};

use crate::failure::answer;
use crate::job::{self, Watch};

#[derive(NifUnitEnum)]
enum CompressionAtom {
    Zstd,
    Gzip,
}

#[derive(NifMap)]
struct DumpedMap {
    bytes: u64,
    sha256: String,
    contents: u64,
    counts: HashMap<String, u64>,
    mode: u32,
}

impl From<Dumped> for DumpedMap {
    fn from(dumped: Dumped) -> Self {
        Self {
            bytes: dumped.written.bytes,
            sha256: dumped.written.sha256.to_string(),
            contents: dumped.written.contents,
            counts: dumped.counts.into_iter().collect(),
            mode: dumped.mode,
        }
    }
}

#[rustler::nif(name = "nif_sqlite_dump", schedule = "DirtyIo")]
fn dump<'a>(env: Env<'a>, database: &Path, file: &Path, compression: CompressionAtom, watch: Watch<'a>) -> Term<'a> {
    let compression = match compression {
        CompressionAtom::Zstd => Compression::Zstd,
        CompressionAtom::Gzip => Compression::Gzip,
    };
    answer(env, || {
        job::run(env, &watch, |control| sqlite::dump(database, file, compression, control).map(DumpedMap::from))
    })
}

#[rustler::nif(name = "nif_sqlite_verify", schedule = "DirtyIo")]
fn verify<'a>(
    env: Env<'a>,
    file: &Path,
    bytes: u64,
    sha256: String,
    counts: Option<HashMap<String, u64>>,
    watch: Watch<'a>,
) -> Term<'a> {
    answer(env, || {
        job::run(env, &watch, |control| {
            let counts = counts.map(|counts| counts.into_iter().collect::<Counts>());
            sqlite::verify(file, bytes, &Sha256::try_from(sha256)?, counts.as_ref(), control).map(|()| ok())
        })
    })
}

#[rustler::nif(name = "nif_sqlite_written", schedule = "DirtyIo")]
fn written<'a>(env: Env<'a>, database: &Path, file: &Path, but: Vec<String>, watch: Watch<'a>) -> Term<'a> {
    answer(env, || job::run(env, &watch, |control| sqlite::written_since(database, file, &but, control)))
}

#[rustler::nif(name = "nif_sqlite_restore", schedule = "DirtyIo")]
fn restore<'a>(env: Env<'a>, database: &Path, file: &Path, mode: u32, keep: &Path, watch: Watch<'a>) -> Term<'a> {
    answer(env, || job::run(env, &watch, |control| sqlite::restore(database, file, mode, keep, control)))
}
