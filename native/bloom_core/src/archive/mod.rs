//! `NAME-VSN.tar.gz`: one streaming pass that believes nothing.
//!
//! The compressed bytes are digested and inflated on one thread while the other reads the tar archive and digests
//! its files; memory is bounded by a few buffers and the names, whatever the archive's size. Mix packs files and
//! directories only, links dereferenced, so every link and every special file is refused, wherever it leads.

mod adapters;
mod check;
mod inflate;
mod paths;
mod walk;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adapters::{Cancellable, Limited, Refusal, Told};
use inflate::Inflated;

use crate::error::Result;
use crate::manifest::Manifest;
use crate::names::{Name, Sha256, Version};

pub(crate) use walk::Sink;

/// What an archive may hold at most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Unpacked bytes of the whole archive.
    pub total_bytes: u64,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of the manifest.
    pub manifest_bytes: u64,
    /// Entries, extended headers counted.
    pub entries: u64,
    /// Bytes of all paths together, with every directory on the way to them.
    pub name_bytes: u64,
    /// Unpacked bytes for each compressed byte, counted after the first 16 MiB. Real releases reach 10.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total_bytes: 4 << 30,
            file_bytes: 2 << 30,
            manifest_bytes: 64 << 20,
            entries: 200_000,
            name_bytes: 32 << 20,
            ratio: 200,
        }
    }
}

/// The release that the archive is expected to be; what is `None` is taken as the archive says.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// The release's name.
    pub name: Option<Name>,
    /// The release's version.
    pub version: Option<Version>,
}

/// A request to stop, shared with whoever may ask for it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<Request>);

#[derive(Debug, Default)]
struct Request {
    asked: AtomicBool,
    parent: Option<Cancel>,
}

impl Cancel {
    /// A part of an operation: stopped with the whole, and on its own.
    #[must_use]
    pub fn part(&self) -> Self {
        Self(Arc::new(Request { asked: AtomicBool::default(), parent: Some(self.clone()) }))
    }

    /// Asks the operation to stop at its next step.
    pub fn cancel(&self) {
        self.0.asked.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed) || self.0.parent.as_ref().is_some_and(Self::is_cancelled)
    }
}

/// Who is told how far an operation is, and who may stop it.
#[derive(Clone, Default)]
pub struct Control<'a> {
    /// Called now and then with the compressed bytes done and their total.
    pub progress: Option<&'a dyn Fn(u64, u64)>,
    /// Stops the operation.
    pub cancel: Cancel,
}

/// An archive that is what its manifest says.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Its manifest.
    pub manifest: Manifest,
    /// The digest of the archive file.
    pub sha256: Sha256,
    /// How many bytes it unpacks to.
    pub bytes: u64,
}

/// Verifies an archive in one pass: gzip, tar, names, sizes, and every file against the manifest.
///
/// # Errors
/// Each way in which an archive can be wrong has its own variant of [`crate::Error`].
pub fn verify(path: &Path, expect: &Expect, limits: &Limits, control: &Control<'_>) -> Result<Verified> {
    read(path, expect, limits, control, &mut walk::Nowhere)
}

/// Verifies an archive while its files go to `sink`, which must not trust them before this returns.
pub(crate) fn read(
    path: &Path,
    expect: &Expect,
    limits: &Limits,
    control: &Control<'_>,
    sink: &mut dyn Sink,
) -> Result<Verified> {
    let refusal = Refusal::default();
    let inflated = Inflated::open(path, refusal.clone())?;
    let (size, compressed) = (inflated.size(), inflated.compressed());
    let cancellable = Cancellable::new(inflated, control.cancel.clone(), refusal.clone());
    let told = Told::new(cancellable, control.progress, Arc::clone(&compressed), size);
    let mut reader = Limited::new(told, limits.clone(), compressed, refusal.clone());

    let contents = walk::walk(&mut reader, &refusal, limits, sink)?;
    let (told, bytes) = reader.into_inner();
    let sha256 = told.into_inner().into_inner().into_digest()?;
    let manifest = check::against_manifest(contents, expect, path)?;
    Ok(Verified { manifest, sha256, bytes })
}

#[cfg(test)]
mod tests {
    use super::Cancel;

    #[test]
    fn a_part_stops_with_the_whole_and_the_whole_not_with_a_part() {
        let whole = Cancel::default();
        let (one, other) = (whole.part(), whole.part());
        one.cancel();
        assert!(one.is_cancelled() && !other.is_cancelled() && !whole.is_cancelled());
        whole.cancel();
        assert!(other.is_cancelled());
    }
}
