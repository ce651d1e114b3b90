//! Which releases lie in a root, and how much of it something takes.

use std::path::{Path, PathBuf};

use bloom_core::inventory;
use rustler::{Env, NifMap, Term};

use crate::failure::answer;
use crate::job::{self, Watch};

#[derive(NifMap)]
struct ReleaseMap {
    version: String,
    needs: Vec<String>,
    unreadable: Option<String>,
}

#[derive(NifMap)]
struct InventoryMap {
    releases: Vec<ReleaseMap>,
    directories: Vec<String>,
}

impl From<inventory::Release> for ReleaseMap {
    fn from(release: inventory::Release) -> Self {
        let version = release.version;
        match release.needs {
            Ok(needs) => Self { version, needs: needs.into_iter().collect(), unreadable: None },
            Err(why) => Self { version, needs: Vec::new(), unreadable: Some(why) },
        }
    }
}

#[rustler::nif(name = "nif_inventory", schedule = "DirtyIo")]
fn read<'a>(env: Env<'a>, root: &Path) -> Term<'a> {
    answer(env, || {
        let found = job::run(env, &Watch::NOBODY, |_| inventory::read(root))?;
        let releases = found.releases.into_iter().map(ReleaseMap::from).collect();
        Ok(InventoryMap { releases, directories: found.directories })
    })
}

#[rustler::nif(name = "nif_size", schedule = "DirtyIo")]
fn size(env: Env<'_>, paths: Vec<PathBuf>) -> Term<'_> {
    answer(env, || job::run(env, &Watch::NOBODY, |_| inventory::size(&paths)))
}
