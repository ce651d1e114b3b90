//! Hand-written appups, and whether they lead from one version to the other and back.

use std::path::{Path, PathBuf};

use regex::Regex;

use super::files::read_term;
use crate::error::Result;
use crate::term::Term;

/// Where the instructions for an application come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appup {
    /// It does not change.
    None,
    /// From the plan.
    Generated,
    /// From a file that its author wrote.
    HandWritten {
        /// The file.
        path: PathBuf,
        /// Whether it asks for a restart of the VM.
        restarts: bool,
    },
}

/// Looks for a usable appup in an application's directory: one that is about one of `newer` (its full and its base
/// version) and has an entry for one of `older` in both directions.
///
/// # Errors
/// Those of reading a file that is there.
pub(super) fn find(dir: &Path, name: &str, newer: &[&str], older: &[&str]) -> Result<Option<Appup>> {
    let path = dir.join("ebin").join(format!("{name}.appup"));
    if !path.is_file() {
        return Ok(None);
    }
    let appup = read_term(&path)?;
    let Some([version, up, down]) = appup.as_tuple() else { return Ok(None) };
    let about_newer = version.as_text().is_some_and(|version| newer.contains(&version.as_str()));
    match (entry(up, older), entry(down, older)) {
        (Some(up), Some(down)) if about_newer => {
            let restarts = [up, down]
                .iter()
                .any(|entry| entry.mentions("restart_new_emulator") || entry.mentions("restart_emulator"));
            Ok(Some(Appup::HandWritten { path, restarts }))
        }
        _ => Ok(None),
    }
}

/// The instructions for one of the versions. A binary is a regular expression whose first match is the whole version:
/// systools looks no further, and takes `1|1.0` for another version than 1.0 (`systools_relup.erl`).
fn entry<'a>(entries: &'a Term, versions: &[&str]) -> Option<&'a Term> {
    entries.as_list()?.iter().find_map(|entry| {
        let [version, instructions] = entry.as_tuple()? else { return None };
        let matches = match version {
            Term::Binary(pattern) => {
                let pattern = Regex::new(std::str::from_utf8(pattern).ok()?).ok()?;
                versions.iter().any(|version| pattern.find(version).is_some_and(|found| found.as_str() == *version))
            }
            other => other.as_text().is_some_and(|version| versions.contains(&version.as_str())),
        };
        matches.then_some(instructions)
    })
}
