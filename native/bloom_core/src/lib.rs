//! What Bloom knows about releases on disk: archives, beams, Erlang terms, upgrade plans, and the journal; and about the
//! machine.
//!
//! Plain Rust without any BEAM in sight, so that cargo can test, fuzz and benchmark it; `bloom_nif` is the bridge.

pub mod archive;
pub mod beam;
pub mod error;
pub mod inventory;
pub mod manifest;
pub mod names;
pub mod plan;
pub mod probe;
mod rel;
pub mod stage;
pub mod store;
pub mod term;
pub mod tree;

pub use error::Error;
