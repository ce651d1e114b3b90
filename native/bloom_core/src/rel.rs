//! `releases/VSN/NAME.rel`: what OTP says a release consists of.

use std::collections::HashSet;

use crate::names::{Name, Version};
use crate::term::Term;

/// What a `.rel` file says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rel {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) erts: String,
    /// Name and version of each application.
    pub(crate) apps: HashSet<(String, String)>,
}

impl Rel {
    /// Reads `{release,{Name,Vsn},{erts,Erts},[{App,Vsn,…}]}`.
    pub(crate) fn of(term: &Term) -> Option<Self> {
        let [tag, name, erts, apps] = term.as_tuple()? else { return None };
        let [name, version] = name.as_tuple()? else { return None };
        let [_, erts] = erts.as_tuple()? else { return None };
        let apps = apps.as_list()?.iter().map(|app| {
            let app = app.as_tuple()?;
            Some((app.first()?.as_atom()?.to_owned(), app.get(1)?.as_text()?))
        });
        (tag.as_atom()? == "release").then_some(())?;
        Some(Self {
            name: name.as_text()?,
            version: version.as_text()?,
            erts: erts.as_text()?,
            apps: apps.collect::<Option<_>>()?,
        })
    }

    /// The directories that it needs, relative to the root; none where one of its names could not be one.
    pub(crate) fn dirs(&self) -> Option<Vec<String>> {
        let erts = format!("erts-{}", Version::parse(&self.erts).ok()?);
        let libraries = self
            .apps
            .iter()
            .map(|(name, version)| Some(format!("lib/{}-{}", Name::parse(name).ok()?, Version::parse(version).ok()?)));
        libraries.chain([Some(erts)]).collect()
    }
}
