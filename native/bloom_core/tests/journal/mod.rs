//! What the tests of the journal share.

use std::fs;
use std::path::{Path, PathBuf};

use bloom_core::store::{Statement, Store, Value};
use tempfile::TempDir;

pub const SAVE: &str = "INSERT INTO backups (version, info, saved_at) VALUES ('9.9.9', x'00', 1)";

/// A directory of its own, and where the journal goes in it.
pub fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bloom.db");
    (dir, path)
}

pub fn sql(text: &str) -> Statement {
    Statement { sql: text.into(), params: vec![] }
}

pub fn saved(store: &mut Store, version: &str) {
    let sql = "INSERT INTO backups (version, info, saved_at) VALUES (?1, x'00', 1)".into();
    store.query(&Statement { sql, params: vec![Value::Text(version.into())] }).unwrap();
}

/// What was saved, in order.
pub fn all(store: &mut Store) -> Vec<String> {
    let rows = store.query(&sql("SELECT version FROM backups ORDER BY id")).unwrap();
    let text = |row: Vec<Value>| match &row[..] {
        [Value::Text(version)] => version.clone(),
        other => panic!("{other:?}"),
    };
    rows.into_iter().map(text).collect()
}

/// What lies in a directory, in order.
pub fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
