//! What is digested of a row, and where the chain begins and ends.

use std::fmt::Write as _;

use rusqlite::{Connection, OptionalExtension, Row};
use sha2::{Digest as _, Sha256};

/// SHA-256.
pub type Digest = [u8; 32];

/// What stands before the first row of all.
pub const GENESIS: Digest = [0; 32];

/// The columns that [`Link::of`] takes.
pub const COLUMNS: &str = "id, at, who, operation, arguments, result, adopted, previous, digest";

const DOMAIN: &[u8] = b"bloom audit log, row 1";

/// Where the chain begins and ends.
#[derive(Debug, PartialEq, Eq)]
pub struct Account {
    /// How many rows it has.
    pub rows: i64,
    /// The last row that was forgotten because of its age.
    pub forgotten: i64,
    /// The digest of that row.
    pub base: Digest,
    /// The last row.
    pub last: i64,
    /// The digest of that row.
    pub head: Digest,
}

impl Account {
    pub const EMPTY: Self = Self { rows: 0, forgotten: 0, base: GENESIS, last: 0, head: GENESIS };

    pub fn read(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        let select = "SELECT rows, forgotten, base, last, head FROM audit_chain WHERE id = 1";
        let account = |row: &Row<'_>| {
            let (base, head): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(4)?);
            // A digest of another length is none that any row has.
            let digest = |bytes: Vec<u8>| bytes.try_into().unwrap_or([0xff; 32]);
            Ok(Self {
                rows: row.get(0)?,
                forgotten: row.get(1)?,
                base: digest(base),
                last: row.get(3)?,
                head: digest(head),
            })
        };
        connection.query_row(select, [], account).optional()
    }

    pub fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let replace = "INSERT OR REPLACE INTO audit_chain (id, rows, forgotten, base, last, head) \
                       VALUES (1, ?1, ?2, ?3, ?4, ?5)";
        connection.execute(replace, (self.rows, self.forgotten, self.base, self.last, self.head)).map(drop)
    }
}

/// A row as it lies there.
pub struct Link {
    pub id: i64,
    pub at: i64,
    pub who: Option<String>,
    pub operation: String,
    pub arguments: Vec<u8>,
    pub result: Vec<u8>,
    pub adopted: i64,
    pub previous: Option<Vec<u8>>,
    pub digest: Option<Vec<u8>>,
}

impl Link {
    pub fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            at: row.get(1)?,
            who: row.get(2)?,
            operation: row.get(3)?,
            arguments: row.get(4)?,
            result: row.get(5)?,
            adopted: row.get(6)?,
            previous: row.get(7)?,
            digest: row.get(8)?,
        })
    }

    /// The digest that the row has after one with the digest `previous`. Everything goes in with its length, so that
    /// nothing can move from one column to the next.
    pub fn digest_after(&self, previous: &Digest) -> Digest {
        let mut hasher = Sha256::new();
        let (id, at, adopted) = (self.id.to_be_bytes(), self.at.to_be_bytes(), self.adopted.to_be_bytes());
        let who: [&[u8]; 2] = match &self.who {
            Some(who) => [&[1], who.as_bytes()],
            None => [&[0], &[]],
        };
        for part in [
            DOMAIN,
            previous,
            &id,
            &at,
            &adopted,
            who[0],
            who[1],
            self.operation.as_bytes(),
            &self.arguments,
            &self.result,
        ] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

/// A digest for people.
pub fn hex(digest: &Digest) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(who: Option<&str>, operation: &str) -> Link {
        Link {
            id: 1,
            at: 2,
            who: who.map(Into::into),
            operation: operation.into(),
            arguments: vec![3],
            result: vec![4],
            adopted: 0,
            previous: None,
            digest: None,
        }
    }

    #[test]
    fn nothing_moves_from_one_column_to_the_next() {
        let digests = [
            link(None, "ab"),
            link(Some(""), "ab"),
            link(Some("a"), "b"),
            link(Some("ab"), ""),
            Link { arguments: vec![3, 4], result: vec![], ..link(None, "ab") },
            Link { adopted: 1, ..link(None, "ab") },
        ]
        .map(|link| link.digest_after(&GENESIS));
        for (index, digest) in digests.iter().enumerate() {
            assert!(!digests[..index].contains(digest), "{index}");
        }
    }

    #[test]
    fn a_digest_stays_what_it_is() {
        let digest = link(Some("me"), "switch").digest_after(&GENESIS);
        assert_eq!(hex(&digest), "91fdce1daa3c5d4f1f1d897511541accf3fdb8820e7cdece68766113ac9b0b2c");
    }
}
