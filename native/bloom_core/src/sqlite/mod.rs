//! Backup and restore of an application's `SQLite` databases while they are in use.
//!
//! Never in a process in which another copy of `SQLite` has the database open, such as the driver of the application:
//! `SQLite`'s locks belong to the process, so the two would not see each other's, and each would give up those of the other
//! with every file that it closes.

mod connection;
mod contents;
mod copy;
mod differ;
mod dump;
mod error;
mod progress;
mod restore;

pub use contents::Counts;
pub use differ::written_since;
pub use dump::{Dumped, dump, verify};
pub use error::SqliteError;
pub use restore::restore;
