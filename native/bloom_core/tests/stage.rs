//! Putting a verified release in place.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use bloom_core::{Error, stage, tree};
use support::{Release, Root, write};

#[test]
fn a_new_release_lies_beside_the_old_one() {
    let root = Root::new();
    let staged = root.stage(&Release::new("1.1.0").archive()).unwrap();

    assert_eq!(staged.placed, ["lib/garden-1.1.0+d.0123456789ab", "releases/1.1.0"]);
    assert_eq!(staged.shared, ["erts-13.1.5", "lib/kernel-8.5.3"]);
    for (path, content) in Release::new("1.1.0").files {
        assert_eq!(fs::read(root.path().join(&path)).unwrap(), content, "{path}");
    }
    assert!(root.path().join("releases/1.1.0/bloom.json").is_file());
}

#[test]
fn what_belongs_to_the_node_is_never_written() {
    let root = Root::new();
    let mut release = Release::new("1.1.0");
    release.put("bin/garden", b"another launcher");
    root.stage(&release.archive()).unwrap();

    assert_eq!(fs::read(root.path().join("bin/garden")).unwrap(), b"#!/bin/sh\n");
    assert_eq!(fs::read(root.path().join("releases/COOKIE")).unwrap(), b"COOKIE-OF-THE-NODE");
    assert_eq!(fs::read(root.path().join("releases/start_erl.data")).unwrap(), b"13.1.5 1.0.0");
}

#[test]
fn a_live_file_that_differs_is_never_overwritten() {
    let root = Root::new();
    let mut release = Release::new("1.1.0");
    release.put("lib/kernel-8.5.3/ebin/kernel.beam", &vec![8; 70_000]);
    let error = root.refuses(&release.archive());
    assert!(matches!(&error, Error::Differs(path) if path == "lib/kernel-8.5.3/ebin/kernel.beam"), "{error}");
}

#[test]
fn a_live_module_that_the_release_does_not_know_is_refused() {
    let root = Root::new();
    write(&root.path().join("lib/kernel-8.5.3/ebin/stray.beam"), b"x");
    assert_eq!(root.refuses(&Release::new("1.1.0").archive()).code(), "differs");
}

#[test]
fn a_live_file_behind_a_link_is_not_believed() {
    let root = Root::new();
    let beam = root.path().join("lib/kernel-8.5.3/ebin/kernel.beam");
    let elsewhere = root.path().join("elsewhere");
    fs::rename(&beam, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &beam).unwrap();
    assert_eq!(root.refuses(&Release::new("1.1.0").archive()).code(), "differs");
}

#[test]
fn staging_twice_shares_everything() {
    let root = Root::new();
    let archive = Release::new("1.1.0").archive();
    root.stage(&archive).unwrap();
    let before = root.listing();
    let again = root.stage(&archive).unwrap();
    assert!(again.placed.is_empty());
    assert_eq!(root.listing(), before);
}

#[test]
fn another_build_of_a_version_that_is_there_is_refused() {
    let root = Root::new();
    root.stage(&Release::new("1.1.0").archive()).unwrap();
    let mut other = Release::new("1.1.0");
    other.put("releases/1.1.0/sys.config", b"[other]");
    let error = root.refuses(&other.archive());
    assert_eq!(error.code(), "already_staged");
    assert!(error.to_string().contains("releases/1.1.0/sys.config"), "{error}");

    // The same files under another manifest.
    let root = Root::new();
    root.stage(&Release::new("1.1.0").archive()).unwrap();
    let mut other = Release::new("1.1.0");
    other.put("bin/another", b"#!/bin/sh\n");
    let error = root.refuses(&other.archive());
    assert!(error.to_string().contains("bloom.json"), "{error}");
}

#[test]
fn a_link_in_the_way_is_not_followed() {
    for dir in ["lib/garden-1.1.0+d.0123456789ab", "releases/1.1.0"] {
        let root = Root::new();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("nowhere"), root.path().join(dir)).unwrap();
        assert!(matches!(root.refuses(&Release::new("1.1.0").archive()).code(), "differs" | "already_staged"));
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}

#[test]
fn what_was_placed_can_be_taken_back() {
    let root = Root::new();
    let before = root.listing();
    let staged = root.stage(&Release::new("1.1.0").archive()).unwrap();
    stage::unstage(root.path(), &staged.placed).unwrap();
    assert_eq!(root.listing(), before);
    stage::unstage(root.path(), &staged.placed).unwrap();
    assert!(stage::unstage(root.path(), &["../x".into()]).is_err());
}

#[test]
fn an_interrupted_staging_is_swept() {
    let root = Root::new();
    let before = root.listing();
    write(&root.path().join("releases/.staging-9.9.9/lib/x"), b"x");
    write(&root.path().join("releases/.staging-removed/0/ebin/x"), b"x");
    stage::sweep(root.path()).unwrap();
    assert_eq!(root.listing(), before);
}

#[test]
fn only_the_right_to_execute_is_kept_of_modes() {
    let root = Root::new();
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in Release::new("1.1.0").assembled() {
        let mode = if path == "releases/1.1.0/garden.rel" { 0o777 } else { 0o666 };
        support::entry(&mut builder, &path, tar::EntryType::Regular, mode, &content);
    }
    root.stage(&support::gzip(&builder.into_inner().unwrap())).unwrap();
    for (file, expected) in [("garden.rel", 0o755), ("start.boot", 0o644)] {
        let mode = fs::metadata(root.path().join("releases/1.1.0").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, expected, "{file}");
    }
}

#[test]
fn a_tree_digest_sees_names_and_content() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("a/x"), b"1");
    let one = tree::digest(&dir.path().join("a")).unwrap();
    write(&dir.path().join("b/x"), b"1");
    assert_eq!(tree::digest(&dir.path().join("b")).unwrap(), one, "the directory's own name does not count");
    write(&dir.path().join("b/y"), b"");
    let two = tree::digest(&dir.path().join("b")).unwrap();
    fs::rename(dir.path().join("b/y"), dir.path().join("b/z")).unwrap();
    assert!(one != two && two != tree::digest(&dir.path().join("b")).unwrap());
}
