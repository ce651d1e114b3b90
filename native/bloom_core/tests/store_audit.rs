//! The audit log as somebody finds it who has been at the file with SQLite's own tools.

use bloom_core::store::{Entry, Statement, Store, Value, Verdict};

const KEPT: i64 = 10;

fn sql(text: &str) -> Statement {
    Statement { sql: text.into(), params: vec![] }
}

fn entry(operation: &str) -> Entry {
    Entry { at: 1, who: Some("me".into()), operation: operation.into(), arguments: vec![1], result: vec![2] }
}

fn written(rows: i64) -> Store {
    let mut store = Store::in_memory().unwrap();
    more(&mut store, rows);
    store
}

fn more(store: &mut Store, rows: i64) {
    for row in 0..rows {
        store.audit(&entry(&row.to_string()), KEPT).unwrap();
    }
}

/// As a Bloom without digests does it.
fn by_an_older_bloom(store: &mut Store, rows: i64) {
    let insert = "INSERT INTO audit (at, operation, arguments, result) VALUES (1, 'old', x'01', x'02')";
    let forget = format!("DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - {KEPT}");
    for _row in 0..rows {
        store.transaction(&[sql(insert), sql(&forget)]).unwrap();
    }
}

fn verdict(store: &mut Store) -> Verdict {
    store.verify_audit(KEPT).unwrap()
}

#[track_caller]
fn sound(store: &mut Store) -> Verdict {
    let verdict = verdict(store);
    assert_eq!(verdict.fault, None);
    verdict
}

#[track_caller]
fn found(store: &mut Store, tampering: &str, row: i64, why: &str) {
    store.query(&sql(tampering)).unwrap();
    let fault = verdict(store).fault.expect("a fault");
    assert_eq!(fault.row, row, "{}", fault.why);
    assert!(fault.why.contains(why), "{}", fault.why);
}

#[test]
fn a_log_as_it_was_written_is_sound() {
    assert_eq!(sound(&mut written(0)).rows, 0);
    let mut store = written(5);
    let before = sound(&mut store);
    assert_eq!((before.rows, before.adopted, before.pending, before.first), (5, 0, 0, Some(1)));
    assert_eq!(before.head.len(), 64);
    more(&mut store, 1);
    assert_ne!(sound(&mut store).head, before.head);
}

#[test]
fn it_stays_sound_when_old_rows_are_forgotten() {
    let mut store = written(25);
    let verdict = sound(&mut store);
    assert_eq!((verdict.rows, verdict.first), (10, Some(16)));
}

#[test]
fn what_is_changed_is_found() {
    for column in ["at = 7", "who = 'you'", "who = NULL", "operation = 'x'", "arguments = x'07'", "result = x'07'"] {
        found(&mut written(5), &format!("UPDATE audit SET {column} WHERE id = 3"), 3, "changed");
    }
    found(&mut written(5), "UPDATE audit SET adopted = 1 WHERE id = 3", 3, "changed");
    found(&mut written(5), "UPDATE audit SET digest = x'07' WHERE id = 3", 3, "changed");
    found(&mut written(5), "UPDATE audit SET digest = NULL, previous = NULL WHERE id = 3", 3, "put in");
    found(&mut written(5), "UPDATE audit SET id = 9 WHERE id = 5", 9, "none that Bloom has chained");
}

#[test]
fn what_is_removed_is_found() {
    found(&mut written(5), "DELETE FROM audit WHERE id = 3", 4, "before it is missing");
    found(&mut written(5), "DELETE FROM audit WHERE id = 1", 2, "before it is missing");
    found(&mut written(5), "DELETE FROM audit WHERE id = 5", 5, "at the end of the log are missing");
    found(&mut written(5), "DELETE FROM audit WHERE id >= 2", 5, "at the end of the log are missing");
    found(&mut written(5), "DELETE FROM audit", 5, "at the end of the log are missing");
}

#[test]
fn what_is_removed_is_found_although_more_was_written_since() {
    let mut store = written(5);
    store.query(&sql("DELETE FROM audit WHERE id = 5")).unwrap();
    more(&mut store, 1);
    found(&mut store, "SELECT 1", 6, "before it is missing");
}

#[test]
fn what_is_put_in_is_found() {
    let insert = "INSERT INTO audit (id, at, operation, arguments, result) VALUES (3, 1, 'x', x'01', x'02')";
    let mut store = written(5);
    store.query(&sql("DELETE FROM audit WHERE id = 3")).unwrap();
    found(&mut store, insert, 3, "put in");
    found(&mut written(5), &insert.replace("(3,", "(0,"), 0, "put in");
    let chained = "INSERT INTO audit (at, operation, arguments, result, previous, digest) \
                   SELECT 1, 'x', x'01', x'02', previous, digest FROM audit WHERE id = 5";
    found(&mut written(5), chained, 6, "none that Bloom has chained");
}

#[test]
fn the_account_of_the_chain_is_no_way_around() {
    // The last row taken away, and the account with it.
    let mut store = written(5);
    store.query(&sql("DELETE FROM audit WHERE id = 5")).unwrap();
    let account = "UPDATE audit_chain SET rows = 4, last = 4, head = (SELECT digest FROM audit WHERE id = 4)";
    found(&mut store, account, 5, "at the end of the log are missing");

    // The first rows taken away as if they had been forgotten.
    let mut store = written(5);
    let account = "UPDATE audit_chain SET rows = 3, forgotten = 2, base = (SELECT digest FROM audit WHERE id = 2)";
    store.query(&sql(account)).unwrap();
    found(&mut store, "DELETE FROM audit WHERE id <= 2", 2, "too young to be forgotten");

    found(&mut written(5), "UPDATE audit_chain SET head = x'07'", 5, "missing");
    found(&mut written(5), "DELETE FROM audit_chain", 1, "none that Bloom has chained");
    let mut store = written(5);
    store.query(&sql("DELETE FROM audit_chain")).unwrap();
    found(&mut store, "DELETE FROM audit", 5, "at the end of the log are missing");
}

#[test]
fn rows_of_an_older_bloom_are_told_apart_and_chained_on() {
    let mut store = written(2);
    by_an_older_bloom(&mut store, 3);
    let verdict = sound(&mut store);
    assert_eq!((verdict.rows, verdict.adopted, verdict.pending), (2, 0, 3));

    more(&mut store, 1);
    let verdict = sound(&mut store);
    assert_eq!((verdict.rows, verdict.adopted, verdict.pending), (6, 3, 0));
    found(&mut store, "UPDATE audit SET result = x'07' WHERE id = 4", 4, "changed");
}

#[test]
fn the_log_of_an_older_bloom_is_chained_on_from_its_beginning() {
    let mut store = Store::in_memory().unwrap();
    by_an_older_bloom(&mut store, 15);
    assert_eq!(sound(&mut store).pending, 10);
    more(&mut store, 1);
    let verdict = sound(&mut store);
    assert_eq!((verdict.rows, verdict.adopted, verdict.first), (10, 9, Some(7)));
}

#[test]
fn an_older_bloom_forgets_old_rows_too() {
    for rows in [7, 10, 15] {
        let mut store = written(5);
        by_an_older_bloom(&mut store, rows);
        assert_eq!(sound(&mut store).pending, rows.min(KEPT));
        more(&mut store, 1);
        assert_eq!(sound(&mut store).rows, KEPT);
        more(&mut store, 20);
        sound(&mut store);
    }

    // Which is no way to take away what is too young.
    let mut store = written(5);
    by_an_older_bloom(&mut store, 3);
    found(&mut store, "DELETE FROM audit WHERE id <= 2", 3, "before it is missing");
    more(&mut store, 1);
    found(&mut store, "SELECT 1", 3, "before it is missing");
}

#[test]
fn a_row_without_a_digest_is_no_older_bloom_that_has_forgotten_all_before_it() {
    let insert = |id: i64| {
        format!("INSERT INTO audit (id, at, operation, arguments, result) VALUES ({id}, 1, 'old', x'01', x'02')")
    };
    for gone in [5, 4] {
        let mut store = written(5);
        store.query(&sql(&format!("DELETE FROM audit WHERE id <= {gone}"))).unwrap();
        found(&mut store, &insert(5 + KEPT), 5, "missing");
        more(&mut store, 1);
        assert!(verdict(&mut store).fault.is_some());
    }

    // Nor are almost all of the rows that it would have written.
    let mut store = written(5);
    by_an_older_bloom(&mut store, 15);
    found(&mut store, "DELETE FROM audit WHERE id = 14", 5, "missing");
}

#[test]
fn an_older_bloom_keeps_fewer_rows_than_this_one() {
    let kept = 20_000;
    let mut store = Store::in_memory().unwrap();
    for row in 0..5 {
        store.audit(&entry(&row.to_string()), kept).unwrap();
    }
    let insert = "WITH RECURSIVE row(id) AS (SELECT 6 UNION ALL SELECT id + 1 FROM row WHERE id < 10010) \
                  INSERT INTO audit (at, operation, arguments, result) SELECT 1, 'old', x'01', x'02' FROM row";
    store.transaction(&[sql(insert), sql("DELETE FROM audit WHERE id <= 10")]).unwrap();
    let verdict = store.verify_audit(kept).unwrap();
    assert_eq!((verdict.fault, verdict.pending), (None, 10_000));
    store.audit(&entry("new"), kept).unwrap();
    let verdict = store.verify_audit(kept).unwrap();
    assert_eq!((verdict.fault, verdict.adopted, verdict.first), (None, 10_000, Some(11)));
}

#[test]
fn what_an_entry_holds_is_there_again() {
    let mut store = written(1);
    let rows = store.query(&sql("SELECT at, who, operation, arguments, result, length(digest) FROM audit")).unwrap();
    let text = |text: &str| Value::Text(text.into());
    let expected =
        [Value::Integer(1), text("me"), text("0"), Value::Blob(vec![1]), Value::Blob(vec![2]), Value::Integer(32)];
    assert_eq!(rows, [expected]);
}
