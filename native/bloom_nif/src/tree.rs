//! Digests of directories, and the manifest of an assembled release.

use std::path::Path;

use bloom_core::manifest::{self, Application, Header, Kind};
use bloom_core::names::{Name, Version};
use rustler::{Env, NifMap, NifUnitEnum, Term};

use crate::failure::answer;
use crate::job::{self, Watch};

#[derive(NifUnitEnum, Clone, Copy)]
pub enum AppKind {
    Own,
    Dependency,
    Elixir,
    Otp,
}

impl From<AppKind> for Kind {
    fn from(kind: AppKind) -> Self {
        match kind {
            AppKind::Own => Self::Own,
            AppKind::Dependency => Self::Dependency,
            AppKind::Elixir => Self::Elixir,
            AppKind::Otp => Self::Otp,
        }
    }
}

impl From<Kind> for AppKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Own => Self::Own,
            Kind::Dependency => Self::Dependency,
            Kind::Elixir => Self::Elixir,
            Kind::Otp => Self::Otp,
        }
    }
}

#[derive(NifMap)]
struct AppMap {
    name: String,
    version: String,
    base_version: String,
    kind: AppKind,
}

#[derive(NifMap)]
struct HeaderMap {
    name: String,
    version: String,
    erts_version: String,
    otp_release: String,
    elixir_version: String,
    applications: Vec<AppMap>,
}

impl TryFrom<AppMap> for Application {
    type Error = bloom_core::Error;

    fn try_from(map: AppMap) -> Result<Self, Self::Error> {
        Ok(Self {
            name: Name::parse(&map.name)?,
            version: Version::parse(&map.version)?,
            base_version: Version::parse(&map.base_version)?,
            kind: map.kind.into(),
        })
    }
}

impl TryFrom<HeaderMap> for Header {
    type Error = bloom_core::Error;

    fn try_from(map: HeaderMap) -> Result<Self, Self::Error> {
        Ok(Self {
            name: Name::parse(&map.name)?,
            version: Version::parse(&map.version)?,
            erts_version: Version::parse(&map.erts_version)?,
            otp_release: map.otp_release,
            elixir_version: map.elixir_version,
            applications: map.applications.into_iter().map(Application::try_from).collect::<Result<_, _>>()?,
        })
    }
}

#[rustler::nif(name = "nif_tree_digest", schedule = "DirtyIo")]
fn tree_digest<'a>(env: Env<'a>, dir: &Path) -> Term<'a> {
    answer(env, || job::run(env, &Watch::NOBODY, |_| bloom_core::tree::digest(dir)))
}

#[rustler::nif(name = "nif_manifest_write", schedule = "DirtyIo")]
fn manifest_write<'a>(env: Env<'a>, root: &Path, header: HeaderMap, entries: Vec<String>) -> Term<'a> {
    answer(env, || {
        job::run(env, &Watch::NOBODY, |_| {
            let written = manifest::write(root, header.try_into()?, &entries)?;
            Ok::<_, bloom_core::Error>(written.files.len())
        })
    })
}
