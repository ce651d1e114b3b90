//! Tokens with which one process stops what another one waits for.

use bloom_core::archive::Cancel;
use rustler::types::atom::ok;
use rustler::{Atom, Resource, ResourceArc};

/// What a process holds of a [`Cancel`].
pub struct Token(pub Cancel);

impl Resource for Token {}

#[rustler::nif(name = "nif_cancel_token")]
fn cancel_token() -> (Atom, ResourceArc<Token>) {
    (ok(), ResourceArc::new(Token(Cancel::default())))
}

#[rustler::nif(name = "nif_cancel")]
fn cancel(token: ResourceArc<Token>) -> (Atom, Atom) {
    token.0.cancel();
    (ok(), ok())
}
