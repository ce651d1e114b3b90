use std::fs;

use super::*;

const GIB: u64 = 1 << 30;
const V2_MOUNT: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
const V1_MOUNT: &str = "34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct\n\
                        35 31 0:32 / /sys/fs/cgroup/memory rw shared:12 - cgroup cgroup rw,memory\n";

/// A directory that looks like `/`.
fn machine(groups: &str, mounts: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in [("proc/self/cgroup", groups), ("proc/self/mountinfo", mounts)].iter().chain(files) {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

#[test]
fn version_2_without_the_cache_that_the_kernel_gives_back() {
    let root = machine(
        "0::/system.slice/garden.service\n",
        V2_MOUNT,
        &[
            ("sys/fs/cgroup/system.slice/garden.service/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/system.slice/garden.service/memory.current", "900000000\n"),
            (
                "sys/fs/cgroup/system.slice/garden.service/memory.stat",
                "anon 100\ninactive_file_x 9\ninactive_file 500000000\nactive_file 300000000\n",
            ),
            ("sys/fs/cgroup/system.slice/memory.max", "max\n"),
            ("sys/fs/cgroup/system.slice/memory.current", "2000000000\n"),
        ],
    );
    assert_eq!(memory(root.path(), 8 * GIB), Some(Group { limit: GIB, used: 100_000_000 }));
}

#[test]
fn more_cache_than_use_is_no_use() {
    // The two files are not read in the same moment.
    let stat = format!("inactive_file 700\nactive_file {}\n", u64::MAX);
    let files = [
        ("sys/fs/cgroup/memory.max", "1000\n"),
        ("sys/fs/cgroup/memory.current", "600\n"),
        ("sys/fs/cgroup/memory.stat", stat.as_str()),
    ];
    assert_eq!(memory(machine("0::/\n", V2_MOUNT, &files).path(), GIB), Some(Group { limit: 1000, used: 0 }));
}

#[test]
fn the_group_above_counts_where_it_has_less_room() {
    let root = machine(
        "0::/a/b\n",
        V2_MOUNT,
        &[
            ("sys/fs/cgroup/a/b/memory.max", "1000000\n"),
            ("sys/fs/cgroup/a/b/memory.current", "100000\n"),
            ("sys/fs/cgroup/a/memory.max", "2000000\n"),
            ("sys/fs/cgroup/a/memory.current", "1900000\n"),
        ],
    );
    assert_eq!(memory(root.path(), GIB), Some(Group { limit: 2_000_000, used: 1_900_000 }));
}

#[test]
fn version_1() {
    let root = machine(
        "12:cpu,cpuacct:/other\n4:memory:/garden\n0::/\n",
        V1_MOUNT,
        &[
            ("sys/fs/cgroup/memory/garden/memory.limit_in_bytes", "1073741824\n"),
            ("sys/fs/cgroup/memory/garden/memory.usage_in_bytes", "500\n"),
            (
                "sys/fs/cgroup/memory/garden/memory.stat",
                "inactive_file 1\nactive_file 2\ntotal_inactive_file 300\ntotal_active_file 100\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "5000000000\n"),
        ],
    );
    assert_eq!(memory(root.path(), 8 * GIB), Some(Group { limit: GIB, used: 100 }));
}

#[test]
fn a_container_that_sees_its_own_group_as_the_top() {
    let files = [
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000\n"),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "300000\n"),
    ];
    let mount = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
    let root = machine("4:memory:/docker/abc\n", mount, &files);
    assert_eq!(memory(root.path(), GIB), Some(Group { limit: 1_000_000, used: 300_000 }));

    // The group is not to be seen at all: what is above it still is.
    for path in ["/docker/abc", "/../abc"] {
        let root = machine(&format!("4:memory:{path}\n"), V1_MOUNT, &files);
        assert_eq!(memory(root.path(), GIB), Some(Group { limit: 1_000_000, used: 300_000 }), "{path}");
    }
}

#[test]
fn no_limit_is_no_group() {
    let top = [("sys/fs/cgroup/memory.max", "max\n"), ("sys/fs/cgroup/memory.current", "1\n")];
    assert_eq!(memory(machine("0::/\n", V2_MOUNT, &top).path(), GIB), None);

    let v1 = [
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n"),
    ];
    assert_eq!(memory(machine("4:memory:/\n", V1_MOUNT, &v1).path(), GIB), None);
}

#[test]
fn what_cannot_be_read_is_no_group() {
    for (groups, mounts) in
        [("", ""), ("nonsense\n:::", "nonsense - x\n - "), ("0::/\n", ""), ("4:memory:/\n", V2_MOUNT)]
    {
        assert_eq!(memory(machine(groups, mounts, &[]).path(), GIB), None, "{groups:?} {mounts:?}");
    }
    let garbage = [("sys/fs/cgroup/memory.max", "lots\n"), ("sys/fs/cgroup/memory.current", "-1\n")];
    assert_eq!(memory(machine("0::/\n", V2_MOUNT, &garbage).path(), GIB), None);
    assert_eq!(memory(Path::new("/no/such/directory"), GIB), None);
}
