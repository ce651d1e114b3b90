//! Planning the way from what runs to what is staged.

use std::path::PathBuf;

use bloom_core::names::Version;
use bloom_core::plan::{self, LoadedApp, Request, Running};
use rustler::{Env, NifMap, Term};

use crate::failure::answer;
use crate::job::{self, Watch};
use crate::plan_map::{Md5, PlanMap};

#[derive(NifMap)]
struct RequestMap {
    root: PathBuf,
    running: RunningMap,
    target: String,
    downgrade: bool,
    loaded: Vec<(String, Md5)>,
}

#[derive(NifMap)]
struct RunningMap {
    version: String,
    erts: String,
    apps: Vec<LoadedAppMap>,
    consolidated: Option<PathBuf>,
}

#[derive(NifMap)]
struct LoadedAppMap {
    name: String,
    version: String,
    dir: PathBuf,
}

impl TryFrom<RequestMap> for Request {
    type Error = bloom_core::Error;

    fn try_from(map: RequestMap) -> Result<Self, Self::Error> {
        let apps = map.running.apps.into_iter();
        Ok(Self {
            root: map.root,
            running: Running {
                version: Version::parse(&map.running.version)?,
                erts: map.running.erts,
                apps: apps.map(|app| LoadedApp { name: app.name, version: app.version, dir: app.dir }).collect(),
                consolidated: map.running.consolidated,
            },
            target: Version::parse(&map.target)?,
            downgrade: map.downgrade,
            loaded: map.loaded.into_iter().map(|(name, Md5(md5))| (name, md5)).collect(),
        })
    }
}

#[rustler::nif(name = "nif_plan", schedule = "DirtyIo")]
fn plan(env: Env<'_>, request: RequestMap) -> Term<'_> {
    answer(env, || job::run(env, &Watch::NOBODY, |_| plan::plan(&request.try_into()?).map(PlanMap::from)))
}
