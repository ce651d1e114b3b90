//! The journal: one SQLite file, shared by all releases below a root.
//!
//! Every transaction is on the disk when it has been answered (WAL, synchronous=FULL). What the tables mean is Elixir's
//! business; their shape is in `schema`, what becomes of a damaged file in `aside`.

mod aside;
mod audit;
mod error;
mod lock;
mod open;
mod schema;

use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior, params_from_iter};

pub use audit::{Entry, Fault, Verdict};
pub use error::StoreError;
pub use rusqlite::types::Value;

use error::Result;
use lock::Lock;
use open::Identity;

/// The rows of an answer, each a list of values.
pub type Rows = Vec<Vec<Value>>;

/// One SQL statement and its parameters.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The SQL.
    pub sql: String,
    /// What stands for `?1`, `?2` and so on.
    pub params: Vec<Value>,
}

/// An open journal.
#[derive(Debug)]
pub struct Store {
    // SQLite's locks belong to the process: a file that one build of this library closes is unlocked for the other build
    // in the same VM as well. So only `close` closes it.
    connection: ManuallyDrop<Connection>,
    file: Option<OnDisk>,
}

/// What a journal on the disk has besides its connection.
#[derive(Debug)]
struct OnDisk {
    path: PathBuf,
    lock: Lock,
    identity: Identity,
}

impl Store {
    /// Opens the journal, and makes it where there is none.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the file is damaged, which is then kept aside, and as long as there is a damaged
    /// file aside and none in its place; [`StoreError::Newer`] where only a newer Bloom may write; and what the file
    /// system refuses.
    pub fn open(path: &Path) -> Result<Self> {
        open::open(path, open::Missing::MakeUnlessDamaged)
    }

    /// Opens the journal, and makes it where there is none, whatever lies aside.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn start_anew(path: &Path) -> Result<Self> {
        open::open(path, open::Missing::Make)
    }

    /// A journal that lives as long as this value.
    ///
    /// # Errors
    /// Where there is no memory for it.
    pub fn in_memory() -> Result<Self> {
        open::in_memory()
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// Those of [`StoreError`]; nothing was changed then.
    pub fn query(&mut self, statement: &Statement) -> Result<Rows> {
        self.guarded(|connection| rows(connection, statement))
    }

    /// Runs all statements or none, and answers the rows of each.
    ///
    /// # Errors
    /// Those of [`StoreError`]; nothing was changed then.
    pub fn transaction(&mut self, statements: &[Statement]) -> Result<Vec<Rows>> {
        self.guarded(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answers =
                statements.iter().map(|statement| rows(&transaction, statement)).collect::<rusqlite::Result<_>>()?;
            transaction.commit()?;
            Ok(answers)
        })
    }

    /// Writes into the audit log, chained to what was written before, and keeps the last `kept` rows.
    ///
    /// # Errors
    /// Those of [`StoreError`]; nothing was changed then.
    pub fn audit(&mut self, entry: &Entry, kept: i64) -> Result<()> {
        self.guarded(|connection| audit::append(connection, entry, kept))
    }

    /// Looks whether the audit log is as it was written.
    ///
    /// # Errors
    /// Those of [`StoreError`]; what is wrong with the log itself stands in the [`Verdict`].
    pub fn verify_audit(&mut self, kept: i64) -> Result<Verdict> {
        self.guarded(|connection| audit::verify(connection, kept))
    }

    /// Closes the files. Without it they stay open as long as the process runs.
    pub fn close(self) {
        let _closed = ManuallyDrop::into_inner(self.connection);
    }

    fn guarded<T>(&mut self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        let Some(file) = &self.file else {
            return work(&mut self.connection).map_err(|error| error::sqlite(&self.connection, memory(), &error));
        };
        let _held = file.lock.hold()?;
        if open::identity(&file.path)? != file.identity {
            return Err(StoreError::Moved(file.path.clone()));
        }
        work(&mut self.connection).map_err(|error| error::sqlite(&self.connection, &file.path, &error))
    }
}

fn memory() -> &'static Path {
    Path::new(":memory:")
}

fn rows(connection: &Connection, Statement { sql, params }: &Statement) -> rusqlite::Result<Rows> {
    let mut prepared = connection.prepare(sql)?;
    let columns = prepared.column_count();
    let rows = prepared.query(params_from_iter(params))?;
    rows.mapped(|row| (0..columns).map(|column| row.get(column)).collect()).collect()
}
