//! Names from outside become these types at the border, or are refused there.

use std::borrow::Borrow;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The longest path of an archive, in bytes.
const MAX_PATH: usize = 1024;
/// The longest name of a file or directory on the file systems in use, in bytes.
const MAX_COMPONENT: usize = 255;

/// A relative path below the root of a release: no `..`, no root, nothing that could lead elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryPath(String);

impl EntryPath {
    /// Takes the bytes of an archive entry's name; a directory's trailing slash is dropped.
    ///
    /// # Errors
    /// [`Error::UnsafePath`], which says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let refuse =
            |why| Error::UnsafePath { path: String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into(), why };
        let text = std::str::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8"))?;
        let text = text.strip_suffix('/').unwrap_or(text);

        if text.is_empty() {
            return Err(refuse("it is empty"));
        }
        if text.len() > MAX_PATH {
            return Err(refuse("it is too long"));
        }
        if text.starts_with('/') {
            return Err(refuse("it is absolute"));
        }
        if text.chars().any(char::is_control) {
            return Err(refuse("it holds control characters"));
        }
        for component in text.split('/') {
            match component {
                "" | "." => return Err(refuse("it has an empty component")),
                ".." => return Err(refuse("it leaves the root")),
                name if name.len() > MAX_COMPONENT => return Err(refuse("a name in it is too long")),
                _ => {}
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The path as text, with `/` between its components.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The components, from the top.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The path below a directory of the file system.
    #[must_use]
    pub fn below(&self, root: &Path) -> PathBuf {
        root.join(&self.0)
    }

    /// Whether the path lies in (or is) the directory.
    #[must_use]
    pub fn is_in(&self, directory: &str) -> bool {
        self.0.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Borrow<str> for EntryPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EntryPath {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(text.as_bytes())
    }
}

impl From<EntryPath> for String {
    fn from(path: EntryPath) -> Self {
        path.0
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Takes a name of letters, digits, `.`, `-`, `+`, `_` and `~` that starts with a letter or a digit.
            ///
            /// # Errors
            /// [`Error::BadName`] for anything else.
            pub fn parse(text: &str) -> Result<Self> {
                let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_' | '~');
                let sound = text.starts_with(|c: char| c.is_ascii_alphanumeric())
                    && text.len() <= MAX_COMPONENT
                    && text.chars().all(allowed);
                if sound { Ok(Self(text.to_owned())) } else { Err(Error::BadName(text.chars().take(80).collect(), $kind)) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::parse(&text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }
    };
}

name!(
    /// The name of a release or of an application.
    Name,
    "name"
);
name!(
    /// A version of a release, of an application or of ERTS, safe as a part of a path.
    Version,
    "version"
);

/// A SHA-256 digest; text is 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest that a hasher comes to.
    #[must_use]
    pub fn of(hasher: sha2::Sha256) -> Self {
        use sha2::Digest as _;
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl TryFrom<String> for Sha256 {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let refuse = || Error::BadManifest("a digest is not 64 hexadecimal digits".into());
        if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(refuse());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(pair).map_err(|_| refuse())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| refuse())?;
        }
        Ok(Self(bytes))
    }
}

impl From<Sha256> for String {
    fn from(digest: Sha256) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_cannot_be_written_down() {
        let long = "x/".repeat(600);
        let wide = "x".repeat(256);
        for path in ["", "/", "/etc/passwd", "..", "a/../b", "a/..", "./a", "a//b", "a/\0b", "a\nb", &long, &wide] {
            assert!(EntryPath::parse(path.as_bytes()).is_err(), "{path:?}");
        }
        assert!(EntryPath::parse(b"a/\xff").is_err());
        assert_eq!(EntryPath::parse(b"lib/a-1/ebin/").unwrap().as_str(), "lib/a-1/ebin");
    }

    #[test]
    fn a_directory_holds_what_is_below_it_and_not_its_namesakes() {
        let path = EntryPath::parse(b"lib/a-1/x").unwrap();
        assert!(path.is_in("lib/a-1") && path.is_in("lib") && !path.is_in("lib/a-") && !path.is_in("li"));
    }

    #[test]
    fn versions_cannot_be_paths() {
        for version in ["", "../../..", "1/2", ".1", "1 2", "1\n"] {
            assert!(Version::parse(version).is_err(), "{version:?}");
        }
        assert!(Version::parse("1.0.0-rc.1+d.0123").is_ok());
    }

    #[test]
    fn digests_read_back() {
        let text = "00ff".repeat(16);
        assert_eq!(Sha256::try_from(text.clone()).unwrap().to_string(), text);
        for text in ["+1".repeat(32), "zz".repeat(32), "FF".repeat(32), "0".repeat(63), "ü".repeat(32)] {
            assert!(Sha256::try_from(text).is_err());
        }
    }
}
