//! Ends of pipes that nobody can be stuck at: reading and writing stop when they are told to.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::archive::Cancel;

const LOOK_AT_STOP: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
#[cfg(target_os = "linux")]
const CAPACITY: usize = 1 << 20;

/// One end of a pipe; the other is a program's.
pub(super) struct Pipe {
    file: File,
    stop: Cancel,
}

impl Pipe {
    pub(super) fn new(fd: impl Into<OwnedFd>, stop: &Cancel) -> io::Result<Self> {
        let fd = fd.into();
        // Only this end: the program's is another description of the same pipe.
        rustix::io::ioctl_fionbio(&fd, true)?;
        // So that both sides seldom wait for each other. Refused where the user has many pipes, and then as it was.
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&fd, CAPACITY);
        Ok(Self { file: fd.into(), stop: stop.clone() })
    }

    fn when_ready<T>(&mut self, flags: PollFlags, mut act: impl FnMut(&mut File) -> io::Result<T>) -> io::Result<T> {
        loop {
            match act(&mut self.file) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.stop.is_cancelled() {
                        return Err(stopped());
                    }
                    match poll(&mut [PollFd::new(&self.file, flags)], Some(&LOOK_AT_STOP)) {
                        Ok(_) | Err(rustix::io::Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                answer => return answer,
            }
        }
    }
}

impl Read for Pipe {
    /// What is there can be read also when it is told to stop.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.when_ready(PollFlags::IN, |file| file.read(buffer))
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            return Err(stopped());
        }
        self.when_ready(PollFlags::OUT, |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Stands for whatever made the row stop, which who stopped it knows.
fn stopped() -> io::Error {
    io::Error::other("stopped")
}
