//! A new row, and what older Blooms have written without digests before it.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::chain::{Account, COLUMNS, Digest, Link};
use super::older;

/// Who asked for what, and what was answered.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Who.
    pub who: Option<String>,
    /// For what.
    pub operation: String,
    /// With which arguments, in Erlang's external term format.
    pub arguments: Vec<u8>,
    /// What was answered, in the same format.
    pub result: Vec<u8>,
}

/// Writes a row and forgets those that are older than the last `kept`.
pub fn append(connection: &mut Connection, entry: &Entry, kept: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut account = Account::read(&transaction)?.unwrap_or(Account::EMPTY);
    let forgettable = older::forgettable(&transaction, account.last, kept)?;
    adopt(&transaction, &mut account, forgettable)?;
    insert(&transaction, &mut account, entry)?;
    forget(&transaction, &mut account, kept)?;
    account.write(&transaction)?;
    transaction.commit()
}

/// Chains on what an older Bloom has written since.
fn adopt(connection: &Connection, account: &mut Account, forgettable: i64) -> rusqlite::Result<()> {
    let select = format!("SELECT {COLUMNS} FROM audit WHERE id > ?1 AND digest IS NULL ORDER BY id");
    let rows = connection.prepare(&select)?.query_map([account.last], Link::of)?.collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        return Ok(());
    }
    for link in rows {
        chain_on(connection, account, &Link { adopted: 1, ..link })?;
    }
    rebase(connection, account, forgettable)
}

/// An older Bloom forgets rows as well, without keeping account of it.
fn rebase(connection: &Connection, account: &mut Account, forgettable: i64) -> rusqlite::Result<()> {
    let first = "SELECT id, previous FROM audit ORDER BY id LIMIT 1";
    let (id, previous): (i64, Option<Vec<u8>>) = connection.query_row(first, [], |row| row.try_into())?;
    if let Some(previous) = previous.and_then(|bytes| Digest::try_from(bytes).ok())
        && previous != account.base
        && id - 1 <= forgettable
    {
        account.base = previous;
        account.forgotten = id - 1;
        account.rows = connection.query_row("SELECT count(*) FROM audit", [], |row| row.get(0))?;
    }
    Ok(())
}

fn insert(connection: &Connection, account: &mut Account, entry: &Entry) -> rusqlite::Result<()> {
    let insert = "INSERT INTO audit (at, who, operation, arguments, result) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id";
    let Entry { at, who, operation, arguments, result } = entry.clone();
    let id = connection.query_row(insert, (at, &who, &operation, &arguments, &result), |row| row.get(0))?;
    let link = Link { id, at, who, operation, arguments, result, adopted: 0, previous: None, digest: None };
    chain_on(connection, account, &link)
}

fn chain_on(connection: &Connection, account: &mut Account, link: &Link) -> rusqlite::Result<()> {
    let digest = link.digest_after(&account.head);
    let update = "UPDATE audit SET previous = ?2, digest = ?3, adopted = ?4 WHERE id = ?1";
    connection.execute(update, (link.id, account.head, digest, link.adopted))?;
    account.rows += 1;
    account.last = link.id;
    account.head = digest;
    Ok(())
}

fn forget(connection: &Connection, account: &mut Account, kept: i64) -> rusqlite::Result<()> {
    let oldest = account.last - kept;
    let latest = "SELECT id, digest FROM audit WHERE id <= ?1 ORDER BY id DESC LIMIT 1";
    let found: Option<(i64, Option<Vec<u8>>)> =
        connection.query_row(latest, [oldest], |row| row.try_into()).optional()?;
    let Some((id, digest)) = found else { return Ok(()) };
    if let Some(digest) = digest.and_then(|bytes| Digest::try_from(bytes).ok()) {
        account.base = digest;
    }
    account.forgotten = id;
    let gone = connection.execute("DELETE FROM audit WHERE id <= ?1", [oldest])?;
    account.rows -= i64::try_from(gone).unwrap_or(i64::MAX);
    Ok(())
}
