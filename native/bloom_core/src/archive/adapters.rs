//! What stands between the inflated bytes and their reader: one adapter each for stopping, telling and bounding.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Cancel, Limits};
use crate::error::Error;

/// Below this the ratio says nothing: a few zero-filled files are no bomb.
const RATIO_FREE: u64 = 16 << 20;
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Keeps why a reader refused to go on, as the tar reader puts every error into words of its own.
#[derive(Clone, Default)]
pub(super) struct Refusal(Rc<RefCell<Option<Error>>>);

impl Refusal {
    /// Keeps the error, and stands in for it on the way up.
    pub(super) fn keep(&self, error: Error) -> io::Error {
        let message = error.to_string();
        self.0.borrow_mut().get_or_insert(error);
        io::Error::other(message)
    }

    /// What was kept, rather than `other`, how a reader above put it.
    pub(super) fn explain(&self, other: &io::Error) -> Error {
        self.0.borrow_mut().take().unwrap_or_else(|| Error::Damaged(other.to_string()))
    }
}

/// Stops reading when it is asked to.
pub(super) struct Cancellable<R> {
    inner: R,
    cancel: Cancel,
    refusal: Refusal,
}

impl<R> Cancellable<R> {
    pub(super) fn new(inner: R, cancel: Cancel, refusal: Refusal) -> Self {
        Self { inner, cancel, refusal }
    }

    pub(super) fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Read for Cancellable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(self.refusal.keep(Error::Cancelled));
        }
        self.inner.read(buffer)
    }
}

/// Tells now and then how many compressed bytes are done.
pub(super) struct Told<'a, R> {
    inner: R,
    progress: Option<&'a dyn Fn(u64, u64)>,
    compressed: Arc<AtomicU64>,
    size: u64,
    last: Instant,
}

impl<'a, R> Told<'a, R> {
    pub(super) fn new(inner: R, progress: Option<&'a dyn Fn(u64, u64)>, compressed: Arc<AtomicU64>, size: u64) -> Self {
        Self { inner, progress, compressed, size, last: Instant::now() }
    }

    /// Tells the end.
    pub(super) fn into_inner(self) -> R {
        self.tell();
        self.inner
    }

    fn tell(&self) {
        if let Some(progress) = self.progress {
            progress(self.compressed.load(Ordering::Relaxed).min(self.size), self.size);
        }
    }
}

impl<R: Read> Read for Told<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.progress.is_some() && self.last.elapsed() >= PROGRESS_EVERY {
            self.tell();
            self.last = Instant::now();
        }
        self.inner.read(buffer)
    }
}

/// Counts the inflated bytes, and refuses more of them than a release can have.
pub(super) struct Limited<R> {
    inner: R,
    total: u64,
    compressed: Arc<AtomicU64>,
    limits: Limits,
    refusal: Refusal,
}

impl<R> Limited<R> {
    pub(super) fn new(inner: R, limits: Limits, compressed: Arc<AtomicU64>, refusal: Refusal) -> Self {
        Self { inner, total: 0, compressed, limits, refusal }
    }

    /// The inner reader, and how many bytes came through.
    pub(super) fn into_inner(self) -> (R, u64) {
        (self.inner, self.total)
    }

    fn check(&self) -> Result<(), Error> {
        let Limits { total_bytes, ratio, .. } = self.limits;
        let compressed = self.compressed.load(Ordering::Relaxed).max(1);
        if self.total > total_bytes {
            return Err(Error::TooLarge { what: "the bound on unpacked bytes", limit: total_bytes });
        }
        if self.total > RATIO_FREE && self.total / compressed > ratio {
            return Err(Error::TooLarge { what: "the bound on the compression ratio", limit: ratio });
        }
        Ok(())
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.total += read as u64;
        self.check().map_err(|error| self.refusal.keep(error))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(bytes: u64) -> Arc<AtomicU64> {
        Arc::new(AtomicU64::new(bytes))
    }

    #[test]
    fn a_bound_is_reached_and_not_passed() {
        for (limit, sound) in [(5, true), (4, false)] {
            let refusal = Refusal::default();
            let limits = Limits { total_bytes: limit, ..Limits::default() };
            let mut reader = Limited::new(&b"12345"[..], limits, compressed(5), refusal.clone());
            let result = reader.read_to_end(&mut Vec::new());
            assert_eq!(result.is_ok(), sound);
            if let Err(error) = result {
                assert!(matches!(refusal.explain(&error), Error::TooLarge { limit: 4, .. }));
            }
        }
    }

    #[test]
    fn the_ratio_counts_only_where_it_says_something() {
        for (bytes, sound) in [(RATIO_FREE, true), (RATIO_FREE + 1, false)] {
            let mut reader =
                Limited::new(io::repeat(0).take(bytes), Limits::default(), compressed(1), Refusal::default());
            assert_eq!(io::copy(&mut reader, &mut io::sink()).is_ok(), sound);
        }
    }

    #[test]
    fn what_was_kept_goes_before_how_it_was_put() {
        let refusal = Refusal::default();
        let cancel = Cancel::default();
        cancel.cancel();
        let mut reader = Cancellable::new(io::repeat(0), cancel, refusal.clone());
        let error = reader.read(&mut [0]).unwrap_err();
        assert_eq!(refusal.explain(&error).code(), "cancelled");
        assert_eq!(refusal.explain(&io::Error::other("torn")).code(), "damaged");
    }
}
