//! Verifying an archive, putting it in place, and taking it back.

use std::path::Path;

use bloom_core::archive::{self, Expect, Limits, Verified};
use bloom_core::names::{Name, Version};
use bloom_core::stage::{self, Staged};
use rustler::types::atom::ok;
use rustler::{Env, NifMap, Term};

use crate::failure::answer;
use crate::job::{self, Watch};

#[derive(NifMap)]
struct ExpectMap {
    name: Option<String>,
    version: Option<String>,
}

#[derive(NifMap)]
struct VerifiedMap {
    name: String,
    version: String,
    erts_version: String,
    otp_release: String,
    elixir_version: String,
    sha256: String,
    files: usize,
    bytes: u64,
}

#[derive(NifMap)]
struct StagedMap {
    verified: VerifiedMap,
    placed: Vec<String>,
    shared: Vec<String>,
}

impl TryFrom<ExpectMap> for Expect {
    type Error = bloom_core::Error;

    fn try_from(map: ExpectMap) -> Result<Self, Self::Error> {
        Ok(Self {
            name: map.name.as_deref().map(Name::parse).transpose()?,
            version: map.version.as_deref().map(Version::parse).transpose()?,
        })
    }
}

impl From<Verified> for VerifiedMap {
    fn from(verified: Verified) -> Self {
        let header = verified.manifest.header;
        Self {
            name: header.name.into(),
            version: header.version.into(),
            erts_version: header.erts_version.into(),
            otp_release: header.otp_release,
            elixir_version: header.elixir_version,
            sha256: verified.sha256.to_string(),
            files: verified.manifest.files.len(),
            bytes: verified.bytes,
        }
    }
}

impl From<Staged> for StagedMap {
    fn from(staged: Staged) -> Self {
        Self { verified: staged.verified.into(), placed: staged.placed, shared: staged.shared }
    }
}

#[rustler::nif(name = "nif_archive_verify", schedule = "DirtyIo")]
fn archive_verify<'a>(env: Env<'a>, path: &Path, expect: ExpectMap, watch: Watch<'a>) -> Term<'a> {
    answer(env, || {
        job::run(env, &watch, |control| {
            archive::verify(path, &expect.try_into()?, &Limits::default(), control).map(VerifiedMap::from)
        })
    })
}

#[rustler::nif(name = "nif_archive_stage", schedule = "DirtyIo")]
fn archive_stage<'a>(env: Env<'a>, path: &Path, root: &Path, expect: ExpectMap, watch: Watch<'a>) -> Term<'a> {
    answer(env, || {
        job::run(env, &watch, |control| {
            stage::stage(path, root, &expect.try_into()?, &Limits::default(), control).map(StagedMap::from)
        })
    })
}

#[rustler::nif(name = "nif_archive_unstage", schedule = "DirtyIo")]
fn archive_unstage<'a>(env: Env<'a>, root: &Path, placed: Vec<String>) -> Term<'a> {
    answer(env, || job::run(env, &Watch::NOBODY, |_| stage::unstage(root, &placed).map(|()| ok())))
}

#[rustler::nif(name = "nif_archive_sweep", schedule = "DirtyIo")]
fn archive_sweep<'a>(env: Env<'a>, root: &Path) -> Term<'a> {
    answer(env, || job::run(env, &Watch::NOBODY, |_| stage::sweep(root).map(|()| ok())))
}
