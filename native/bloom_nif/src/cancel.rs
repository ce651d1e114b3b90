//! Tokens with which one process stops what another one waits for.

use bloom_core::archive::Cancel;
use rustler::types::atom::ok;
use rustler::{Atom, Resource, ResourceArc};

/// What a process holds of a [`Cancel`].
pub struct Token(pub Cancel);

impl Resource for Token {}

#[rustler::nif(name = "nif_cancel_token")]
fn cancel_token(whole: Option<ResourceArc<Token>>) -> (Atom, ResourceArc<Token>) {
    let cancel = whole.map_or_else(Cancel::default, |whole| whole.0.part());
    (ok(), ResourceArc::new(Token(cancel)))
}

#[rustler::nif(name = "nif_cancel")]
fn cancel(token: ResourceArc<Token>) -> (Atom, Atom) {
    token.0.cancel();
    (ok(), ok())
}

#[rustler::nif(name = "nif_cancelled")]
fn cancelled(token: ResourceArc<Token>) -> (Atom, bool) {
    (ok(), token.0.is_cancelled())
}
