//! The audit log: each row carries the digest of itself and of the one before it, so that a row that is changed, removed or
//! put in is found.
//!
//! There is no key: who can write the file can compute a chain anew. Whoever has noted its head elsewhere sees that too.

mod append;
mod chain;
mod older;
mod verify;

pub use append::{Entry, append};
pub use verify::{Fault, Verdict, verify};
