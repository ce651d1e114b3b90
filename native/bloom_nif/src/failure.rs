//! Every way to fail becomes `{:error, %{code: atom, message: binary}}`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustler::{Atom, Encoder, Env, Term};

mod atoms {
    rustler::atoms! { ok, error, code, message, native_panic }
}

/// What went wrong, in the terms of `Bloom.Native`.
pub struct Failure {
    code: &'static str,
    message: String,
}

impl Failure {
    /// A failure that did not come from `bloom_core`.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A panic of the code behind the bridge.
    pub fn panicked(payload: &(dyn Any + Send)) -> Self {
        let said = payload.downcast_ref::<&str>().copied();
        let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        Self::new(
            "native_panic",
            format!("Bloom's native code has a bug ({said}): report it at https://github.com/brandocms/bloom/issues"),
        )
    }
}

impl From<bloom_core::Error> for Failure {
    fn from(error: bloom_core::Error) -> Self {
        Self { code: error.code(), message: error.to_string() }
    }
}

impl Encoder for Failure {
    fn encode<'a>(&self, env: Env<'a>) -> Term<'a> {
        let code = Atom::from_str(env, self.code).unwrap_or_else(|_| atoms::native_panic());
        rustler::term_map!(env, { atoms::code() => code, atoms::message() => self.message.as_str() })
    }
}

/// Runs a function of the bridge and answers `{:ok, value}` or `{:error, failure}`, whatever happens in it.
pub fn answer<T: Encoder>(env: Env<'_>, work: impl FnOnce() -> Result<T, Failure>) -> Term<'_> {
    let attempt = catch_unwind(AssertUnwindSafe(|| work().map(|value| (atoms::ok(), value).encode(env))));
    match attempt.unwrap_or_else(|payload| Err(Failure::panicked(&*payload))) {
        Ok(term) => term,
        Err(failure) => (atoms::error(), failure).encode(env),
    }
}
