//! What is in a database, and whether it is sound.

use std::collections::BTreeMap;

use super::connection::Database;
use crate::error::Result;

/// How many rows each table has. SQLite's own tables are not counted.
pub type Counts = BTreeMap<String, u64>;

/// A table as `PRAGMA table_list` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub without_rowid: bool,
}

/// The first thing that is wrong with a database.
pub fn fault(database: &Database, thorough: bool) -> Result<Option<String>> {
    let check = if thorough { "PRAGMA integrity_check(1)" } else { "PRAGMA quick_check(1)" };
    let said: String = database.one(check)?;
    Ok((said != "ok").then_some(said))
}

/// The tables that hold rows of their own: neither views nor virtual tables, but what those keep their rows in.
pub fn tables(database: &Database, schema: &str) -> Result<Vec<Table>> {
    let sql = format!(
        "SELECT name, wr FROM pragma_table_list WHERE schema = '{schema}' AND type IN ('table', 'shadow') \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    );
    database.patiently(|connection| {
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map((), |row| Ok(Table { name: row.get(0)?, without_rowid: row.get(1)? }))?;
        rows.collect()
    })
}

/// Counts the rows of every table.
pub fn counts(database: &Database) -> Result<Counts> {
    tables(database, "main")?
        .into_iter()
        .map(|table| {
            let count = database.number(&format!("SELECT count(*) FROM main.{}", quoted(&table.name)))?;
            Ok((table.name, count))
        })
        .collect()
}

/// The first table that does not have the rows that it should have.
pub fn difference(found: &Counts, expected: &Counts) -> Option<String> {
    let missing = expected.keys().find(|table| !found.contains_key(*table)).map(|table| format!("no table {table}"));
    let other = || {
        found.iter().find(|(table, count)| expected.get(*table) != Some(count)).map(|(table, count)| {
            let expected = expected.get(table).map_or_else(|| "no such table".into(), |count| format!("{count} rows"));
            format!("{count} rows in {table}, and there were {expected}")
        })
    };
    missing.or_else(other)
}

/// A name as an identifier of SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
