//! The bridge between `Bloom.Native` and `bloom_core`: decode, pick the scheduler, call, map errors.
//!
//! Every function that touches files runs on a dirty I/O scheduler. Not on a dirty CPU one, although some of the work
//! is computing: those are few, and the VM needs them for the garbage collection of large heaps.

#![allow(clippy::needless_pass_by_value, reason = "rustler decodes arguments into values")]

mod archive;
mod bug;
mod cancel;
mod failure;
mod init;
mod inventory;
mod job;
mod pipeline;
mod plan;
mod plan_map;
mod probe;
mod sqlite;
mod store;
mod tree;
