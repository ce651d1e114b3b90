//! A program that runs, with everything that it has started.

use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{self, ChildStderr, ChildStdin, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::pipe::Pipe;
use super::{Command, Exit, ProcessError, inherited};

/// How much of its standard error is kept.
const TAIL: usize = 16 << 10;

/// A program that runs. Its group is killed with this value.
pub(super) struct Child {
    pub(super) program: String,
    process: process::Child,
    group: Pid,
    ended: Option<(Option<i32>, Option<i32>)>,
}

/// The ends of its pipes.
pub(super) struct Ends {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Child {
    pub(super) fn start(command: &Command) -> Result<(Self, Ends), ProcessError> {
        inherited::close_on_exec();
        let mut process = process::Command::new(&command.program)
            .args(&command.arguments)
            .env_clear()
            .envs(command.environment.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| ProcessError::NotStarted { program: command.program.clone(), source })?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            unreachable!("all three were asked for")
        };
        let group = Pid::from_child(&process);
        let this = Self { program: name(&command.program), process, group, ended: None };
        Ok((this, Ends { stdin, stdout, stderr }))
    }

    /// Whether it has ended, and well. It stays a zombie meanwhile, so that its number is nobody else's.
    pub(super) fn ended(&mut self) -> Result<Option<bool>, ProcessError> {
        if self.ended.is_none() {
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            let status = waitid(WaitId::Pid(self.group), look)
                .map_err(|error| ProcessError::Lost { program: self.program.clone(), source: error.into() })?;
            self.ended = status.map(|status| (status.exit_status(), status.terminating_signal()));
        }
        Ok(self.ended.map(|(status, _)| status == Some(0)))
    }

    /// Asks its group to end, so that it can end what it has begun at a server.
    pub(super) fn interrupt(&self) {
        // There is none any more where all of it has ended.
        let _ = kill_process_group(self.group, Signal::INT);
    }

    /// Kills what is left of its group, itself included.
    pub(super) fn kill(&self) {
        // There is none any more where all of it has ended.
        let _ = kill_process_group(self.group, Signal::KILL);
    }

    pub(super) fn exit(&self, stderr: String) -> Exit {
        let (status, signal) = self.ended.unwrap_or_default();
        Exit { program: self.program.clone(), status, signal, stderr }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        // Killed, so it ends; and what it was is known or does not matter.
        let _ = self.process.wait();
    }
}

/// The last that a program writes to its standard error.
pub(super) fn tail(mut stderr: Pipe) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    // What was read before it was stopped is what there is.
    while let Ok(read @ 1..) = stderr.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..read]);
        if kept.len() > 2 * TAIL {
            kept.drain(..kept.len() - TAIL);
        }
    }
    let start = kept.len().saturating_sub(TAIL);
    String::from_utf8_lossy(&kept[start..]).into_owned()
}

fn name(program: &Path) -> String {
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

/// Wraps the end of a pipe that belongs to a program.
pub(super) fn wrap(program: &str, pipe: io::Result<Pipe>) -> Result<Pipe, ProcessError> {
    pipe.map_err(|source| ProcessError::Lost { program: program.to_owned(), source })
}
