//! Damaged journals: found, kept aside, and not forgotten until somebody has decided.

use std::fs;
use std::path::Path;

use bloom_core::store::{Store, StoreError};
use tempfile::TempDir;

mod journal;

use journal::{SAVE, all, names, place, saved, sql};

/// A journal of some pages, with its WAL emptied into it, and a good copy beside it.
fn written() -> (TempDir, std::path::PathBuf) {
    let (dir, path) = place();
    let mut store = Store::open(&path).unwrap();
    for version in 0..500 {
        saved(&mut store, &version.to_string());
    }
    store.query(&sql("PRAGMA wal_checkpoint(TRUNCATE)")).unwrap();
    store.close();
    fs::copy(&path, dir.path().join("good")).unwrap();
    (dir, path)
}

fn damage(path: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut content = fs::read(path).unwrap();
    how(&mut content);
    fs::write(path, content).unwrap();
}

/// The journals that lie aside, without what belongs to them.
fn kept(dir: &Path) -> Vec<String> {
    let journal = |name: &String| name.contains(".damaged-") && !name.ends_with("-wal") && !name.ends_with("-shm");
    names(dir).into_iter().filter(journal).collect()
}

#[track_caller]
fn refused(path: &Path) -> StoreError {
    let error = Store::open(path).unwrap_err();
    assert_eq!(error.code(), "store_damaged", "{error}");
    let message = error.to_string();
    assert!(message.contains("put a good copy in its place") && message.contains(".damaged-"), "{message}");
    error
}

/// The file is kept as it was; nothing but a decision helps.
#[track_caller]
fn found_and_kept(dir: &TempDir, path: &Path) {
    let content = fs::read(path).unwrap();
    refused(path);
    assert!(!path.exists());
    let [file] = &kept(dir.path())[..] else { panic!("{:?}", names(dir.path())) };
    assert!(fs::read(dir.path().join(file)).unwrap() == content, "as it was");
    refused(path);
    refused(path);

    fs::copy(dir.path().join("good"), path).unwrap();
    assert_eq!(all(&mut Store::open(path).unwrap()).len(), 500);
}

#[test]
fn a_header_that_is_none() {
    let (dir, path) = written();
    damage(&path, |content| content[..16].fill(b'x'));
    found_and_kept(&dir, &path);
}

#[test]
fn a_page_of_noise() {
    let (dir, path) = written();
    // Past the schema, of which every page is in use.
    damage(&path, |content| {
        let last = content.len() - 4096;
        content[last..].fill(0xa5);
    });
    found_and_kept(&dir, &path);
}

#[test]
fn the_first_page_but_for_its_header() {
    let (dir, path) = written();
    damage(&path, |content| content[100..4096].fill(0xa5));
    found_and_kept(&dir, &path);
}

#[test]
fn a_file_cut_short() {
    for length in [0, 1, 100, 4096, 10_000] {
        let (dir, path) = written();
        damage(&path, |content| content.truncate(length));
        found_and_kept(&dir, &path);
    }
}

#[test]
fn a_database_of_somebody_else() {
    let (dir, path) = written();
    let mut store = Store::open(&path).unwrap();
    store.query(&sql("PRAGMA application_id = 1")).unwrap();
    store.query(&sql("PRAGMA wal_checkpoint(TRUNCATE)")).unwrap();
    store.close();
    found_and_kept(&dir, &path);
}

#[test]
fn damage_is_kept_with_its_wal() {
    let (dir, path) = written();
    let mut store = Store::open(&path).unwrap();
    saved(&mut store, "in the WAL");
    store.close();
    let wal = fs::read(dir.path().join("bloom.db-wal")).unwrap();
    assert!(!wal.is_empty());
    damage(&path, |content| content[..16].fill(b'x'));
    refused(&path);
    let [file] = &kept(dir.path())[..] else { panic!("{:?}", names(dir.path())) };
    assert!(fs::read(dir.path().join(format!("{file}-wal"))).unwrap() == wal);
    assert!(!dir.path().join("bloom.db-wal").exists());
}

#[test]
fn a_journal_that_is_gone_is_damage_where_its_wal_is_left() {
    let (dir, path) = written();
    let mut store = Store::open(&path).unwrap();
    saved(&mut store, "in the WAL");
    store.close();
    fs::remove_file(&path).unwrap();
    refused(&path);
    assert!(!dir.path().join("bloom.db-wal").exists());

    // What was left would have been played into the new one.
    assert_eq!(all(&mut Store::start_anew(&path).unwrap()), Vec::<String>::new());
}

#[test]
fn a_new_beginning_is_a_decision() {
    let (dir, path) = written();
    damage(&path, |content| content[..16].fill(b'x'));
    refused(&path);
    let mut store = Store::start_anew(&path).unwrap();
    store.query(&sql(SAVE)).unwrap();
    store.close();
    assert_eq!(all(&mut Store::open(&path).unwrap()), ["9.9.9"]);
    assert_eq!(kept(dir.path()).len(), 1);

    // A second one gets a name of its own.
    damage(&path, |content| content[..16].fill(b'y'));
    refused(&path);
    assert_eq!(kept(dir.path()).len(), 2);
}

#[test]
fn a_new_beginning_never_replaces_a_sound_journal() {
    let (_dir, path) = written();
    assert_eq!(all(&mut Store::start_anew(&path).unwrap()).len(), 500);
}
