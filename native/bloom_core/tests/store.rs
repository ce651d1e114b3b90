//! The journal as its users see it: what it keeps, who may write, and what it refuses without harm.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use bloom_core::store::{Rows, Statement, Store, StoreError, Value};
use tempfile::TempDir;

mod journal;

use journal::{SAVE, all, names, place, saved, sql};

fn code<T>(result: Result<T, StoreError>) -> &'static str {
    result.err().expect("an error").code()
}

fn ask(store: &mut Store, text: &str) -> Rows {
    store.query(&sql(text)).unwrap()
}

#[test]
fn what_is_answered_is_on_the_disk() {
    let (_dir, path) = place();
    let mut store = Store::open(&path).unwrap();
    assert_eq!(ask(&mut store, "PRAGMA journal_mode"), [[Value::Text("wal".into())]]);
    assert_eq!(ask(&mut store, "PRAGMA synchronous"), [[Value::Integer(2)]]);
    assert_eq!(ask(&mut store, "PRAGMA foreign_keys"), [[Value::Integer(1)]]);
    assert_eq!(ask(&mut store, "PRAGMA busy_timeout"), [[Value::Integer(5000)]]);
}

#[test]
fn its_files_are_the_users_alone() {
    let (dir, path) = place();
    saved(&mut Store::open(&path).unwrap(), "1.0.0");
    assert_eq!(names(dir.path()), ["bloom.db", "bloom.db-shm", "bloom.db-wal", "bloom.db.lock"]);
    for name in names(dir.path()) {
        assert_eq!(fs::metadata(dir.path().join(&name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn values_come_back_as_they_went() {
    let mut store = Store::in_memory().unwrap();
    let params = vec![
        Value::Null,
        Value::Integer(i64::MIN),
        Value::Real(0.5),
        Value::Text("grün".into()),
        Value::Blob(vec![0, 255]),
    ];
    let statement = Statement { sql: "SELECT ?1, ?2, ?3, ?4, ?5".into(), params: params.clone() };
    assert_eq!(store.query(&statement).unwrap(), [params]);
}

#[test]
fn all_statements_or_none() {
    let (_dir, path) = place();
    let mut store = Store::open(&path).unwrap();
    let answers = store.transaction(&[sql(SAVE), sql("SELECT count(*) FROM backups")]).unwrap();
    assert_eq!(answers, [vec![], vec![vec![Value::Integer(1)]]]);
    assert_eq!(code(store.transaction(&[sql(SAVE), sql("no SQL")])), "store_failed");
    assert_eq!(all(&mut store).len(), 1);
}

#[test]
fn many_write_at_once() {
    let (_dir, path) = place();
    let together = Barrier::new(4);
    thread::scope(|scope| {
        for writer in 0..4 {
            let (path, together) = (&path, &together);
            scope.spawn(move || {
                let mut store = Store::open(path).unwrap();
                together.wait();
                for index in 0..5 {
                    saved(&mut store, &format!("{writer}.{index}"));
                }
                store.close();
            });
        }
    });
    let written: BTreeSet<_> = all(&mut Store::open(&path).unwrap()).into_iter().collect();
    assert_eq!(written.len(), 20);
}

#[test]
fn a_newer_bloom_has_been_here() {
    let (_dir, path) = place();
    let mut store = Store::open(&path).unwrap();
    ask(&mut store, "ALTER TABLE backups ADD COLUMN colour TEXT DEFAULT 'green'");
    ask(&mut store, "PRAGMA user_version = 7");
    store.close();
    let mut older = Store::open(&path).unwrap();
    saved(&mut older, "1.0.0");
    assert_eq!(ask(&mut older, "SELECT colour FROM backups"), [[Value::Text("green".into())]]);
    assert_eq!(ask(&mut older, "PRAGMA user_version"), [[Value::Integer(7)]]);
}

#[test]
fn a_newer_bloom_can_ask_older_ones_not_to_write() {
    let (dir, path) = place();
    let mut store = Store::open(&path).unwrap();
    ask(&mut store, "UPDATE meta SET value = 7 WHERE key = 'oldest_writer'");
    store.close();
    let refused = Store::open(&path).unwrap_err();
    assert_eq!(refused.code(), "store_newer");
    assert!(refused.to_string().contains("needs schema 7, this one knows 2: run the newer release"), "{refused}");
    assert!(!names(dir.path()).iter().any(|name| name.contains("damaged")));
}

#[test]
fn a_full_disk_changes_nothing_and_passes() {
    let (dir, path) = place();
    let mut store = Store::open(&path).unwrap();
    saved(&mut store, "1.0.0");
    ask(&mut store, "PRAGMA max_page_count = 1");
    let big = Statement {
        sql: "INSERT INTO backups (version, info, saved_at) VALUES ('2', ?1, 1)".into(),
        params: vec![Value::Blob(vec![1; 1 << 20])],
    };
    assert_eq!(code(store.transaction(&[sql(SAVE), big.clone()])), "disk_full");
    ask(&mut store, "PRAGMA max_page_count = 100000");
    assert_eq!(all(&mut store), ["1.0.0"]);
    store.query(&big).unwrap();
    assert!(!names(dir.path()).iter().any(|name| name.contains("damaged")));
}

#[test]
fn what_may_not_be_written_is_read_only() {
    // Not even root writes there.
    let refused = Store::open(Path::new("/sys/bloom.db")).unwrap_err();
    assert_eq!(refused.code(), "store_read_only");
    assert!(refused.to_string().contains("/sys/bloom.db cannot be written"), "{refused}");

    let (dir, path) = place();
    let mut store = Store::open(&path).unwrap();
    ask(&mut store, "PRAGMA query_only = true");
    assert_eq!(code(store.query(&sql(SAVE))), "store_read_only");
    assert!(!names(dir.path()).iter().any(|name| name.contains("damaged")));
}

#[test]
fn a_directory_that_is_not_there_is_not_made() {
    let (dir, _path) = place();
    assert_eq!(code(Store::open(&dir.path().join("no/bloom.db"))), "store_failed");
}

#[test]
fn a_file_that_was_replaced_is_not_written_any_more() {
    let (dir, path) = place();
    let mut store = Store::open(&path).unwrap();
    fs::rename(&path, dir.path().join("elsewhere")).unwrap();
    assert_eq!(code(store.query(&sql(SAVE))), "store_moved");
    fs::copy(dir.path().join("elsewhere"), &path).unwrap();
    assert_eq!(code(store.query(&sql(SAVE))), "store_moved");
}

#[test]
fn an_interrupted_creation_is_begun_again() {
    let (dir, path) = place();
    fs::write(dir.path().join("bloom.db.new"), "half of").unwrap();
    saved(&mut Store::open(&path).unwrap(), "1.0.0");
    assert!(!dir.path().join("bloom.db.new").exists());
}

/// Copies the files as they are at a moment, as a kill would leave them.
fn snapshot(from: &Path) -> (TempDir, PathBuf) {
    let (dir, path) = place();
    for name in ["bloom.db", "bloom.db-wal"] {
        fs::copy(from.join(name), dir.path().join(name)).unwrap();
    }
    (dir, path)
}

#[test]
fn a_kill_in_the_middle_of_a_transaction_leaves_nothing_of_it() {
    let (dir, path) = place();
    let mut store = Store::open(&path).unwrap();
    saved(&mut store, "1.0.0");
    // A cache this small writes to the WAL long before the commit.
    ask(&mut store, "PRAGMA cache_size = 1");
    let before = fs::metadata(dir.path().join("bloom.db-wal")).unwrap().len();
    ask(&mut store, "BEGIN IMMEDIATE");
    for version in 0..50 {
        let info = Value::Blob(vec![7; 4000]);
        let insert = "INSERT INTO backups (version, info, saved_at) VALUES (?1, ?2, 1)";
        store.query(&Statement { sql: insert.into(), params: vec![Value::Text(version.to_string()), info] }).unwrap();
    }
    assert!(fs::metadata(dir.path().join("bloom.db-wal")).unwrap().len() > before + 100_000);

    let (_copy, copied) = snapshot(dir.path());
    assert_eq!(all(&mut Store::open(&copied).unwrap()), ["1.0.0"]);
}

#[test]
fn a_power_cut_leaves_a_beginning_of_what_was_written() {
    let (dir, path) = place();
    let mut store = Store::open(&path).unwrap();
    let written = ["1", "2", "3", "4"];
    for version in written {
        saved(&mut store, version);
    }
    let wal = fs::read(dir.path().join("bloom.db-wal")).unwrap();
    let mut seen = BTreeSet::new();
    for length in (0..=wal.len()).step_by(1021).chain([wal.len()]) {
        let (copy, copied) = snapshot(dir.path());
        fs::write(copy.path().join("bloom.db-wal"), &wal[..length]).unwrap();
        let left = all(&mut Store::open(&copied).unwrap());
        assert_eq!(left, written[..left.len()]);
        seen.insert(left.len());
    }
    assert_eq!(seen, (0..=4).collect());
}
