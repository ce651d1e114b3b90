//! What differs between the code that is loaded and the target's.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::appup::{self, Appup};
use super::release::{Target, TargetApp, read_details};
use super::running::RunningCode;
use super::{About, AppPlan, Change, Load, LoadedApp, ModulePlan, Request, Verdict};
use crate::beam::Details;
use crate::error::Result;
use crate::manifest::Kind;

/// Applications, modules and protocols that change.
pub(super) struct Comparison {
    pub(super) applications: Vec<AppPlan>,
    pub(super) protocols: Vec<String>,
    /// What is known of the target's modules that are new or differ.
    pub(super) details: HashMap<String, Details>,
    /// What is known of the running files of the same modules, where they are there.
    pub(super) running_details: HashMap<String, Details>,
    /// The callback modules of the running applications.
    pub(super) running_callbacks: HashMap<String, Option<String>>,
    /// Whether the running release has consolidated protocols.
    pub(super) running_consolidated: bool,
}

pub(super) fn compare(request: &Request, target: &Target, verdict: &mut Verdict) -> Result<Comparison> {
    let running = RunningCode::read(request)?;
    warn_of_patches(&running, request, target, verdict);

    let protocols = protocols(&running, target);
    let mut applications = Vec::new();
    for app in in_dependency_order(&target.apps) {
        applications.push(compare_app(app, request, target, &running)?);
    }
    applications.extend(removed_apps(request, target, &running));

    let details = target_details(&applications, target)?;
    let running_details = running.details(&applications)?;
    depend(&mut applications, &details);
    classify(&mut applications, &details);

    if applications.iter().all(|app| app.change == Change::Unchanged) && protocols.is_empty() {
        verdict.warn("identical", "the release has the same code as the running one".into(), About::Release);
    }
    Ok(Comparison {
        applications,
        protocols,
        details,
        running_details,
        running_callbacks: running.callbacks,
        running_consolidated: request.running.consolidated.is_some(),
    })
}

/// Code that somebody loaded by hand differs from its own file; the way back leads to the file.
fn warn_of_patches(running: &RunningCode<'_>, request: &Request, target: &Target, verdict: &mut Verdict) {
    for app in &target.apps {
        let name = app.application.name.as_str();
        let same_files = running.apps.get(name).is_some_and(|running| running.dir == app.dir);
        if !same_files {
            continue;
        }
        for (module, md5) in &app.modules {
            let consolidated = running.consolidated.contains_key(module);
            if !consolidated && request.loaded.get(module).is_some_and(|loaded| loaded != md5) {
                let message = format!(
                    "{} was changed in the running node and differs from its file; the upgrade replaces it",
                    super::display(module)
                );
                verdict.warn("patched_module", message, About::Module(name, module));
            }
        }
    }
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

fn compare_app(app: &TargetApp, request: &Request, target: &Target, running: &RunningCode<'_>) -> Result<AppPlan> {
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
            usable_appup(app, from, request.downgrade)?.unwrap_or(Appup::Generated)
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

fn target_details(applications: &[AppPlan], target: &Target) -> Result<HashMap<String, Details>> {
    let mut details = HashMap::new();
    for app in applications {
        let Some(dir) = target.app(&app.name).map(|target| &target.dir) else { continue };
        for module in app.modules.iter().filter(|module| module.change != Change::Removed) {
            let path = dir.join("ebin").join(format!("{}.beam", module.name));
            details.insert(module.name.clone(), read_details(&path)?);
        }
    }
    Ok(details)
}

/// Who calls whom among the modules that are new or differ. Who calls a protocol depends on its implementations,
/// which the protocol finds by name.
fn depend(applications: &mut [AppPlan], details: &HashMap<String, Details>) {
    let mut implementations: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, found) in details {
        if let Some(protocol) = &found.implements {
            implementations.entry(protocol).or_default().push(name);
        }
    }

    for module in applications.iter_mut().flat_map(|app| &mut app.modules) {
        let Some(found) = details.get(&module.name) else { continue };
        let imported = found.imported_modules.iter().map(String::as_str);
        let implementing = imported.clone().filter_map(|name| implementations.get(name)).flatten().copied();
        let callees: BTreeSet<&str> = imported.filter(|name| details.contains_key(*name)).chain(implementing).collect();
        module.depends_on = callees.into_iter().filter(|name| *name != module.name).map(str::to_owned).collect();
    }
}

fn classify(applications: &mut [AppPlan], details: &HashMap<String, Details>) {
    for module in applications.iter_mut().flat_map(|app| &mut app.modules) {
        if let Some(found) = details.get(&module.name) {
            module.load = if super::rules::is_supervisor(found) {
                Load::Supervisor
            } else if !found.behaviours.is_empty()
                && (found.exports("code_change", 3) || found.exports("code_change", 4))
            {
                Load::Update
            } else {
                Load::Load
            };
        }
    }
}

/// Dependencies before those that need them, by name where nothing else decides.
fn in_dependency_order(apps: &[TargetApp]) -> Vec<&TargetApp> {
    fn visit<'a>(
        app: &'a TargetApp,
        apps: &HashMap<&str, &'a TargetApp>,
        seen: &mut HashSet<&'a str>,
        order: &mut Vec<&'a TargetApp>,
    ) {
        if seen.insert(app.application.name.as_str()) {
            for need in &app.needs {
                if let Some(need) = apps.get(need.as_str()) {
                    visit(need, apps, seen, order);
                }
            }
            order.push(app);
        }
    }

    let by_name: HashMap<_, _> = apps.iter().map(|app| (app.application.name.as_str(), app)).collect();
    let (mut seen, mut order) = (HashSet::new(), Vec::new());
    for app in apps {
        visit(app, &by_name, &mut seen, &mut order);
    }
    order
}
