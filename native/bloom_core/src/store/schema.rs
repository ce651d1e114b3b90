//! The tables, and how they came to be.
//!
//! A Bloom that was rolled back works with the file of a newer one. So a step only ever adds: tables, columns that may
//! be empty or have a default, indexes. A step that older ones must not write after raises `oldest_writer` in `meta`.
//! No CHECK limits what a newer Bloom may write.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// "Blom", as a file's own mark.
const APPLICATION_ID: i64 = 0x426c_6f6d;

/// Step by step from an empty file; the number of steps done is the file's `user_version`.
pub const STEPS: &[&str] = &[
    "
    CREATE TABLE meta (
      key TEXT PRIMARY KEY,
      value INTEGER NOT NULL
    ) STRICT;
    INSERT INTO meta (key, value) VALUES ('oldest_writer', 1);

    -- plan and facts are in Erlang's external term format; times are microseconds since 1970.
    CREATE TABLE deployments (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      operation TEXT NOT NULL,
      version TEXT NOT NULL,
      from_version TEXT,
      mode TEXT,
      outcome TEXT,
      reason TEXT,
      requested_by TEXT,
      facts BLOB NOT NULL,
      plan BLOB,
      started_at INTEGER NOT NULL,
      finished_at INTEGER
    ) STRICT;
    CREATE INDEX unfinished_deployments ON deployments (id) WHERE outcome IS NULL;

    CREATE TABLE steps (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      deployment INTEGER NOT NULL REFERENCES deployments (id),
      step TEXT NOT NULL,
      phase TEXT NOT NULL,
      result TEXT,
      reason TEXT,
      started_at INTEGER NOT NULL,
      finished_at INTEGER
    ) STRICT;
    CREATE INDEX steps_of_deployment ON steps (deployment, id);

    CREATE TABLE migrations (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      version TEXT NOT NULL,
      info BLOB NOT NULL,
      saved_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX migrations_of_version ON migrations (version, id);

    CREATE TABLE backups (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      version TEXT NOT NULL,
      info BLOB NOT NULL,
      saved_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX backups_of_version ON backups (version, id);

    CREATE TABLE audit (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at INTEGER NOT NULL,
      who TEXT,
      operation TEXT NOT NULL,
      arguments BLOB NOT NULL,
      result BLOB NOT NULL
    ) STRICT;
",
    "
    -- An older Bloom leaves the digests out; the next newer one chains its rows on and says that they were adopted.
    ALTER TABLE audit ADD COLUMN previous BLOB;
    ALTER TABLE audit ADD COLUMN digest BLOB;
    ALTER TABLE audit ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0;

    -- One row: where the chain of digests begins and ends.
    CREATE TABLE audit_chain (
      id INTEGER PRIMARY KEY,
      rows INTEGER NOT NULL,
      forgotten INTEGER NOT NULL,
      base BLOB NOT NULL,
      last INTEGER NOT NULL,
      head BLOB NOT NULL
    ) STRICT;

    CREATE TABLE nonces (
      nonce BLOB PRIMARY KEY,
      expires_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX expiry_of_nonces ON nonces (expires_at);
",
];

/// What a file turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Fit {
    /// A journal that may be read and written.
    Fits,
    /// A newer Bloom's journal, whose writers must know at least this schema.
    NeedsSchema(i64),
    /// Empty, or somebody else's.
    NotAJournal,
}

/// Makes the tables in an empty file.
pub fn create(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    advance(connection, steps)
}

/// Brings a journal up to what is known.
pub fn fit(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<Fit> {
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id != APPLICATION_ID || version(connection)? == 0 {
        return Ok(Fit::NotAJournal);
    }
    let oldest = "SELECT value FROM meta WHERE key = 'oldest_writer'";
    let oldest: Option<i64> = connection.query_row(oldest, [], |row| row.get(0)).optional()?;
    match oldest {
        None => Ok(Fit::NotAJournal),
        Some(needed) if needed > known(steps) => Ok(Fit::NeedsSchema(needed)),
        Some(_) => advance(connection, steps).map(|()| Fit::Fits),
    }
}

/// The schema that these steps make.
pub fn known(steps: &[&str]) -> i64 {
    i64::try_from(steps.len()).unwrap_or(i64::MAX)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn advance(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let done = usize::try_from(version(connection)?).unwrap_or(0);
    if done >= steps.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &steps[done..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known(steps))?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: &str = "ALTER TABLE deployments ADD COLUMN colour TEXT; CREATE TABLE extra (id INTEGER PRIMARY KEY)";

    fn journal(steps: &[&str]) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        create(&mut connection, steps).unwrap();
        let insert =
            "INSERT INTO deployments (operation, version, facts, started_at) VALUES ('switch', '1.1.0', x'', 1)";
        connection.execute(insert, []).unwrap();
        connection
    }

    fn newer() -> Vec<&'static str> {
        [STEPS, &[NEXT]].concat()
    }

    #[test]
    fn an_old_journal_gets_what_is_new_and_keeps_what_it_has() {
        let mut connection = journal(STEPS);
        assert_eq!(fit(&mut connection, &newer()).unwrap(), Fit::Fits);
        assert_eq!(version(&connection).unwrap(), known(STEPS) + 1);
        let row: (String, Option<String>) =
            connection.query_row("SELECT version, colour FROM deployments", [], |row| row.try_into()).unwrap();
        assert_eq!(row, ("1.1.0".into(), None));
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let mut connection = journal(STEPS);
        let broken = [STEPS, &["CREATE TABLE extra (id INTEGER)", "no SQL"]].concat();
        assert!(fit(&mut connection, &broken).is_err());
        assert_eq!(version(&connection).unwrap(), known(STEPS));
        assert!(connection.prepare("SELECT * FROM extra").is_err());
        assert_eq!(fit(&mut connection, &newer()).unwrap(), Fit::Fits);
    }

    #[test]
    fn a_newer_journal_is_written_by_an_older_bloom() {
        let mut connection = journal(&newer());
        assert_eq!(fit(&mut connection, STEPS).unwrap(), Fit::Fits);
        assert_eq!(version(&connection).unwrap(), known(STEPS) + 1);
    }

    #[test]
    fn a_newer_journal_may_ask_for_a_newer_bloom() {
        let needed = known(STEPS) + 1;
        let mut connection = journal(&newer());
        connection.execute("UPDATE meta SET value = ?1 WHERE key = 'oldest_writer'", [needed]).unwrap();
        assert_eq!(fit(&mut connection, STEPS).unwrap(), Fit::NeedsSchema(needed));
        assert_eq!(fit(&mut connection, &newer()).unwrap(), Fit::Fits);
    }

    #[test]
    fn what_is_no_journal_is_told_apart() {
        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE notes (text TEXT); PRAGMA user_version = 1").unwrap();
        assert_eq!(fit(&mut foreign, STEPS).unwrap(), Fit::NotAJournal);
        assert_eq!(fit(&mut Connection::open_in_memory().unwrap(), STEPS).unwrap(), Fit::NotAJournal);
    }
}
