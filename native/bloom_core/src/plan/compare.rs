//! What differs between the code that is loaded and the target's.

use std::collections::{BTreeSet, HashMap};

use super::appup::{self, Appup};
use super::facts::{Facts, Role};
use super::files::{read_facts, read_md5};
use super::libraries;
use super::order::in_dependency_order;
use super::release::{Target, TargetApp};
use super::running::RunningCode;
use super::{About, AppPlan, Change, Load, LoadedApp, ModulePlan, Request, Verdict};
use crate::beam::ModuleMd5;
use crate::error::Result;
use crate::manifest::Kind;

/// Applications, modules and protocols that change.
pub(super) struct Comparison {
    pub(super) applications: Vec<AppPlan>,
    pub(super) protocols: Vec<String>,
    /// What is known of the target's modules that are new or differ.
    pub(super) facts: HashMap<String, Facts>,
    /// What is known of the running files of modules that change or go, where they are there, with their digests.
    pub(super) running_facts: HashMap<String, (ModuleMd5, Facts)>,
    /// A native library that differs, by application.
    pub(super) libraries: HashMap<String, String>,
    /// The callback modules of the running applications.
    pub(super) running_callbacks: HashMap<String, Option<String>>,
    /// Whether the running release has consolidated protocols.
    pub(super) running_consolidated: bool,
}

pub(super) fn compare(request: &Request, target: &Target, verdict: &mut Verdict) -> Result<Comparison> {
    let running = RunningCode::read(request)?;
    let protocols = protocols(&running, target);
    let mut applications = Vec::new();
    let mut libraries = HashMap::new();
    for app in in_dependency_order(&target.apps) {
        let plan = compare_app(app, request, target, &running, verdict)?;
        if let (Change::Changed, Some(from)) = (plan.change, running.apps.get(plan.name.as_str())) {
            let library = libraries::changed(app, from, &target.manifest)?;
            libraries.extend(library.map(|path| (plan.name.clone(), path)));
        }
        applications.push(plan);
    }
    applications.extend(removed_apps(request, target, &running));

    let facts = target_facts(&applications, target)?;
    let running_facts = running.facts(&applications)?;
    depend(&mut applications, &facts);
    classify(&mut applications, &facts);
    warn_of_patches(&applications, &running_facts, &running, verdict);
    warn_of_patched_protocols(&protocols, &running, verdict)?;

    if applications.iter().all(|app| app.change == Change::Unchanged) && protocols.is_empty() {
        verdict.warn("identical", "the release has the same code as the running one".into(), About::Release);
    }
    Ok(Comparison {
        applications,
        protocols,
        facts,
        running_facts,
        libraries,
        running_callbacks: running.callbacks,
        running_consolidated: request.running.consolidated.is_some(),
    })
}

/// Code that somebody loaded by hand differs from its own file; the way back leads to the file.
fn warn_of_patches(
    applications: &[AppPlan],
    running_facts: &HashMap<String, (ModuleMd5, Facts)>,
    running: &RunningCode<'_>,
    verdict: &mut Verdict,
) {
    for app in applications {
        for module in &app.modules {
            if running_facts.get(&module.name).is_some_and(|(file, _)| running.is_patched(&module.name, *file)) {
                verdict.warn("patched_module", patched(&module.name), About::Module(&app.name, &module.name));
            }
        }
    }
}

fn warn_of_patched_protocols(protocols: &[String], running: &RunningCode<'_>, verdict: &mut Verdict) -> Result<()> {
    for name in protocols {
        if let Some(file) = running.consolidated.get(name)
            && running.is_patched(name, read_md5(file)?)
        {
            verdict.warn("patched_module", patched(name), About::Release);
        }
    }
    Ok(())
}

fn patched(module: &str) -> String {
    format!(
        "{} was changed in the running node and differs from its file; the upgrade replaces it",
        super::display(module)
    )
}

fn protocols(running: &RunningCode<'_>, target: &Target) -> Vec<String> {
    let none = HashMap::new();
    let consolidated = target.consolidated.as_ref().unwrap_or(&none);
    let names: BTreeSet<_> = running.consolidated.keys().chain(consolidated.keys()).collect();
    let differs = |name: &&String| match (running.md5(name), consolidated.get(*name)) {
        (Ok(Some(from)), Some(to)) => from != *to,
        _ => true,
    };
    names.into_iter().filter(differs).cloned().collect()
}

fn compare_app(
    app: &TargetApp,
    request: &Request,
    target: &Target,
    running: &RunningCode<'_>,
    verdict: &mut Verdict,
) -> Result<AppPlan> {
    let name = app.application.name.as_str();
    let from = running.apps.get(name).copied();
    let modules = changed_modules(app, from, target, running)?;
    let to_version = app.application.version.as_str();
    let change = match from {
        None => Change::Added,
        Some(from) if from.version == to_version && modules.is_empty() => Change::Unchanged,
        Some(_) => Change::Changed,
    };
    let appup = match from {
        Some(from) if change == Change::Changed => {
            let found = verdict.readable(usable_appup(app, from, request.downgrade), About::App(name));
            found.flatten().unwrap_or(Appup::Generated)
        }
        _ => Appup::None,
    };
    Ok(AppPlan {
        name: name.to_owned(),
        kind: app.application.kind,
        change,
        from_version: from.map(|from| from.version.clone()),
        to_version: Some(to_version.to_owned()),
        appup,
        modules,
    })
}

fn changed_modules(
    app: &TargetApp,
    from: Option<&LoadedApp>,
    target: &Target,
    running: &RunningCode<'_>,
) -> Result<Vec<ModulePlan>> {
    let is_protocol = |name: &str| {
        running.consolidated.contains_key(name)
            || target.consolidated.as_ref().is_some_and(|consolidated| consolidated.contains_key(name))
    };
    let mut modules = Vec::new();
    for (name, md5) in app.modules.iter().filter(|(name, _)| !is_protocol(name)) {
        match running.md5(name)? {
            None => modules.push(module(name, Change::Added)),
            Some(from) if from != *md5 => modules.push(module(name, Change::Changed)),
            Some(_) => {}
        }
    }
    if let Some(from) = from {
        let gone = running.modules[&from.name].iter();
        let gone = gone.filter(|name| !target.owners.contains_key(*name) && !is_protocol(name));
        modules.extend(gone.map(|name| module(name, Change::Removed)));
    }
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(modules)
}

fn module(name: &str, change: Change) -> ModulePlan {
    ModulePlan { name: name.to_owned(), change, load: Load::Load, depends_on: Vec::new() }
}

fn usable_appup(app: &TargetApp, from: &LoadedApp, downgrade: bool) -> Result<Option<Appup>> {
    let name = app.application.name.as_str();
    let target = [app.application.version.as_str(), app.application.base_version.as_str()];
    let running = [from.version.as_str(), base(&from.version)];
    if downgrade {
        appup::find(&from.dir, name, &running, &target)
    } else {
        appup::find(&app.dir, name, &target, &running)
    }
}

/// A version without the digest that the build step appends (`Bloom.Release.Versions`).
fn base(version: &str) -> &str {
    const DIGEST: usize = 12;
    let Some((base, digest)) = version.rsplit_once(".d.").or_else(|| version.rsplit_once("+d.")) else {
        return version;
    };
    let is_digest = digest.len() == DIGEST && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest { base } else { version }
}

fn removed_apps(request: &Request, target: &Target, running: &RunningCode<'_>) -> Vec<AppPlan> {
    let gone = request.running.apps.iter().filter(|app| target.app(&app.name).is_none());
    gone.map(|app| AppPlan {
        name: app.name.clone(),
        // The target says nothing of it any more; that it goes is all that matters.
        kind: Kind::Dependency,
        change: Change::Removed,
        from_version: Some(app.version.clone()),
        to_version: None,
        appup: Appup::None,
        modules: running.modules[&app.name]
            .iter()
            .filter(|name| !target.owners.contains_key(*name) && !running.consolidated.contains_key(*name))
            .map(|name| module(name, Change::Removed))
            .collect(),
    })
    .collect()
}

fn target_facts(applications: &[AppPlan], target: &Target) -> Result<HashMap<String, Facts>> {
    let known = |name: &str| target.effective.contains_key(name);
    let mut facts = HashMap::new();
    for app in applications {
        let Some(dir) = target.app(&app.name).map(|target| &target.dir) else { continue };
        for module in app.modules.iter().filter(|module| module.change != Change::Removed) {
            let path = dir.join("ebin").join(format!("{}.beam", module.name));
            facts.insert(module.name.clone(), read_facts(&path, known)?.1);
        }
    }
    Ok(facts)
}

/// Who calls whom among the modules that are new or differ. Who calls a protocol depends on its implementations,
/// which the protocol finds by name; who names a module that is no process, on that one: a struct's fields must be there
/// before, and until after, those who use them.
fn depend(applications: &mut [AppPlan], facts: &HashMap<String, Facts>) {
    let mut implementations: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, found) in facts {
        if let Some(protocol) = &found.implements {
            implementations.entry(protocol).or_default().push(name);
        }
    }

    for module in applications.iter_mut().flat_map(|app| &mut app.modules) {
        let Some(found) = facts.get(&module.name) else { continue };
        let calls = found.calls.iter().map(String::as_str);
        let implementing = calls.clone().filter_map(|name| implementations.get(name)).flatten().copied();
        let plain = |name: &&str| facts.get(*name).is_some_and(|named| named.role == Role::Plain);
        let named = found.names.iter().map(String::as_str).filter(plain);
        let callees: BTreeSet<&str> =
            calls.filter(|name| facts.contains_key(*name)).chain(implementing).chain(named).collect();
        module.depends_on = callees.into_iter().filter(|name| *name != module.name).map(str::to_owned).collect();
    }
}

fn classify(applications: &mut [AppPlan], facts: &HashMap<String, Facts>) {
    for module in applications.iter_mut().flat_map(|app| &mut app.modules) {
        if let Some(found) = facts.get(&module.name) {
            module.load = match found.role {
                Role::Supervisor => Load::Supervisor,
                Role::Update => Load::Update,
                Role::Plain | Role::Process => Load::Load,
            };
        }
    }
}
