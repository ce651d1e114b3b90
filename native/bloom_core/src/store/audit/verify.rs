//! Whether the log is as it was written, and where it is not.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::chain::{Account, COLUMNS, Digest, GENESIS, Link, hex};
use super::older;

/// What a look at the whole log has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many rows are in the chain.
    pub rows: i64,
    /// How many of them an older Bloom had written without a digest.
    pub adopted: i64,
    /// How many rows of an older Bloom are not in the chain yet.
    pub pending: i64,
    /// The first row that is kept.
    pub first: Option<i64>,
    /// The digest of the last row in the chain, in hexadecimal digits, which says that everything before is the same.
    pub head: String,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

/// What is wrong, and at which row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The row.
    pub row: i64,
    /// In words.
    pub why: String,
}

struct Look {
    account: Account,
    /// The last row that an older Bloom, which says nothing of it, may have forgotten.
    forgettable: i64,
    previous: Digest,
    seen: i64,
    adopted: i64,
    pending: i64,
    first: Option<i64>,
    latest: i64,
}

/// Goes through all rows, of which Bloom keeps the last `kept`.
pub fn verify(connection: &mut Connection, kept: i64) -> rusqlite::Result<Verdict> {
    let transaction = connection.transaction()?;
    let account = Account::read(&transaction)?.unwrap_or(Account::EMPTY);
    let mut look = Look {
        forgettable: older::forgettable(&transaction, account.last, kept)?,
        previous: account.base,
        account,
        seen: 0,
        adopted: 0,
        pending: 0,
        first: None,
        latest: 0,
    };
    let fault = match look.rows(&transaction)? {
        Some(fault) => Some(fault),
        None => look.end(&transaction, kept)?,
    };
    Ok(Verdict {
        rows: look.seen,
        adopted: look.adopted,
        pending: look.pending,
        first: look.first,
        head: hex(&look.account.head),
        fault,
    })
}

impl Look {
    fn rows(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<Option<Fault>> {
        let mut prepared = transaction.prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY id"))?;
        let links = prepared.query_map([], Link::of)?;
        for link in links {
            if let Some(why) = self.row(&link?) {
                return Ok(Some(Fault { row: self.latest, why: why.into() }));
            }
        }
        Ok(None)
    }

    fn row(&mut self, link: &Link) -> Option<&'static str> {
        self.latest = link.id;
        let first = self.first.is_none();
        self.first.get_or_insert(link.id);
        let (previous, digest) = match (&link.previous, &link.digest) {
            (Some(previous), Some(digest)) if link.id <= self.account.last => (previous, digest),
            (None, None) if link.id > self.account.last => {
                self.pending += 1;
                return None;
            }
            (None, None) => return Some("it was put in, or its digest was taken away"),
            _ => return Some("it is none that Bloom has chained"),
        };
        if first && link.id > self.account.forgotten + 1 && link.id - 1 <= self.forgettable {
            self.previous = Digest::try_from(&previous[..]).unwrap_or(GENESIS);
        }
        if previous[..] != self.previous {
            return Some("what was before it is missing or was changed");
        }
        if digest[..] != link.digest_after(&self.previous) {
            return Some("it was changed");
        }
        self.previous.copy_from_slice(digest);
        self.seen += 1;
        self.adopted += link.adopted;
        None
    }

    fn end(&self, transaction: &Transaction<'_>, kept: i64) -> rusqlite::Result<Option<Fault>> {
        let Account { rows, forgotten, last, head, .. } = &self.account;
        let older_was_here = self.pending > 0;
        let all_forgotten = self.seen == 0 && *last <= self.forgettable;
        let fault = |row: i64, why: &str| Ok(Some(Fault { row, why: why.into() }));

        if self.previous != *head && !all_forgotten {
            return fault(*last, "it and what was before it at the end of the log are missing");
        }
        if *rows != self.seen && !older_was_here {
            return fault(*last, "the number of rows before it is not the one that Bloom has counted");
        }
        if *forgotten > 0 && *forgotten > self.latest - older::kept(kept) {
            return fault(*forgotten, "it and what was before it are missing, and are too young to be forgotten");
        }
        let issued = issued(transaction)?;
        if issued != self.latest {
            return fault(issued, "it and what was before it at the end of the log are missing");
        }
        Ok(None)
    }
}

/// The last row that there ever was: Bloom never removes that.
fn issued(connection: &Connection) -> rusqlite::Result<i64> {
    let select = "SELECT seq FROM sqlite_sequence WHERE name = 'audit'";
    Ok(connection.query_row(select, [], |row| row.get(0)).optional()?.unwrap_or(0))
}
