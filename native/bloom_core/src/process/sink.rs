//! Where the output of the last program goes.

use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::pipe::Pipe;
use super::{Output, ProcessError, Sink};
use crate::archive::Cancel;
use crate::backup::{Finished, NewFile};
use crate::error::{Error, Result};

const BUFFER: usize = 128 << 10;

/// What has come out, before it is known whether all programs have ended well.
pub(super) enum Drained {
    File(Finished),
    Text(Vec<u8>),
}

impl Drained {
    /// They have.
    pub(super) fn keep(self) -> Result<Output> {
        match self {
            Self::File(finished) => finished.put_in_place().map(Output::File),
            Self::Text(text) => Ok(Output::Text(text)),
        }
    }
}

/// Takes the output up to its end; `done` counts its bytes.
pub(super) fn drain(sink: &Sink, program: &str, stdout: Pipe, stop: &Cancel, done: &AtomicU64) -> Result<Drained> {
    match sink {
        Sink::File(path, compression) => {
            let mut file = NewFile::create(path, *compression)?;
            each(program, stdout, stop, |bytes| {
                done.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                file.write(bytes)
            })?;
            file.finish().map(Drained::File)
        }
        Sink::Text(limit) => {
            let mut text = Vec::new();
            each(program, stdout, stop, |bytes| {
                if text.len() + bytes.len() > *limit {
                    return Err(ProcessError::TooMuch { program: program.to_owned(), limit: *limit }.into());
                }
                text.extend_from_slice(bytes);
                Ok(())
            })?;
            Ok(Drained::Text(text))
        }
    }
}

fn each(program: &str, mut stdout: Pipe, stop: &Cancel, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match stdout.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(_) if stop.is_cancelled() => return Err(Error::Cancelled),
            Ok(read) => take(&buffer[..read])?,
            Err(source) => return Err(ProcessError::Lost { program: program.to_owned(), source }.into()),
        }
    }
}
