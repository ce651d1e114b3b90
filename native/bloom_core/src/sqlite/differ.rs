//! How many rows a database has that its backup has not, or has otherwise.

use std::path::Path;

use rusqlite::params;

use super::connection::Database;
use super::contents::{self, Table, quoted};
use super::copy::Snapshot;
use super::dump::unpack;
use crate::archive::Control;
use crate::error::Result;

/// Counts the rows that were added, changed or removed since the dump, in the columns that both have. The tables in `but`
/// are not looked at.
///
/// # Errors
/// Those of [`SqliteError`](super::SqliteError); [`Error::Cancelled`](crate::Error::Cancelled).
pub fn written_since(database: &Path, file: &Path, but: &[String], control: &Control<'_>) -> Result<u64> {
    let raw = unpack(file, control)?;
    let live = Database::live(database, &control.cancel)?;
    // Turned off its WAL, so that none is left beside it.
    drop(Database::own(&raw.0, &control.cancel)?);
    live.patiently(|connection| connection.execute("ATTACH ?1 AS backup", params![raw.0.to_string_lossy()]))?;
    let _snapshot = Snapshot::take(&live)?;
    let (now, then) = (contents::tables(&live, "main")?, contents::tables(&live, "backup")?);
    let looked_at = |table: &&Table| !but.contains(&table.name);

    let mut rows = 0;
    for table in now.iter().filter(looked_at) {
        rows += match then.iter().find(|other| other.name == table.name) {
            Some(other) => changed(&live, table, other)?,
            None => live.number(&format!("SELECT count(*) FROM main.{}", quoted(&table.name)))?,
        };
    }
    for table in then.iter().filter(looked_at).filter(|table| now.iter().all(|other| other.name != table.name)) {
        rows += live.number(&format!("SELECT count(*) FROM backup.{}", quoted(&table.name)))?;
    }
    Ok(rows)
}

/// Rows that are new or other, and keys that are gone.
fn changed(live: &Database, now: &Table, then: &Table) -> Result<u64> {
    let name = quoted(&now.name);
    let (columns, keys) = (columns(live, "main", now)?, columns(live, "backup", then)?);
    let both: Vec<_> = columns.iter().filter(|column| keys.iter().any(|other| other.name == column.name)).collect();
    let rowid = !now.without_rowid && !then.without_rowid;
    let named = |columns: &mut dyn Iterator<Item = &&Column>| {
        let names = columns.map(|column| quoted(&column.name));
        rowid.then(|| "rowid".to_owned()).into_iter().chain(names).collect::<Vec<_>>().join(", ")
    };
    let all = named(&mut both.iter());
    let key = if rowid { "rowid".to_owned() } else { named(&mut both.iter().filter(|column| column.key)) };
    if key.is_empty() {
        return live.number(&format!("SELECT count(*) FROM main.{name}"));
    }
    let differ = |selected: &str, one: &str, other: &str| {
        live.number(&format!(
            "SELECT count(*) FROM (SELECT {selected} FROM {one}.{name} EXCEPT SELECT {selected} FROM {other}.{name})"
        ))
    };
    Ok(differ(&all, "main", "backup")? + differ(&key, "backup", "main")?)
}

struct Column {
    name: String,
    key: bool,
}

fn columns(live: &Database, schema: &str, table: &Table) -> Result<Vec<Column>> {
    live.patiently(|connection| {
        let mut statement = connection.prepare("SELECT name, pk FROM pragma_table_info(?1, ?2)")?;
        let rows = statement.query_map(params![table.name, schema], |row| {
            Ok(Column { name: row.get(0)?, key: row.get::<_, i64>(1)? > 0 })
        })?;
        rows.collect()
    })
}
