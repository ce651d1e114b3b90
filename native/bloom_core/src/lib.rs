//! What Bloom knows about releases on disk: archives, beams, Erlang terms, upgrade plans, and the journal; about the
//! machine; and how other programs are run, and what they write kept as a backup.
//!
//! Plain Rust without any BEAM in sight, so that cargo can test, fuzz and benchmark it; `bloom_nif` is the bridge.

pub mod archive;
pub mod backup;
pub mod beam;
pub mod error;
pub mod inventory;
pub mod manifest;
pub mod names;
pub mod plan;
pub mod probe;
pub mod process;
mod rel;
pub mod sqlite;
pub mod stage;
pub mod store;
pub mod term;
pub mod tree;

pub use error::Error;
