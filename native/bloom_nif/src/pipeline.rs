//! Running programs whose output is kept as a file or a text, and looking at such files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bloom_core::backup::{self, Written};
use bloom_core::process::{self, Command, Exit, Outcome, Output, Pipeline, Sink, Source};
use bloom_core::tree;
use rustler::{Encoder, Env, NewBinary, NifMap, NifTaggedEnum, NifUnitEnum, Term};

use crate::failure::answer;
use crate::job::{self, Watch};

#[derive(NifMap)]
#[rustler(decode)]
struct PipelineMap {
    source: SourceTerm,
    commands: Vec<CommandMap>,
    sink: SinkTerm,
    timeout_ms: Option<u64>,
    expected: u64,
}

#[derive(NifMap)]
#[rustler(decode)]
struct CommandMap {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    before: String,
    after: String,
}

#[derive(NifTaggedEnum)]
#[rustler(decode)]
enum SourceTerm {
    Nothing,
    File(PathBuf),
}

#[derive(NifTaggedEnum)]
#[rustler(decode)]
enum SinkTerm {
    File(PathBuf, Compression),
    Text(usize),
}

#[derive(NifUnitEnum, Clone, Copy)]
enum Compression {
    Zstd,
    Gzip,
}

#[derive(NifMap)]
#[rustler(encode)]
struct OutcomeMap {
    exits: Vec<ExitMap>,
    output: Option<OutputTerm>,
}

#[derive(NifMap)]
#[rustler(encode)]
struct ExitMap {
    program: String,
    status: Option<i32>,
    signal: Option<i32>,
    stderr: String,
}

enum OutputTerm {
    File(WrittenMap),
    Text(Vec<u8>),
}

#[derive(NifMap)]
#[rustler(encode)]
struct WrittenMap {
    bytes: u64,
    sha256: String,
    contents: u64,
}

#[derive(NifMap)]
#[rustler(encode)]
struct DigestMap {
    bytes: u64,
    sha256: String,
}

impl From<Compression> for backup::Compression {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::Zstd => Self::Zstd,
            Compression::Gzip => Self::Gzip,
        }
    }
}

impl From<CommandMap> for Command {
    fn from(map: CommandMap) -> Self {
        let CommandMap { program, arguments, environment, before, after } = map;
        Self { program, arguments, environment, before: before.into(), after: after.into() }
    }
}

impl From<PipelineMap> for Pipeline {
    fn from(map: PipelineMap) -> Self {
        Self {
            source: match map.source {
                SourceTerm::Nothing => Source::Nothing,
                SourceTerm::File(path) => Source::File(path),
            },
            commands: map.commands.into_iter().map(Command::from).collect(),
            sink: match map.sink {
                SinkTerm::File(path, compression) => Sink::File(path, compression.into()),
                SinkTerm::Text(limit) => Sink::Text(limit),
            },
            timeout: map.timeout_ms.map(Duration::from_millis),
            expected: map.expected,
        }
    }
}

impl From<Exit> for ExitMap {
    fn from(exit: Exit) -> Self {
        let Exit { program, status, signal, stderr } = exit;
        Self { program, status, signal, stderr }
    }
}

impl From<Written> for WrittenMap {
    fn from(written: Written) -> Self {
        Self { bytes: written.bytes, sha256: written.sha256.to_string(), contents: written.contents }
    }
}

impl From<Outcome> for OutcomeMap {
    fn from(outcome: Outcome) -> Self {
        Self {
            exits: outcome.exits.into_iter().map(ExitMap::from).collect(),
            output: outcome.output.map(|output| match output {
                Output::File(written) => OutputTerm::File(written.into()),
                Output::Text(text) => OutputTerm::Text(text),
            }),
        }
    }
}

impl Encoder for OutputTerm {
    fn encode<'a>(&self, env: Env<'a>) -> Term<'a> {
        match self {
            Self::File(written) => written.encode(env),
            Self::Text(text) => NewBinary::from_slice(env, text).into(),
        }
    }
}

#[rustler::nif(name = "nif_pipeline", schedule = "DirtyIo")]
fn pipeline<'a>(env: Env<'a>, map: PipelineMap, watch: Watch<'a>) -> Term<'a> {
    answer(env, || job::run(env, &watch, |control| process::run(&map.into(), control).map(OutcomeMap::from)))
}

#[rustler::nif(name = "nif_file_digest", schedule = "DirtyIo")]
fn file_digest<'a>(env: Env<'a>, path: &Path) -> Term<'a> {
    answer(env, || {
        job::run(env, &Watch::NOBODY, |_| {
            tree::hash_file(path).map(|(bytes, sha256)| DigestMap { bytes, sha256: sha256.to_string() })
        })
    })
}
