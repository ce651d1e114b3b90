//! Damage of every kind: truncation, flipped bits, additions, omissions, and archives of another release.

mod support;

use bloom_core::archive::{self, Cancel, Control, Limits};
use bloom_core::{Error, stage};
use support::{Release, Root, expect, gzip, tar};

#[test]
fn truncation_at_any_place_is_refused() {
    let root = Root::new();
    let archive = Release::new("1.1.0").archive();
    for length in (0..archive.len()).step_by(archive.len() / 60) {
        root.refuses(&archive[..length]);
    }
    root.refuses(&archive[..archive.len() - 1]);
}

#[test]
fn a_tar_archive_cut_short_inside_sound_gzip_is_refused() {
    let root = Root::new();
    let tar = Release::new("1.1.0").tar();
    for length in (512..tar.len() - 1024).step_by(tar.len() / 40) {
        root.refuses(&gzip(&tar[..length]));
    }
}

#[test]
fn a_tar_archive_without_its_end_is_refused() {
    let root = Root::new();
    let tar = Release::new("1.1.0").tar();
    for zeros in [0, 512, 1023] {
        let error = root.refuses(&gzip(&tar[..tar.len() - 1024 + zeros]));
        assert!(error.to_string().contains("the end of the tar archive"), "{error}");
    }
    root.stage(&gzip(&[&tar[..], &[0; 9216]].concat())).unwrap();
}

#[test]
fn a_flipped_bit_in_the_tar_archive_is_refused_or_changes_nothing() {
    let root = Root::new();
    let tar = Release::new("1.1.0").tar();
    let before = root.listing();
    let good = root.stage(&gzip(&tar)).unwrap();
    let staged = root.listing();
    stage::unstage(root.path(), &good.placed).unwrap();

    for at in (0..tar.len()).step_by(tar.len() / 400) {
        let mut damaged = tar.clone();
        damaged[at] ^= 1;
        match root.stage(&gzip(&damaged)) {
            Ok(same) => {
                assert_eq!(root.listing(), staged, "byte {at}");
                stage::unstage(root.path(), &same.placed).unwrap();
            }
            Err(_) => assert_eq!(root.listing(), before, "byte {at}"),
        }
    }
}

#[test]
fn a_flipped_bit_is_refused_or_changes_nothing() {
    let root = Root::new();
    let archive = Release::new("1.1.0").archive();
    let good = root.stage(&archive).unwrap();
    let staged = root.listing();
    stage::unstage(root.path(), &good.placed).unwrap();

    // Compressed data has bits that mean nothing (lengths of codes that are not used), and so has gzip's header. Its
    // last eight bytes are checksum and length, of which each counts.
    let checked = archive.len() - 8;
    for at in (0..20).chain((20..checked).step_by(checked / 150)).chain(checked..archive.len()) {
        let before = root.listing();
        let mut damaged = archive.clone();
        damaged[at] ^= 0x10;
        match root.stage(&damaged) {
            Ok(same) => {
                assert!(at < checked, "byte {at}");
                assert_eq!(root.listing(), staged, "byte {at}");
                stage::unstage(root.path(), &same.placed).unwrap();
            }
            Err(_) => assert_eq!(root.listing(), before, "byte {at}"),
        }
    }
}

#[test]
fn data_after_the_end_is_refused() {
    let root = Root::new();
    let release = Release::new("1.1.0");
    let archive = release.archive();
    assert_eq!(root.refuses(&[&archive[..], b"x"].concat()).code(), "trailing_data");
    assert_eq!(root.refuses(&[&archive[..], &archive[..]].concat()).code(), "trailing_data");
    assert_eq!(root.refuses(&gzip(&[&release.tar()[..], b"hidden"].concat())).code(), "trailing_data");
}

#[test]
fn what_is_not_gzip_is_refused() {
    let root = Root::new();
    assert_eq!(root.refuses(b"").code(), "damaged");
    assert_eq!(root.refuses(b"PK\x03\x04 a zip file").code(), "damaged");
    let limits = Limits::default();
    let error = archive::verify(root.path(), &expect("garden", "1.1.0"), &limits, &Control::default()).unwrap_err();
    assert!(error.to_string().contains("is not a file"), "{error}");
    let missing = root.path().join("missing.tar.gz");
    let error = archive::verify(&missing, &expect("garden", "1.1.0"), &limits, &Control::default()).unwrap_err();
    assert!(error.to_string().contains("missing.tar.gz"), "{error}");
}

#[test]
fn a_file_changed_added_or_lost_after_the_build_step_is_refused() {
    let root = Root::new();
    let path = "lib/kernel-8.5.3/ebin/kernel.beam";

    let mut files = Release::new("1.1.0").assembled();
    files.get_mut(path).unwrap()[100] ^= 1;
    assert!(matches!(root.refuses(&gzip(&tar(&files))), Error::Altered(found) if found == path));

    let mut files = Release::new("1.1.0").assembled();
    files.insert("lib/kernel-8.5.3/ebin/extra.beam".into(), vec![1]);
    assert_eq!(root.refuses(&gzip(&tar(&files))).code(), "altered");

    let mut files = Release::new("1.1.0").assembled();
    files.remove(path);
    assert!(matches!(root.refuses(&gzip(&tar(&files))), Error::Missing(found) if found == path));
}

// Sound by its digests alone it would be put in place, and then differ from its own manifest.
#[test]
fn a_manifest_with_another_size_for_a_file_is_refused() {
    let root = Root::new();
    let mut files = Release::new("1.1.0").assembled();
    let manifest = files.get_mut("releases/1.1.0/bloom.json").unwrap();
    let text = String::from_utf8(manifest.clone()).unwrap();
    assert_eq!(text.matches("70000").count(), 1);
    *manifest = text.replace("70000", "70001").into_bytes();
    assert!(matches!(root.refuses(&gzip(&tar(&files))), Error::Altered(found) if found.ends_with("kernel.beam")));
}

#[test]
fn a_release_without_the_build_step_is_told_which_line_to_add() {
    let mut files = Release::new("1.1.0").assembled();
    files.remove("releases/1.1.0/bloom.json");
    let error = Root::new().refuses(&gzip(&tar(&files)));
    assert_eq!(error.code(), "no_manifest");
    assert!(
        error.to_string().contains("releases: [garden: [steps: [:assemble, &Bloom.Release.prepare/1, :tar]]]"),
        "{error}"
    );
}

#[test]
fn a_manifest_that_is_none_or_of_a_newer_format_is_refused() {
    let root = Root::new();
    for manifest in [&b"{}"[..], b"not json", b"{\"format\":2}"] {
        let mut files = Release::new("1.1.0").assembled();
        files.insert("releases/1.1.0/bloom.json".into(), manifest.into());
        assert_eq!(root.refuses(&gzip(&tar(&files))).code(), "bad_manifest");
    }
}

#[test]
fn another_release_or_version_is_refused() {
    let root = Root::new();
    assert_eq!(root.refuses(&Release::new("1.2.0").archive()).code(), "wrong_release");

    let path = root.path().with_extension("other.tar.gz");
    std::fs::write(&path, Release::new("1.1.0").archive()).unwrap();
    let error = archive::verify(&path, &expect("orchard", "1.1.0"), &Limits::default(), &Control::default());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(error.unwrap_err().code(), "wrong_release");
}

#[test]
fn a_version_that_is_a_path_is_refused() {
    let mut files = Release::new("1.1.0").assembled();
    let manifest = String::from_utf8(files["releases/1.1.0/bloom.json"].clone()).unwrap();
    let manifest = manifest.replace("\"version\":\"1.1.0\"", "\"version\":\"../../..\"");
    files.insert("releases/1.1.0/bloom.json".into(), manifest.into());
    assert_eq!(Root::new().refuses(&gzip(&tar(&files))).code(), "bad_manifest");
}

#[test]
fn a_release_without_erts_or_boot_files_is_refused() {
    let root = Root::new();
    let mut release = Release::new("1.1.0");
    release.files.retain(|path, _| !path.starts_with("erts-"));
    assert_eq!(root.refuses(&release.archive()).code(), "no_erts");

    let mut release = Release::new("1.1.0");
    release.files.remove("releases/1.1.0/start.boot");
    assert_eq!(root.refuses(&release.archive()).code(), "missing");
}

#[test]
fn a_cancelled_pass_leaves_nothing() {
    let root = Root::new();
    let before = root.listing();
    let cancel = Cancel::default();
    cancel.cancel();
    let control = Control { progress: None, cancel };
    let error = root.stage_with(&Release::new("1.1.0").archive(), &Limits::default(), &control).unwrap_err();
    assert_eq!(error.code(), "cancelled");
    assert_eq!(root.listing(), before);
}

#[test]
fn progress_ends_with_the_size_of_the_archive() {
    let told = std::cell::RefCell::new(Vec::new());
    let archive = Release::new("1.1.0").archive();
    let progress = |done, total| told.borrow_mut().push((done, total));
    let control = Control { progress: Some(&progress), cancel: Cancel::default() };
    Root::new().stage_with(&archive, &Limits::default(), &control).unwrap();
    let size = archive.len() as u64;
    assert_eq!(told.borrow().last(), Some(&(size, size)));
}
