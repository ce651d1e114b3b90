//! What the machine says about itself: memory and disks.

mod cgroup;

use std::path::Path;

use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::error::{Error, Result};

/// Where a limit of memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A control group, version 1 or 2: a container or a service with a limit.
    Cgroup,
    /// The machine itself.
    Machine,
}

/// Memory in bytes, as far as this process may have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// How much there is.
    pub limit: u64,
    /// How much of it is taken, by anybody, without what the kernel gives back when asked.
    pub used: u64,
    /// Whose limit that is.
    pub source: Source,
    /// How much of it this process holds.
    pub resident: u64,
}

/// Space in bytes of the file system that a path is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Its size.
    pub total: u64,
    /// What this process may still write.
    pub free: u64,
}

/// Memory, from the tightest control group that this process is in, else from the machine.
///
/// # Errors
/// [`Error::Unknown`] where the operating system does not tell.
pub fn memory() -> Result<Memory> {
    let pid = sysinfo::get_current_pid().map_err(|_| Error::Unknown("the id of this process"))?;
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let only_memory = ProcessRefreshKind::nothing().with_memory().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, only_memory);

    let total = system.total_memory();
    if total == 0 {
        return Err(Error::Unknown("how much memory there is"));
    }
    let resident = system.process(pid).ok_or(Error::Unknown("the memory of this process"))?.memory();
    Ok(match cgroup::memory(Path::new("/"), total) {
        Some(group) => Memory { limit: group.limit, used: group.used, source: Source::Cgroup, resident },
        None => Memory {
            limit: total,
            used: total.saturating_sub(system.available_memory()),
            source: Source::Machine,
            resident,
        },
    })
}

/// Space on the file system of a path.
///
/// # Errors
/// [`Error::Io`] where the path cannot be asked.
pub fn space(path: &Path) -> Result<Space> {
    let found = rustix::fs::statvfs(path).map_err(|error| Error::io("ask the file system of", path)(error.into()))?;
    Ok(Space {
        total: found.f_blocks.saturating_mul(found.f_frsize),
        free: found.f_bavail.saturating_mul(found.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_plausible() {
        let memory = memory().unwrap();
        assert!(memory.limit > 16 << 20, "{memory:?}");
        assert!(memory.used > 0 && memory.used <= memory.limit, "{memory:?}");
        assert!(memory.resident > 64 << 10 && memory.resident < memory.limit, "{memory:?}");
    }

    #[test]
    fn space_is_plausible() {
        let space = space(Path::new(".")).unwrap();
        assert!(space.total > 0 && space.free <= space.total, "{space:?}");
    }

    #[test]
    fn a_path_that_is_not_there_has_no_space() {
        let error = space(Path::new("/no/such/directory")).unwrap_err();
        assert_eq!(error.code(), "io");
        assert!(error.to_string().contains("/no/such/directory"), "{error}");
    }
}
