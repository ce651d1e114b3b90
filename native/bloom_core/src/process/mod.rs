//! Other people's programs in a row, the output of each the input of the next, with a file or a text at either end.
//!
//! Each runs in a process group of its own, which is killed as a whole when the row ends, for whatever reason.
//! Whatever its size, what passes through takes a few buffers of memory.

mod child;
mod error;
mod feed;
mod inherited;
mod pipe;
mod run;
mod sink;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub use error::ProcessError;
pub use run::run;

use crate::backup::{Compression, Written};

/// A program to run. Its environment is exactly the one given, and secrets belong nowhere else.
#[derive(Clone, Default)]
pub struct Command {
    /// The program's file.
    pub program: PathBuf,
    /// Its arguments, which every user of the machine can read.
    pub arguments: Vec<String>,
    /// Its environment, which is never shown.
    pub environment: Vec<(String, String)>,
    /// What it reads first.
    pub before: Vec<u8>,
    /// What it reads last: only if everything in front of it has ended well, so that it can mean "go on".
    pub after: Vec<u8>,
}

impl fmt::Debug for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Command")
            .field("program", &self.program)
            .field("arguments", &self.arguments)
            .finish_non_exhaustive()
    }
}

/// What the first program reads.
#[derive(Debug, Clone, Default)]
pub enum Source {
    /// Nothing but what is before and after.
    #[default]
    Nothing,
    /// The contents of a compressed file.
    File(PathBuf),
}

/// Where the output of the last program goes.
#[derive(Debug, Clone)]
pub enum Sink {
    /// Into a file, compressed, which is there when all programs have ended well, and else is not.
    File(PathBuf, Compression),
    /// Into memory, up to so many bytes.
    Text(usize),
}

/// A row of programs.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// What the first one reads.
    pub source: Source,
    /// The programs.
    pub commands: Vec<Command>,
    /// Where the output goes.
    pub sink: Sink,
    /// How long all of it may take.
    pub timeout: Option<Duration>,
    /// How many bytes of output are expected, for those who are told of the progress. Where the source is a file, its
    /// bytes are what counts.
    pub expected: u64,
}

/// How a program has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Its name.
    pub program: String,
    /// Its status, unless a signal ended it.
    pub status: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The last that it wrote to its standard error.
    pub stderr: String,
}

impl Exit {
    /// Whether it did what it should.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.status == Some(0)
    }
}

/// What has come out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A file.
    File(Written),
    /// A text.
    Text(Vec<u8>),
}

/// How it has ended; without an output where a program has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Every program, in order.
    pub exits: Vec<Exit>,
    /// What has come out.
    pub output: Option<Output>,
}
