//! Who may work with the journal at a moment.
//!
//! SQLite's own locks keep processes of the system apart, but not two builds of this library in one VM, which there are
//! while Bloom itself is upgraded: POSIX locks of one process never exclude each other. `flock` does.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::error::{self, Result, StoreError};

/// How long to wait for somebody else, also inside SQLite.
pub const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);

/// The lock file beside a journal.
#[derive(Debug)]
pub struct Lock {
    file: File,
    store: PathBuf,
}

/// Unlocks when it is dropped.
pub struct Held<'a>(&'a File);

impl Lock {
    /// Opens the lock file of the journal `store`.
    pub fn open(store: &Path) -> Result<Self> {
        let mut path = store.as_os_str().to_owned();
        path.push(".lock");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        Ok(Self { file: file.map_err(error::file(store))?, store: store.to_owned() })
    }

    /// Waits until nobody else holds it.
    pub fn hold(&self) -> Result<Held<'_>> {
        self.hold_within(PATIENCE)
    }

    fn hold_within(&self, patience: Duration) -> Result<Held<'_>> {
        let started = Instant::now();
        loop {
            match self.file.try_lock() {
                Ok(()) => return Ok(Held(&self.file)),
                Err(TryLockError::WouldBlock) if started.elapsed() < patience => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(StoreError::Busy(self.store.clone())),
                Err(TryLockError::Error(error)) => return Err(error::file(&self.store)(error)),
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Fails only for a file that is not open, and this one is.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_also_within_a_process() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("bloom.db");
        let (one, other) = (Lock::open(&store).unwrap(), Lock::open(&store).unwrap());
        let held = one.hold().unwrap();
        let refused = other.hold_within(Duration::from_millis(5)).err().unwrap();
        assert_eq!(refused.code(), "store_busy");
        drop(held);
        assert!(other.hold_within(Duration::from_millis(5)).is_ok());
    }
}
