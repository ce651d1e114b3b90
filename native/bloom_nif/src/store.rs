//! The journal as a resource. Its calls are short, so they stay on the scheduler's own thread.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bloom_core::store::{Entry, Fault, Statement, Store, StoreError, Value, Verdict};
use rustler::types::atom::{nil, ok};
use rustler::{Binary, Decoder, Encoder, Env, Error, NewBinary, NifMap, NifResult, Resource, ResourceArc, Term};

use crate::failure::{Failure, answer};

mod atoms {
    rustler::atoms! { blob }
}

/// What Elixir holds of a [`Store`]: nothing any more once it is closed.
pub struct Journal(Mutex<Option<Store>>);

impl Resource for Journal {}

impl Journal {
    fn with<T>(&self, work: impl FnOnce(&mut Store) -> Result<T, StoreError>) -> Result<T, Failure> {
        // A panic has rolled its transaction back, so what it leaves is sound.
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match store.as_mut() {
            Some(store) => work(store).map_err(failure),
            None => Err(Failure::new("store_closed", "the journal was closed: open it again")),
        }
    }
}

/// A statement with its parameters, `{sql, params}`.
struct Asked(Statement);

/// Who asked for what, see [`Entry`].
#[derive(NifMap)]
struct Audited<'a> {
    at: i64,
    who: Option<String>,
    operation: String,
    arguments: Binary<'a>,
    result: Binary<'a>,
}

/// See [`Verdict`].
#[derive(NifMap)]
struct AuditVerdict {
    rows: i64,
    adopted: i64,
    pending: i64,
    first: Option<i64>,
    head: String,
    fault: Option<AuditFault>,
}

#[derive(NifMap)]
struct AuditFault {
    row: i64,
    why: String,
}

struct Param(Value);

struct Answer(Value);

impl<'a> Decoder<'a> for Asked {
    fn decode(term: Term<'a>) -> NifResult<Self> {
        let (sql, params): (String, Vec<Param>) = term.decode()?;
        Ok(Self(Statement { sql, params: params.into_iter().map(|Param(value)| value).collect() }))
    }
}

impl<'a> Decoder<'a> for Param {
    fn decode(term: Term<'a>) -> NifResult<Self> {
        if term.is_binary() {
            return term.decode().map(|text| Self(Value::Text(text)));
        }
        if term.is_integer() {
            return term.decode().map(|integer| Self(Value::Integer(integer)));
        }
        if term.is_float() {
            return term.decode().map(|float| Self(Value::Real(float)));
        }
        if term == nil().to_term(term.get_env()) {
            return Ok(Self(Value::Null));
        }
        match term.decode::<(Term<'a>, Term<'a>)>()? {
            (tag, blob) if atoms::blob() == tag => Ok(Self(Value::Blob(Binary::from_term(blob)?.to_vec()))),
            (_, _) => Err(Error::BadArg),
        }
    }
}

impl Encoder for Answer {
    fn encode<'a>(&self, env: Env<'a>) -> Term<'a> {
        match &self.0 {
            Value::Null => nil().encode(env),
            Value::Integer(integer) => integer.encode(env),
            Value::Real(float) => float.encode(env),
            Value::Text(text) => text.encode(env),
            Value::Blob(blob) => NewBinary::from_slice(env, blob).into(),
        }
    }
}

#[rustler::nif(name = "nif_store_open", schedule = "DirtyIo")]
fn store_open<'a>(env: Env<'a>, path: Option<&Path>, anew: bool) -> Term<'a> {
    answer(env, || {
        let store = match path {
            None => Store::in_memory(),
            Some(path) if anew => Store::start_anew(path),
            Some(path) => Store::open(path),
        };
        Ok(ResourceArc::new(Journal(Mutex::new(Some(store.map_err(failure)?)))))
    })
}

#[rustler::nif(name = "nif_store_query", schedule = "DirtyIo")]
fn store_query(env: Env<'_>, journal: ResourceArc<Journal>, asked: Asked) -> Term<'_> {
    answer(env, || journal.with(|store| store.query(&asked.0).map(rows)))
}

#[rustler::nif(name = "nif_store_transaction", schedule = "DirtyIo")]
fn store_transaction(env: Env<'_>, journal: ResourceArc<Journal>, asked: Vec<Asked>) -> Term<'_> {
    answer(env, || {
        let statements: Vec<_> = asked.into_iter().map(|Asked(statement)| statement).collect();
        let answers = journal.with(|store| store.transaction(&statements))?;
        Ok(answers.into_iter().map(rows).collect::<Vec<_>>())
    })
}

#[rustler::nif(name = "nif_store_audit", schedule = "DirtyIo")]
fn store_audit<'a>(env: Env<'a>, journal: ResourceArc<Journal>, audited: Audited<'a>, kept: i64) -> Term<'a> {
    answer(env, || {
        let Audited { at, who, operation, arguments, result } = audited;
        let entry = Entry { at, who, operation, arguments: arguments.to_vec(), result: result.to_vec() };
        journal.with(|store| store.audit(&entry, kept)).map(|()| ok())
    })
}

#[rustler::nif(name = "nif_store_verify_audit", schedule = "DirtyIo")]
fn store_verify_audit(env: Env<'_>, journal: ResourceArc<Journal>, kept: i64) -> Term<'_> {
    answer(env, || {
        let Verdict { rows, adopted, pending, first, head, fault } = journal.with(|store| store.verify_audit(kept))?;
        let fault = fault.map(|Fault { row, why }| AuditFault { row, why });
        Ok(AuditVerdict { rows, adopted, pending, first, head, fault })
    })
}

#[rustler::nif(name = "nif_store_close", schedule = "DirtyIo")]
fn store_close(env: Env<'_>, journal: ResourceArc<Journal>) -> Term<'_> {
    answer(env, || {
        if let Some(store) = journal.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            store.close();
        }
        Ok(ok())
    })
}

fn rows(rows: Vec<Vec<Value>>) -> Vec<Vec<Answer>> {
    rows.into_iter().map(|row| row.into_iter().map(Answer).collect()).collect()
}

fn failure(error: StoreError) -> Failure {
    bloom_core::Error::from(error).into()
}
