//! How far an operation of several parts is.

use std::time::{Duration, Instant};

use crate::archive::Control;

const EVERY: Duration = Duration::from_millis(100);

/// Tells now and then, not more often than anybody wants to know.
pub struct Progress<'a> {
    control: &'a Control<'a>,
    before: u64,
    total: u64,
    last: Instant,
}

impl<'a> Progress<'a> {
    /// Of `total` bytes in all parts.
    pub fn new(control: &'a Control<'a>, total: u64) -> Self {
        Self { control, before: 0, total, last: Instant::now() }
    }

    /// So many bytes of the current part are done.
    pub fn part(&mut self, bytes: u64) {
        if self.last.elapsed() >= EVERY {
            self.tell(self.before + bytes);
            self.last = Instant::now();
        }
    }

    /// A part of so many bytes is done.
    pub fn end_part(&mut self, bytes: u64) {
        self.before += bytes;
        self.tell(self.before);
    }

    fn tell(&self, done: u64) {
        if let Some(progress) = self.control.progress {
            progress(done.min(self.total), self.total);
        }
    }
}
