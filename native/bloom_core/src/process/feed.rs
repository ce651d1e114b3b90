//! What a program reads: what comes before, what comes through, and what comes after.

use std::io::{self, ErrorKind, Read, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use super::pipe::Pipe;
use super::{Command, ProcessError};
use crate::backup::decompress;
use crate::error::Result;

const BUFFER: usize = 128 << 10;

/// What comes through.
pub(super) enum Upstream {
    Nothing,
    File(PathBuf),
    /// The output of the program in front, and whether that has ended well.
    Program(Pipe, Receiver<bool>),
}

/// Feeds a program; `done` counts the bytes of a file that is read.
///
/// A program that does not want to read to the end is no error here: how it ends tells what that means.
pub(super) fn feed(command: &Command, mut stdin: Pipe, upstream: Upstream, done: &AtomicU64) -> Result<()> {
    let mut go_on = stdin.write_all(&command.before).is_ok();
    match upstream {
        Upstream::Nothing => {}
        Upstream::File(path) => {
            let seen = |bytes| {
                done.fetch_add(bytes, Ordering::Relaxed);
            };
            let mut contents = decompress(&path, seen)?;
            if go_on {
                let damaged = |error: io::Error| ProcessError::Damaged { path: path.clone(), why: error.to_string() };
                go_on = copy(&mut *contents, &mut stdin).map_err(damaged)?;
            }
        }
        Upstream::Program(mut stdout, ended_well) => {
            let whole = go_on && copy(&mut stdout, &mut stdin).is_ok_and(|whole| whole);
            // Before it is asked how the program has ended, which may wait for this end.
            drop(stdout);
            // A sender that is gone has been stopped, and nothing goes on.
            go_on = ended_well.recv().unwrap_or(false) && whole;
        }
    }
    if go_on {
        // As with all of its input: it may have ended, and how tells what that means.
        let _ = stdin.write_all(&command.after);
    }
    Ok(())
}

/// Whether everything could be written; what cannot be read is an error.
fn copy(from: &mut dyn Read, to: &mut Pipe) -> io::Result<bool> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(read) => {
                if to.write_all(&buffer[..read]).is_err() {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
