//! What the machine says about itself.

use std::path::Path;

use bloom_core::probe::{self, Source};
use rustler::{Env, NifMap, NifUnitEnum, Term};

use crate::failure::answer;
use crate::job::{self, Watch};

#[derive(NifUnitEnum, Clone, Copy)]
enum MemorySource {
    Cgroup,
    Machine,
}

#[derive(NifMap)]
struct MemoryMap {
    limit: u64,
    used: u64,
    resident: u64,
    source: MemorySource,
}

#[derive(NifMap)]
struct SpaceMap {
    total: u64,
    free: u64,
}

#[rustler::nif(name = "nif_memory", schedule = "DirtyIo")]
fn memory(env: Env<'_>) -> Term<'_> {
    answer(env, || {
        let memory = job::run(env, &Watch::NOBODY, |_| probe::memory())?;
        let source = match memory.source {
            Source::Cgroup => MemorySource::Cgroup,
            Source::Machine => MemorySource::Machine,
        };
        Ok(MemoryMap { limit: memory.limit, used: memory.used, resident: memory.resident, source })
    })
}

#[rustler::nif(name = "nif_disk_space", schedule = "DirtyIo")]
fn disk_space<'a>(env: Env<'a>, path: &Path) -> Term<'a> {
    answer(env, || {
        let space = job::run(env, &Watch::NOBODY, |_| probe::space(path))?;
        Ok(SpaceMap { total: space.total, free: space.free })
    })
}
