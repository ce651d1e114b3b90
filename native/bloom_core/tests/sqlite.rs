//! Backups and restores of databases that are in use, and restores that are killed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bloom_core::archive::Control;
use bloom_core::backup::Compression;
use bloom_core::error::{Error, Result};
use bloom_core::sqlite::{Dumped, SqliteError, dump, restore, verify, written_since};
use rusqlite::Connection;
use tempfile::TempDir;

const MODES: [&str; 2] = ["WAL", "DELETE"];

struct Garden {
    dir: TempDir,
    database: PathBuf,
    dump: PathBuf,
    keep: PathBuf,
}

impl Garden {
    /// Two tables of so many rows, whose sum is always the same.
    fn new(mode: &str, rows: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let garden = Self { database: path("garden's 100%.db"), dump: path("dump"), keep: path("kept"), dir };
        let connection = garden.open();
        connection.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(())).unwrap();
        connection
            .execute_batch(&format!(
                "CREATE TABLE plants (id INTEGER PRIMARY KEY, name TEXT, water INTEGER);
                 CREATE TABLE labels (name TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;
                 INSERT INTO labels VALUES ('rose', 'red');
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
                 INSERT INTO plants SELECT i, hex(randomblob(100)), 1 FROM n"
            ))
            .unwrap();
        garden
    }

    fn open(&self) -> Connection {
        let connection = Connection::open(&self.database).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    }

    fn dump(&self) -> Dumped {
        dump(&self.database, &self.dump, Compression::Zstd, &Control::default()).unwrap()
    }

    fn restore(&self) -> Result<bool> {
        restore(&self.database, &self.dump, 0o640, &self.keep, &Control::default())
    }

    fn verify(&self, dumped: &Dumped, scratch: bool) -> Result<()> {
        let counts = scratch.then_some(&dumped.counts);
        verify(&self.dump, dumped.written.bytes, &dumped.written.sha256, counts, &Control::default())
    }

    fn written(&self) -> u64 {
        written_since(&self.database, &self.dump, &["schema_migrations".into()], &Control::default()).unwrap()
    }

    /// What lies there beside the database, its WAL and its journal.
    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.retain(|name| !name.starts_with("garden"));
        names.sort();
        names
    }
}

/// Lets a thread that works as long as this is true end with its scope, also when that panics.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn sum(connection: &Connection) -> i64 {
    connection.query_row("SELECT sum(water) FROM plants", (), |row| row.get(0)).unwrap()
}

fn sound(path: &Path) -> bool {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection.query_row("PRAGMA integrity_check", (), |row| row.get::<_, String>(0)).unwrap() == "ok"
}

#[test]
fn a_backup_under_load_is_consistent_and_is_restored_while_connections_are_open() {
    for mode in MODES {
        let garden = Garden::new(mode, 20_000);
        let (writing, moved) = (AtomicBool::new(true), AtomicU64::new(0));
        let dumped = thread::scope(|scope| {
            let _ends = Ends(&writing);
            // Each transaction leaves the sum as it was.
            let writer = scope.spawn(|| {
                let connection = garden.open();
                while writing.load(Ordering::Relaxed) {
                    connection
                        .execute_batch(
                            "BEGIN IMMEDIATE; UPDATE plants SET water = water - 1 WHERE id = 1;
                             UPDATE plants SET water = water + 1 WHERE id = 19999; COMMIT",
                        )
                        .unwrap();
                    moved.fetch_add(1, Ordering::Relaxed);
                }
            });
            let five_more = || {
                let until = moved.load(Ordering::Relaxed) + 5;
                while moved.load(Ordering::Relaxed) < until {
                    assert!(!writer.is_finished(), "{mode}: the writer gave up");
                    thread::yield_now();
                }
            };
            five_more();
            let dumped = garden.dump();
            five_more();
            dumped
        });
        assert_eq!(dumped.counts.get("plants"), Some(&20_000));
        garden.verify(&dumped, true).unwrap();
        assert_eq!(garden.written(), 2, "{mode}");

        let open = garden.open();
        open.execute_batch("DELETE FROM plants WHERE id > 10; CREATE TABLE weeds (id)").unwrap();
        let mut prepared = open.prepare("SELECT sum(water) FROM plants").unwrap();
        assert!(garden.restore().unwrap());
        assert_eq!(prepared.query_row((), |row| row.get::<_, i64>(0)).unwrap(), 20_000, "{mode}");
        open.execute_batch("INSERT INTO plants VALUES (20001, 'moss', 7)").unwrap();
        assert!(open.prepare("SELECT * FROM weeds").is_err());
        assert_eq!(sum(&garden.open()), 20_007);
        assert!(sound(&garden.database));
        let now: String = open.query_row("PRAGMA journal_mode", (), |row| row.get(0)).unwrap();
        assert_eq!(now.to_uppercase(), mode);
        let kept = Connection::open(&garden.keep).unwrap();
        assert_eq!(kept.query_row("SELECT count(*) FROM plants", (), |row| row.get::<_, i64>(0)).unwrap(), 10);
        // A connection to a database with a WAL makes files beside it, as long as it is open.
        drop(kept);
        assert_eq!(garden.files(), ["dump", "kept"]);
    }
}

#[test]
fn rows_that_were_added_changed_and_removed_are_counted() {
    let garden = Garden::new("WAL", 100);
    garden.dump();
    assert_eq!(garden.written(), 0);
    garden
        .open()
        .execute_batch(
            "UPDATE plants SET water = 2 WHERE id <= 3; DELETE FROM plants WHERE id = 50;
             INSERT INTO plants VALUES (101, 'moss', 1); INSERT INTO labels VALUES ('tulip', 'yellow');
             UPDATE labels SET text = 'white' WHERE name = 'rose'; CREATE TABLE tools (name);
             INSERT INTO tools VALUES ('rake'), ('rake'); CREATE TABLE schema_migrations (version);
             INSERT INTO schema_migrations VALUES (1); ALTER TABLE plants ADD COLUMN light INTEGER",
        )
        .unwrap();
    assert_eq!(garden.written(), 3 + 1 + 1 + 1 + 1 + 2);
}

#[test]
fn a_dump_that_is_not_what_was_written_is_refused_before_anything_is_touched() {
    let garden = Garden::new("WAL", 1000);
    let dumped = garden.dump();
    let whole = fs::read(&garden.dump).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (bytes, broken) in [(&flipped[..], true), (&whole[..whole.len() - 1], true), (&whole[..], false)] {
        fs::write(&garden.dump, bytes).unwrap();
        assert_eq!(garden.verify(&dumped, false).is_err(), broken);
        assert_eq!(garden.restore().is_err(), broken);
    }
    fs::remove_file(&garden.dump).unwrap();
    assert_eq!(garden.verify(&dumped, false).unwrap_err().code(), "backup_damaged");
}

#[test]
fn a_dump_that_lacks_a_row_is_not_believed() {
    let garden = Garden::new("DELETE", 1000);
    let expected = garden.dump().counts;
    garden.open().execute_batch("DELETE FROM plants WHERE id = 7").unwrap();
    let lacking = Dumped { counts: expected, ..garden.dump() };
    garden.verify(&lacking, false).unwrap();
    let error = garden.verify(&lacking, true).unwrap_err();
    assert!(error.to_string().contains("999 rows in plants, and there were 1000 rows"), "{error}");
}

#[test]
fn pages_of_another_size_are_made_to_fit() {
    for mode in MODES {
        let garden = Garden::new("DELETE", 1000);
        garden.dump();
        let open = garden.open();
        open.execute_batch("PRAGMA page_size = 1024; VACUUM").unwrap();
        open.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(())).unwrap();
        open.execute_batch("DELETE FROM plants").unwrap();
        assert!(garden.restore().unwrap());
        assert_eq!(sum(&open), 1000);
        assert!(sound(&garden.database));
    }
}

#[test]
fn a_database_that_is_gone_comes_back_with_its_mode() {
    let garden = Garden::new("WAL", 10);
    garden.dump();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", garden.database.display()));
    }
    assert!(matches!(
        dump(&garden.database, &garden.dump, Compression::Gzip, &Control::default()),
        Err(Error::Sqlite(SqliteError::Missing(_)))
    ));
    assert!(!garden.restore().unwrap());
    assert_eq!(sum(&garden.open()), 10);
    assert_eq!(fs::metadata(&garden.database).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(!garden.keep.exists());
}

#[test]
fn a_cancelled_operation_leaves_nothing() {
    let garden = Garden::new("WAL", 1000);
    garden.dump();
    let before = garden.files();
    let control = Control::default();
    control.cancel.cancel();
    let other = garden.dir.path().join("other");
    let cancelled = |result: Result<()>| assert!(matches!(result, Err(Error::Cancelled)));
    cancelled(dump(&garden.database, &other, Compression::Zstd, &control).map(|_| ()));
    cancelled(restore(&garden.database, &garden.dump, 0o600, &garden.keep, &control).map(|_| ()));
    cancelled(written_since(&garden.database, &garden.dump, &[], &control).map(|_| ()));
    assert_eq!(garden.files(), before);
}

#[test]
fn what_is_no_database_is_said_to_be_none() {
    let garden = Garden::new("DELETE", 10);
    garden.dump();
    fs::write(&garden.database, "not a database at all, and long enough to be seen as such".repeat(20)).unwrap();
    let error = dump(&garden.database, &garden.dump, Compression::Zstd, &Control::default()).unwrap_err();
    assert_eq!(error.code(), "database_damaged");
    assert_eq!(garden.restore().unwrap_err().code(), "database_damaged");
}

/// Killed at any moment, the database is the old one or the new one, and a connection that was open all the time
/// goes on with it.
#[test]
fn a_restore_that_is_killed_leaves_the_old_database_or_the_new_one() {
    if let Ok(dir) = std::env::var("BLOOM_RESTORE_IN") {
        let path = |name: &str| Path::new(&dir).join(name);
        restore(&path("garden's 100%.db"), &path("dump"), 0o600, &path("kept"), &Control::default()).unwrap();
        return;
    }
    for mode in MODES {
        let garden = Garden::new(mode, 20_000);
        garden.dump();
        let started = Instant::now();
        garden.restore().unwrap();
        // As many on a slow machine as on a fast one.
        let step = (started.elapsed() / 30).max(Duration::from_millis(3));
        let (mut old, mut new) = (0, 0);
        let mut delay = Duration::ZERO;
        while new < 3 {
            let open = garden.open();
            open.execute_batch("UPDATE plants SET water = 2, name = 'x' || name").unwrap();
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "a_restore_that_is_killed_leaves_the_old_database_or_the_new_one"])
                .env("BLOOM_RESTORE_IN", garden.dir.path())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
            thread::sleep(delay);
            child.kill().unwrap();
            child.wait().unwrap();
            match sum(&open) {
                40_000 => old += 1,
                20_000 => new += 1,
                other => panic!("{mode}: neither, but {other}"),
            }
            assert!(sound(&garden.database), "{mode} after {delay:?}");
            open.execute_batch("UPDATE plants SET water = 1").unwrap();
            drop(open);
            garden.restore().unwrap();
            delay += step;
        }
        assert!(old > 3, "{mode}: it was killed {old} times before the end");
    }
}
