//! Names and kinds of entries that no release has: each is refused by name, and the root stays as it was.

mod support;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use bloom_core::Error;
use bloom_core::archive::{Control, Limits};
use support::{Release, Root, gzip, with_entry};
use tar::EntryType;

#[test]
fn paths_that_leave_the_root() {
    let root = Root::new();
    for path in ["../evil", "lib/../../evil", "/etc/evil", "lib//evil", "lib/./evil", "bin/ev\nil"] {
        let error = root.refuses(&with_entry(path, EntryType::Regular, 0o644, b"x"));
        assert_eq!(error.code(), "unsafe_path", "{path}: {error}");
    }
}

#[test]
fn names_that_are_no_text() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..4].copy_from_slice(b"a/\xff\xfe");
    header.set_size(0);
    header.set_cksum();
    builder.append(&header, &[][..]).unwrap();
    assert_eq!(Root::new().refuses(&gzip(&builder.into_inner().unwrap())).code(), "unsafe_path");
}

#[test]
fn unsafe_names_in_extended_headers() {
    let root = Root::new();
    let long = format!("lib/{}/../../../evil", "x/".repeat(100));
    let mut builder = tar::Builder::new(Vec::new());
    support::entry(&mut builder, "././@LongLink", EntryType::GNULongName, 0o644, long.as_bytes());
    support::entry(&mut builder, "short", EntryType::Regular, 0o644, b"x");
    assert_eq!(root.refuses(&gzip(&builder.into_inner().unwrap())).code(), "unsafe_path");

    for (key, value, code) in [
        ("path", "../../evil", "unsafe_path"),
        ("path", "/etc/evil", "unsafe_path"),
        ("size", "9999", "special_file"),
        ("GNU.sparse.realsize", "9999", "special_file"),
        ("linkpath", "/etc", "link"),
    ] {
        let mut builder = tar::Builder::new(Vec::new());
        support::pax(&mut builder, key, value);
        support::entry(&mut builder, "lib/short", EntryType::Regular, 0o644, b"x");
        assert_eq!(root.refuses(&gzip(&builder.into_inner().unwrap())).code(), code, "{key}={value}");
    }
}

#[test]
fn two_names_for_one_entry_or_a_name_for_none() {
    let root = Root::new();
    for entries in [1, 2] {
        let mut builder = tar::Builder::new(Vec::new());
        (0..entries).for_each(|_| support::pax(&mut builder, "path", "lib/x"));
        assert_eq!(root.refuses(&gzip(&builder.into_inner().unwrap())).code(), "damaged");
    }
}

#[test]
fn long_names_and_large_owners_are_taken() {
    let long = |start: &str, length: usize| {
        let mut path = format!("lib/kernel-8.5.3/priv/{start}");
        while path.len() < length {
            path.push_str(&"x".repeat((length - path.len()).min(200)));
            if path.len() + 1 < length {
                path.push('/');
            }
        }
        path
    };
    for pax in [false, true] {
        let root = Root::new();
        std::fs::remove_dir_all(root.path().join("lib/kernel-8.5.3")).unwrap();
        let mut release = Release::new("1.1.0");
        let names = [long("x", 1024), long("y", 101)];
        for name in &names {
            release.put(name, name.as_bytes());
        }

        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in release.assembled() {
            // What erl_tar writes for users with numbers above two million.
            support::pax(&mut builder, "uid", "3000000");
            if pax && path.len() > 100 {
                support::pax(&mut builder, "path", &path);
                support::entry(&mut builder, &path[..100], EntryType::Regular, 0o644, &content);
            } else {
                support::entry(&mut builder, &path, EntryType::Regular, 0o644, &content);
            }
        }
        root.stage(&gzip(&builder.into_inner().unwrap())).unwrap();
        for name in &names {
            assert_eq!(std::fs::read(root.path().join(name)).unwrap(), name.as_bytes());
        }
    }

    let error = Root::new().refuses(&with_entry(&long("x", 1025), EntryType::Regular, 0o644, b"x"));
    assert!(error.to_string().contains("too long"), "{error}");
}

#[test]
fn an_extended_header_cannot_fill_the_memory() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(1 << 40);
    header.set_cksum();
    let error = Root::new().refuses(&gzip(header.as_bytes()));
    assert_eq!(error.code(), "too_large");
}

#[test]
fn links() {
    let root = Root::new();
    for kind in [EntryType::Symlink, EntryType::Link] {
        let error = root.refuses(&with_entry("lib/kernel-8.5.3/link", kind, 0o777, b""));
        assert!(matches!(error, Error::Link(_)), "{error}");
    }
    let error = root.refuses(&with_entry("././@LongLink", EntryType::GNULongLink, 0o644, b"/etc"));
    assert!(matches!(error, Error::Link(_)), "{error}");
}

#[test]
fn directories_are_taken_without_their_rights_or_content() {
    let root = Root::new();
    let mut builder = tar::Builder::new(Vec::new());
    support::entry(&mut builder, "releases/1.1.0/", EntryType::Directory, 0o2777, b"");
    for (path, content) in Release::new("1.1.0").assembled() {
        support::entry(&mut builder, &path, EntryType::Regular, 0o644, &content);
    }
    support::entry(&mut builder, "releases/", EntryType::Directory, 0o2777, b"");
    root.stage(&gzip(&builder.into_inner().unwrap())).unwrap();
    let mode = std::fs::metadata(root.path().join("releases/1.1.0")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7022, 0, "{mode:o}");

    let error = Root::new().refuses(&with_entry("lib/a", EntryType::Directory, 0o755, b"content"));
    assert!(matches!(error, Error::SpecialFile(_)), "{error}");
}

#[test]
fn devices_and_pipes() {
    let root = Root::new();
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::GNUSparse, EntryType::XGlobalHeader] {
        let error = root.refuses(&with_entry("lib/kernel-8.5.3/device", kind, 0o644, b""));
        assert!(matches!(error, Error::SpecialFile(_)), "{kind:?}: {error}");
    }
}

#[test]
fn files_that_run_with_their_owners_rights() {
    let root = Root::new();
    for mode in [0o4755, 0o2755, 0o1755] {
        let error = root.refuses(&with_entry("bin/root_shell", EntryType::Regular, mode, b"x"));
        assert!(matches!(error, Error::SetuidBits(_)), "{error}");
    }
}

#[test]
fn one_path_twice() {
    let error = Root::new().refuses(&with_entry("bin/garden", EntryType::Regular, 0o755, b"another"));
    assert!(matches!(error, Error::Duplicate(_)), "{error}");
}

#[test]
fn paths_that_clash_without_case_or_as_file_and_directory() {
    let root = Root::new();
    for path in [
        "bin/Garden",
        "Lib/x",
        "LIB/kernel-8.5.3/ebin/x",
        "lib/Kernel-8.5.3/y",
        "bin/garden/x",
        "lib/kernel-8.5.3/ebin",
    ] {
        let error = root.refuses(&with_entry(path, EntryType::Regular, 0o644, b"x"));
        assert!(matches!(error.code(), "clash" | "unknown_entry"), "{path}: {error}");
    }
}

#[test]
fn entries_that_belong_to_no_release() {
    let root = Root::new();
    for path in ["etc/passwd", "top", "lib/other-1.0.0/ebin/other.beam", "releases/9.9.9/start.boot", "erts-99/bin/erl"]
    {
        let error = root.refuses(&with_entry(path, EntryType::Regular, 0o644, b"x"));
        assert!(matches!(error, Error::UnknownEntry(_)), "{path}: {error}");
    }
}

#[test]
fn a_bomb_of_bytes_entries_or_compression() {
    let root = Root::new();
    let all = Limits::default();
    let archive = Release::new("1.1.0").archive();
    for (limits, what) in [
        (Limits { total_bytes: 10_000, ..all.clone() }, "unpacked bytes"),
        (Limits { file_bytes: 60_000, ..all.clone() }, "a file"),
        (Limits { entries: 3, ..all.clone() }, "entries"),
        (Limits { name_bytes: 100, ..all.clone() }, "names"),
        (Limits { manifest_bytes: 100, ..all }, "the manifest"),
    ] {
        let before = root.listing();
        let error = root.stage_with(&archive, &limits, &Control::default()).unwrap_err();
        assert!(error.code() == "too_large" && error.to_string().contains(what), "{what}: {error}");
        assert_eq!(root.listing(), before);
    }

    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..9].copy_from_slice(b"bin/zeros");
    header.set_mode(0o644);
    header.set_size(1 << 30);
    header.set_cksum();
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(header.as_bytes()).unwrap();
    for _ in 0..20 {
        bomb.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let error = root.refuses(&bomb.finish().unwrap());
    assert!(error.to_string().contains("ratio"), "{error}");
}
