//! A bug on purpose: that a panic ends in an error and not in a dead VM can only be shown in a VM.

use rustler::{Env, Term};

use crate::failure::answer;
use crate::job::{self, Watch};

#[rustler::nif(name = "nif_bug", schedule = "DirtyIo")]
fn bug(env: Env<'_>, message: String) -> Term<'_> {
    answer(env, || job::run(env, &Watch::NOBODY, |_| -> Result<bool, bloom_core::Error> { panic!("{message}") }))
}
