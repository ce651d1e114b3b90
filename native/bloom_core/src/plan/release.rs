//! The target as it lies on disk: its applications, their modules and its consolidated protocols.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::files::{beams, read_md5, read_term};
use super::{About, Request, Verdict};
use crate::beam::ModuleMd5;
use crate::error::Result;
use crate::manifest::{Application, Manifest};
use crate::rel::Rel;
use crate::term::Term;

/// Applications without which Bloom cannot switch.
const REQUIRED: [&str; 4] = ["kernel", "stdlib", "sasl", "bloom"];

/// A staged release.
pub(super) struct Target {
    pub(super) manifest: Manifest,
    /// In the order of the manifest.
    pub(super) apps: Vec<TargetApp>,
    /// Where they stand there.
    by_name: HashMap<String, usize>,
    /// Which application a module belongs to, as an index into `apps`.
    pub(super) owners: HashMap<String, usize>,
    /// The digests of the consolidated protocols; `None` where the release has no such directory.
    pub(super) consolidated: Option<HashMap<String, ModuleMd5>>,
    /// What runs under each module's name once the target runs.
    pub(super) effective: HashMap<String, ModuleMd5>,
}

/// An application of the target.
pub(super) struct TargetApp {
    pub(super) application: Application,
    pub(super) dir: PathBuf,
    /// Its callback module, where it has one.
    pub(super) callback: Option<String>,
    /// The applications it needs.
    pub(super) needs: Vec<String>,
    pub(super) modules: HashMap<String, ModuleMd5>,
}

impl Target {
    pub(super) fn read(request: &Request, verdict: &mut Verdict) -> Result<Self> {
        let release_dir = request.root.join("releases").join(request.target.as_str());
        let manifest = Manifest::read(&request.root, &request.target)?;
        check_rel(&release_dir, &manifest, verdict);
        check_required(&manifest, verdict);

        let mut apps = Vec::new();
        for application in &manifest.header.applications {
            apps.extend(read_app(&request.root, application, verdict));
        }
        let consolidated = release_dir.join("consolidated");
        let consolidated =
            if consolidated.is_dir() { Some(digests(&manifest, &request.root, &consolidated)?) } else { None };
        for app in &mut apps {
            app.modules = digests(&manifest, &request.root, &app.dir.join("ebin"))?;
        }
        let owners = owners(&apps, verdict);
        let mut effective: HashMap<_, _> = apps.iter().flat_map(|app| app.modules.clone()).collect();
        effective.extend(consolidated.clone().unwrap_or_default());
        let by_name =
            apps.iter().enumerate().map(|(index, app)| (app.application.name.as_str().to_owned(), index)).collect();
        Ok(Self { manifest, apps, by_name, owners, consolidated, effective })
    }

    pub(super) fn app(&self, name: &str) -> Option<&TargetApp> {
        self.by_name.get(name).map(|index| &self.apps[*index])
    }
}

/// The names and digests of the modules in a directory of the target. The build step has digested them already, and
/// what was staged is what the manifest says; what is loaded in the end is compared with them again.
fn digests(manifest: &Manifest, root: &Path, dir: &Path) -> Result<HashMap<String, ModuleMd5>> {
    let mut digests = HashMap::new();
    for (name, path) in beams(dir)? {
        let listed = path.strip_prefix(root).ok().and_then(|path| manifest.file(path.to_str()?)?.md5);
        digests.insert(name, listed.map_or_else(|| read_md5(&path), Ok)?);
    }
    Ok(digests)
}

fn check_rel(release_dir: &Path, manifest: &Manifest, verdict: &mut Verdict) {
    let header = &manifest.header;
    let path = release_dir.join(format!("{}.rel", header.name));
    let Some(rel) = verdict.readable(read_term(&path), About::Release) else { return };
    let expected: HashSet<_> =
        header.applications.iter().map(|app| (app.name.as_str().to_owned(), app.version.as_str().to_owned())).collect();

    if Rel::of(&rel).is_none_or(|rel| {
        rel.name != header.name.as_str()
            || rel.version != header.version.as_str()
            || rel.erts != header.erts_version.as_str()
            || rel.apps != expected
    }) {
        let message = format!("{} does not say what the manifest says: build the release again", path.display());
        verdict.refuse("rel_mismatch", message, About::Release);
    }
}

fn check_required(manifest: &Manifest, verdict: &mut Verdict) {
    for required in REQUIRED {
        if !manifest.header.applications.iter().any(|app| app.name.as_str() == required) {
            let message = format!("the release has no {required} application: add it to the release's applications");
            verdict.refuse("missing_application", message, About::App(required));
        }
    }
}

fn read_app(root: &Path, application: &Application, verdict: &mut Verdict) -> Option<TargetApp> {
    let name = application.name.as_str();
    let dir = root.join(application.dir());
    let path = dir.join("ebin").join(format!("{name}.app"));
    if !path.is_file() {
        let message = format!("{} is missing: install the archive again", path.display());
        verdict.refuse("missing_app_file", message, About::App(name));
        return None;
    }

    let term = verdict.readable(read_term(&path), About::App(name))?;
    let properties = match term.as_tuple() {
        Some([_, found, properties]) if found.as_atom() == Some(name) => properties,
        _ => &Term::Other,
    };
    if properties.get("vsn").and_then(Term::as_text).as_deref() != Some(application.version.as_str()) {
        let message =
            format!("{} does not say version {}: build the release again", path.display(), application.version);
        verdict.refuse("app_mismatch", message, About::App(name));
        return None;
    }
    Some(TargetApp {
        application: application.clone(),
        callback: callback(properties),
        needs: ["applications", "included_applications"]
            .iter()
            .flat_map(|key| properties.get(key).map(Term::atoms).unwrap_or_default())
            .collect(),
        modules: HashMap::new(),
        dir,
    })
}

/// The callback module of an application from the properties of its `.app`.
pub(super) fn callback(properties: &Term) -> Option<String> {
    Some(properties.get("mod")?.as_tuple()?.first()?.as_atom()?.to_owned())
}

fn owners(apps: &[TargetApp], verdict: &mut Verdict) -> HashMap<String, usize> {
    let mut owners: HashMap<String, usize> = HashMap::new();
    for (index, app) in apps.iter().enumerate() {
        let name = app.application.name.as_str();
        for module in app.modules.keys() {
            if let Some(other) = owners.insert(module.clone(), index) {
                let other = &apps[other].application.name;
                let message = format!(
                    "the module {} is in both {other} and {name}: keep it in one of them",
                    super::display(module)
                );
                verdict.refuse("duplicate_module", message, About::Module(name, module));
            }
        }
    }
    owners
}
