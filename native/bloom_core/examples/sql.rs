//! A client of `SQLite` for the tests: a statement a line on standard input, its rows on standard output.
//!
//! The values of a row are separated by tabs; the end of an answer is `ok`, or `error` and why.

use std::io::{self, BufRead as _, Write as _};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("Usage: sql DATABASE")?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(20))?;
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        match rows(&connection, &line?) {
            Ok(rows) => rows.iter().try_for_each(|row| writeln!(output, "{row}")).and_then(|()| writeln!(output, "ok")),
            Err(error) => writeln!(output, "error {error}"),
        }?;
        output.flush()?;
    }
    Ok(())
}

fn rows(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map((), |row| {
        let values = (0..columns).map(|column| Ok(text(row.get_ref(column)?)));
        Ok(values.collect::<rusqlite::Result<Vec<_>>>()?.join("\t"))
    })?;
    rows.collect()
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}
