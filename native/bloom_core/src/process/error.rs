//! Why a row of programs was given up.

use std::io;
use std::path::PathBuf;

/// What keeps programs from coming to their end, each with a stable code (see [`ProcessError::code`]).
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It cannot be started.
    #[error("cannot start {}: {source}; check that it is installed and may be run", program.display())]
    NotStarted {
        /// Its file.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be watched.
    #[error("cannot talk to {program}: {source}; try again")]
    Lost {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long.
    #[error(
        "{program} was stopped, as it had not ended after {seconds} s: allow more time, or look at what it waits for"
    )]
    TimedOut {
        /// The programs.
        program: String,
        /// The time limit.
        seconds: u64,
    },
    /// It has written more than anybody wanted to keep.
    #[error("{program} has answered more than {limit} bytes: look at what it answers")]
    TooMuch {
        /// Its name.
        program: String,
        /// The limit.
        limit: usize,
    },
    /// The file that is read is no backup any more.
    #[error("the backup {} is damaged ({why}): use another one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl ProcessError {
    /// The stable code of the error, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotStarted { .. } => "program_not_started",
            Self::Lost { .. } => "process_lost",
            Self::TimedOut { .. } => "timed_out",
            Self::TooMuch { .. } => "too_much_output",
            Self::Damaged { .. } => "backup_damaged",
        }
    }
}
