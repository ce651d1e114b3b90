//! The one error of the crate: what went wrong, on which path, and what to do next.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::beam::BeamError;
use crate::process::ProcessError;
use crate::sqlite::SqliteError;
use crate::store::StoreError;
use crate::term::TermError;

/// Everything that can go wrong, each with a stable code (see [`Error::code`]).
///
/// The texts are for users: one sentence with the path or name it is about, and the next step.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation on a file failed.
    #[error("cannot {operation} {}: {source}; {}", path.display(), advice(source))]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The caller asked to stop.
    #[error("cancelled; nothing was changed")]
    Cancelled,
    /// Not gzip, damaged, or cut short.
    #[error("the archive is damaged or incomplete ({0}): copy it again")]
    Damaged(String),
    /// Bytes after the end of the compressed data or of the tar archive.
    #[error("the archive has data after its end: copy it again, or build it again")]
    TrailingData,
    /// More or larger content than the limits allow.
    #[error(
        "the archive unpacks to more than {what} allows ({limit}), and a release is never that large: do not use it, or \
         find what got into it by mistake and build it again"
    )]
    TooLarge {
        /// Which limit.
        what: &'static str,
        /// Its value.
        limit: u64,
    },
    /// A path that leaves the root or cannot be a file of a release.
    #[error(
        "{path:?} cannot be a path of a release ({why}): do not use the archive, or rename the file and build again"
    )]
    UnsafePath {
        /// The path as far as it can be shown.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A symbolic or hard link. Mix packs files, never links.
    #[error("the archive holds the link {0}, and a release has none: build it with `mix release`")]
    Link(String),
    /// A device, a pipe, or anything else that is neither file nor directory.
    #[error("the archive holds {0}, which is neither file nor directory: do not use it")]
    SpecialFile(String),
    /// A file that would run with its owner's rights.
    #[error("the archive holds {0} with setuid, setgid or sticky bits: do not use it")]
    SetuidBits(String),
    /// One path twice.
    #[error("the archive holds {0} twice: build it again")]
    Duplicate(String),
    /// Two paths that are one on a file system without case, or a file where a directory is.
    #[error("the archive holds both {0} and {1}, which cannot lie beside each other: rename one and build it again")]
    Clash(String, String),
    /// A top-level entry or an entry of `releases/` or `lib/` that no release has.
    #[error("the archive holds {0}, which does not belong to the release: keep overlays below bin/")]
    UnknownEntry(String),
    /// Built with `include_erts: false`.
    #[error("the archive holds no erts-* directory: set include_erts: true for the release in mix.exs")]
    NoErts,
    /// No manifest, so the build step is missing.
    #[error(
        "the archive has no manifest of Bloom: add the build step to mix.exs, \
         releases: [{0}: [steps: [:assemble, &Bloom.Release.prepare/1, :tar]]], and build it again"
    )]
    NoManifest(String),
    /// A manifest that cannot be read.
    #[error("the manifest of the release is not readable ({0}): build the archive again")]
    BadManifest(String),
    /// Another release than the one that was asked for.
    #[error("the archive is {what} {found}, not {expected}: copy the right one, and keep the file name Mix gave it")]
    WrongRelease {
        /// `release` or `version`.
        what: &'static str,
        /// What the archive says.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// Content that differs from the manifest.
    #[error(
        "{0} is not as Bloom.Release.prepare left it: make that step the last one before :tar and build the archive again"
    )]
    Altered(String),
    /// In the manifest but not in the archive.
    #[error("{0} is missing from the archive: copy it again, or build it again")]
    Missing(String),
    /// A file of the live root that differs from the archive's file of the same name.
    #[error(
        "{0} is not as in the archive, and live files are never changed: build with the same Erlang/OTP as the \
         running release, or restore that directory from the archive it came from"
    )]
    Differs(String),
    /// The version is there already, as another build of it.
    #[error(
        "release {version} is there already and its {path} is not as in the archive: remove that release first, or \
         give the new one another version"
    )]
    AlreadyStaged {
        /// The version.
        version: String,
        /// The first file that differs.
        path: String,
    },
    /// A file that is no compiled module.
    #[error("cannot read {}: {source}; install the archive again", path.display())]
    Beam {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BeamError,
    },
    /// A file that is no Erlang term.
    #[error("cannot read {}: {source}; build the release again", path.display())]
    Term {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TermError,
    },
    /// A name or version that cannot be one.
    #[error("{0:?} cannot be a {1} of a release: use letters, digits, dots, dashes, plus signs and underscores")]
    BadName(String, &'static str),
    /// The journal.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Programs that were run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A database of the application.
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
    /// The operating system keeps to itself what was asked.
    #[error("the operating system does not tell {0}: see whether /proc is mounted and readable")]
    Unknown(&'static str),
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The stable code of the error, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "disk_full",
                ErrorKind::ReadOnlyFilesystem => "read_only",
                ErrorKind::PermissionDenied => "permission_denied",
                _ => "io",
            },
            Self::Cancelled => "cancelled",
            Self::Damaged(_) => "damaged",
            Self::TrailingData => "trailing_data",
            Self::TooLarge { .. } => "too_large",
            Self::UnsafePath { .. } => "unsafe_path",
            Self::Link(_) => "link",
            Self::SpecialFile(_) => "special_file",
            Self::SetuidBits(_) => "setuid_bits",
            Self::Duplicate(_) => "duplicate",
            Self::Clash(..) => "clash",
            Self::UnknownEntry(_) => "unknown_entry",
            Self::NoErts => "no_erts",
            Self::NoManifest(_) => "no_manifest",
            Self::BadManifest(_) => "bad_manifest",
            Self::WrongRelease { .. } => "wrong_release",
            Self::Altered(_) => "altered",
            Self::Missing(_) => "missing",
            Self::Differs(_) => "differs",
            Self::AlreadyStaged { .. } => "already_staged",
            Self::Beam { .. } => "bad_beam",
            Self::Term { .. } => "bad_term",
            Self::BadName(..) => "bad_name",
            Self::Store(error) => error.code(),
            Self::Process(error) => error.code(),
            Self::Sqlite(error) => error.code(),
            Self::Unknown(_) => "unknown",
        }
    }

    /// Adds to an I/O error what was tried on which file.
    pub(crate) fn io(operation: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { operation, path, source }
    }
}

/// What to do about a file operation that failed.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space there and try again",
        ErrorKind::ReadOnlyFilesystem => "mount it for writing, or move the release to where the node may write",
        ErrorKind::PermissionDenied => "give the user that runs the node the right to do so",
        ErrorKind::NotFound => "check the path",
        _ => "check the file system and try again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_disk_refuses_has_a_code_a_path_and_advice() {
        for (kind, code, advice) in [
            (ErrorKind::StorageFull, "disk_full", "free some space"),
            (ErrorKind::QuotaExceeded, "disk_full", "free some space"),
            (ErrorKind::ReadOnlyFilesystem, "read_only", "mount it for writing"),
            (ErrorKind::PermissionDenied, "permission_denied", "give the user"),
            (ErrorKind::NotFound, "io", "check the path"),
        ] {
            let error = Error::io("write", "/srv/garden/lib/x")(kind.into());
            assert_eq!(error.code(), code);
            let message = error.to_string();
            assert!(message.starts_with("cannot write /srv/garden/lib/x: ") && message.contains(advice), "{message}");
        }
    }
}
