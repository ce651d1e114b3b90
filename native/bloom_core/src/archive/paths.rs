//! The paths of an archive among each other: once each, and distinct on every file system.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use crate::error::{Error, Result};
use crate::names::EntryPath;

/// The paths seen, and every directory on the way to them, without regard to case.
pub(super) struct Paths {
    seen: HashMap<String, (String, bool)>,
    bytes: u64,
    limit: u64,
}

impl Paths {
    /// `limit` bounds the bytes of all names together: deep paths have many directories on the way.
    pub(super) fn new(limit: u64) -> Self {
        Self { seen: HashMap::new(), bytes: 0, limit }
    }

    /// Takes the path of an entry.
    pub(super) fn add(&mut self, path: &EntryPath, is_dir: bool) -> Result<()> {
        let text = path.as_str();
        if !self.add_one(text, is_dir)? && !is_dir {
            return Err(Error::Duplicate(text.to_owned()));
        }
        // From the deepest: above a directory that is known, all are.
        for (end, _) in text.rmatch_indices('/') {
            if !self.add_one(&text[..end], true)? {
                break;
            }
        }
        Ok(())
    }

    /// Whether it is new.
    fn add_one(&mut self, text: &str, is_dir: bool) -> Result<bool> {
        match self.seen.entry(text.to_lowercase()) {
            Slot::Vacant(slot) => {
                self.bytes += text.len() as u64;
                if self.bytes > self.limit {
                    return Err(Error::TooLarge { what: "the bound on names", limit: self.limit });
                }
                slot.insert((text.to_owned(), is_dir));
                Ok(true)
            }
            Slot::Occupied(slot) => {
                let (other, other_is_dir) = slot.get();
                if other == text && *other_is_dir == is_dir {
                    Ok(false)
                } else {
                    Err(Error::Clash(other.clone(), text.to_owned()))
                }
            }
        }
    }
}

/// Only what a release has at its top is looked at further; the rest is compared with the manifest afterwards.
pub(super) fn check_top(path: &EntryPath) -> Result<()> {
    let top = path.components().next().unwrap_or_default();
    if matches!(top, "bin" | "lib" | "releases") || top.starts_with("erts-") {
        Ok(())
    } else {
        Err(Error::UnknownEntry(path.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_all(paths: &[(&str, bool)]) -> Result<()> {
        let mut all = Paths::new(1000);
        paths.iter().try_for_each(|(path, is_dir)| all.add(&EntryPath::parse(path.as_bytes())?, *is_dir))
    }

    #[test]
    fn directories_may_come_often_and_late() {
        add_all(&[("a/b/c", false), ("a/b", true), ("a", true), ("a/b", true), ("a/d", false)]).unwrap();
    }

    #[test]
    fn files_come_once_and_are_no_directories() {
        assert_eq!(add_all(&[("a/b", false), ("a/b", false)]).unwrap_err().code(), "duplicate");
        for clash in [[("a/b", false), ("a/b/c", false)], [("a/b/c", false), ("a/b", false)]] {
            assert_eq!(add_all(&clash).unwrap_err().code(), "clash");
        }
    }

    #[test]
    fn case_alone_distinguishes_nothing() {
        for clash in [
            [("a/b", false), ("a/B", false)],
            [("a/b", false), ("A/c", false)],
            [("a/x/1/b", false), ("a/X/1/c", false)],
            [("a/ü", true), ("a/Ü", true)],
        ] {
            assert_eq!(add_all(&clash).unwrap_err().code(), "clash", "{clash:?}");
        }
    }

    #[test]
    fn directories_on_the_way_count_too() {
        let mut paths = Paths::new(1000);
        let deep = EntryPath::parse("x/".repeat(100).as_bytes()).unwrap();
        assert_eq!(paths.add(&deep, true).unwrap_err().code(), "too_large");
    }
}
