//! The memory limit of the control group, version 1 or 2, that this process is in.
//!
//! Not sysinfo's: that counts the page cache as used, so that a healthy node that reads and writes files looks full.

use std::fs;
use std::path::{Path, PathBuf};

/// A group with a limit below what the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    pub limit: u64,
    pub used: u64,
}

/// How the two versions name the same things.
struct Layout {
    limit: &'static str,
    usage: &'static str,
    /// The lists of file pages in `memory.stat`, with what is below the group.
    cache: [&'static str; 2],
}

const V1: Layout = Layout {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    cache: ["total_inactive_file", "total_active_file"],
};
const V2: Layout = Layout { limit: "memory.max", usage: "memory.current", cache: ["inactive_file", "active_file"] };

/// The group with the least room, of the own one and those above it, or nothing where no limit is below `machine`.
///
/// `root` is `/`, or a directory that looks like it.
pub fn memory(root: &Path, machine: u64) -> Option<Group> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).ok()?;

    // The memory controller is in one of both hierarchies only.
    let (layout, path, mount) = match (group_of(&groups, is_memory), group_of(&groups, str::is_empty)) {
        (Some(path), _) => {
            (V1, path, mount_of(&mounts, |kind, options| kind == "cgroup" && options.split(',').any(is_memory))?)
        }
        (None, Some(path)) => (V2, path, mount_of(&mounts, |kind, _options| kind == "cgroup2")?),
        (None, None) => return None,
    };

    let top = root.join(mount.point.trim_start_matches('/'));
    directories(&top, below(path, mount.root))
        .iter()
        .filter_map(|dir| read(dir, &layout))
        .filter(|group| group.limit < machine)
        .min_by_key(|group| group.limit.saturating_sub(group.used))
}

fn is_memory(controller: &str) -> bool {
    controller == "memory"
}

/// The path of the group in `/proc/self/cgroup`, whose lines are `id:controllers:path`.
fn group_of(groups: &str, wanted: impl Fn(&str) -> bool) -> Option<&str> {
    groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let controllers = fields.next()?;
        let path = fields.next()?;
        controllers.split(',').any(&wanted).then_some(path)
    })
}

struct Mount<'a> {
    root: &'a str,
    point: &'a str,
}

/// A mount in `/proc/self/mountinfo`: `id parent dev root point options … - kind source options`.
fn mount_of(mounts: &str, wanted: impl Fn(&str, &str) -> bool) -> Option<Mount<'_>> {
    mounts.lines().find_map(|line| {
        let (place, system) = line.split_once(" - ")?;
        let mut system = system.split(' ');
        let (kind, options) = (system.next()?, system.nth(1)?);
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        wanted(kind, options).then_some(Mount { root, point })
    })
}

/// A group's path as the mount shows it. A container sees the path on its host, and its own group mounted as the top.
fn below<'a>(path: &'a str, mounted: &str) -> &'a Path {
    let path = Path::new(path);
    let path = path.strip_prefix(mounted).or_else(|_| path.strip_prefix("/")).unwrap_or(path);
    // Seen from inside another namespace, a group lies beside the visible tree.
    if path.starts_with("..") { Path::new("") } else { path }
}

/// The group's directory and all above it, up to the mount.
fn directories(top: &Path, path: &Path) -> Vec<PathBuf> {
    path.ancestors().map(|part| top.join(part)).collect()
}

/// A group's limit and what it uses, or nothing where it has no limit.
fn read(dir: &Path, layout: &Layout) -> Option<Group> {
    let number = |file: &str| fs::read_to_string(dir.join(file)).ok()?.trim().parse::<u64>().ok();
    let limit = number(layout.limit)?;
    let usage = number(layout.usage)?;
    let stat = fs::read_to_string(dir.join("memory.stat")).unwrap_or_default();
    let cache = layout.cache.iter().fold(0, |sum: u64, list| sum.saturating_add(pages(&stat, list)));
    Some(Group { limit, used: usage.saturating_sub(cache) })
}

/// What is on one of the lists that the kernel takes file pages from before it ends a process for want of memory: the
/// inactive one first, which it fills up from the active one (`admin-guide/cgroup-v2.rst`, `memory.stat`; `mm/concepts.rst`,
/// Reclaim). Files in memory (tmpfs) and locked pages are on neither.
fn pages(stat: &str, key: &str) -> u64 {
    let value = |line: &str| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok();
    stat.lines().find_map(value).unwrap_or(0)
}

#[cfg(test)]
mod tests;
