//! What an older Bloom does to the log: it writes rows without digests and forgets old rows without keeping account of it.

use rusqlite::Connection;

/// An older Bloom keeps so many rows.
const KEPT: i64 = 10_000;

/// How many of the last rows no Bloom has forgotten, where this one keeps the last `kept`.
pub fn kept(kept: i64) -> i64 {
    kept.min(KEPT)
}

/// The last row that an older Bloom may have forgotten by what it has written since row `last` of the chain.
///
/// It numbers its rows one after the other and keeps the last of them: where one of these is missing, it was not at work.
pub fn forgettable(connection: &Connection, last: i64, kept: i64) -> rusqlite::Result<i64> {
    let kept = self::kept(kept);
    let pending = "SELECT count(*), max(id) FROM audit WHERE digest IS NULL AND id > ?1 AND id > \
                   (SELECT max(id) FROM audit WHERE id > ?1 AND digest IS NULL) - ?2";
    let (found, latest): (i64, Option<i64>) = connection.query_row(pending, (last, kept), |row| row.try_into())?;
    Ok(latest.filter(|latest| found == kept.min(latest - last)).map_or(-1, |latest| latest - kept))
}
