//! From an archive to files of the live root: verified and unpacked beside them in one pass, then renamed into place.
//!
//! The root never shows a half-unpacked release: what fails before the renames leaves it as it was, and the release's
//! own directory comes last. Files that are there already are shared where they are equal, and never written.

mod place;
mod unpack;

use std::path::Path;

use crate::archive::{self, Control, Expect, Limits, Verified};
use crate::error::{Error, Result};
use crate::names::EntryPath;

pub use place::{sweep, unstage};

/// A release whose files are in place.
#[derive(Debug, Clone)]
pub struct Staged {
    /// What the verification found.
    pub verified: Verified,
    /// The directories that were put in place, relative to the root, in order.
    pub placed: Vec<String>,
    /// The directories that were there already with the same content.
    pub shared: Vec<String>,
}

/// Verifies an archive and puts its files in place below `root`.
///
/// # Errors
/// Those of [`archive::verify`], [`Error::AlreadyStaged`] where the version is there already as another build, and
/// [`Error::Differs`] where another file is there already with other content. In every case the root is as it was.
pub fn stage(archive: &Path, root: &Path, expect: &Expect, limits: &Limits, control: &Control<'_>) -> Result<Staged> {
    let staging = unpack::Staging::create(root, expect.version.as_ref())?;
    let mut unpack = unpack::Unpack::new(root, &staging);
    let verified = archive::read(archive, expect, limits, control, &mut unpack)?;

    let (shared, missing) = unpack.finish();
    for unit in &shared {
        place::compare(root, unit, &verified.manifest, &control.cancel)?;
    }
    // Nothing to wait for where everything is there already.
    if !missing.is_empty() {
        staging.sync()?;
    }
    if control.cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let placed = place::place(root, staging.path(), missing)?;
    Ok(Staged { verified, placed, shared })
}

/// The directory that is put in place as a whole for this file: an application's, ERTS, or the release's own. The
/// launcher and the loose files of `releases/` belong to the node.
fn unit(path: &EntryPath) -> Option<String> {
    let components: Vec<_> = path.components().collect();
    match components[..] {
        [top @ ("lib" | "releases"), name, _, ..] => Some(format!("{top}/{name}")),
        [erts, _, ..] if erts.starts_with("erts-") => Some(erts.to_owned()),
        _ => None,
    }
}
