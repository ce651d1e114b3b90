//! Whether the changes can be made while the node runs. The rules stand in the documentation of [`super`].

use super::appup::Appup;
use super::compare::Comparison;
use super::facts::{Facts, Role};
use super::release::Target;
use super::{About, AppPlan, Change, ModulePlan, Request, Verdict, display};
use crate::manifest::Kind;

/// Applications whose code nothing but a restart can change.
const FIXED: [&str; 4] = ["kernel", "stdlib", "sasl", "elixir"];

pub(super) fn judge(request: &Request, target: &Target, comparison: &Comparison, verdict: &mut Verdict) {
    judge_erts(request, target, verdict);
    if target.consolidated.is_some() != comparison.running_consolidated {
        let message = "protocol consolidation was switched on or off, which changes how every protocol is found".into();
        verdict.restart("consolidation", message, About::Release);
    }
    for app in &comparison.applications {
        // A module that moved to a new application changes though the application did not run.
        let changes = app.change == Change::Changed || changed(app).next().is_some();
        if changes && !app.modules.is_empty() {
            judge_app(app, target, comparison, verdict);
        }
        if app.change == Change::Changed {
            judge_library(app, comparison, verdict);
            judge_callback(app, target, comparison, verdict);
        }
    }
}

fn judge_erts(request: &Request, target: &Target, verdict: &mut Verdict) {
    let wanted = &target.manifest.header.erts_version;
    let running = format!("erts-{}", request.running.erts);
    if wanted.as_str() != request.running.erts {
        let message = format!("the Erlang runtime changed from {running} to erts-{wanted}");
        verdict.restart("erts_changed", message, About::Release);
    }
}

fn judge_app(app: &AppPlan, target: &Target, comparison: &Comparison, verdict: &mut Verdict) {
    let name = app.name.as_str();
    let versions = versions(app);

    if FIXED.contains(&name) {
        let message = format!("{name} changed {versions}, and OTP cannot replace it in a running node");
        verdict.restart("core_application", message, About::App(name));
        return;
    }
    for module in changed(app) {
        if comparison.sides(module).any(|facts| facts.loads_nif) {
            let message = format!(
                "{} of {name} changed and loads native code, which cannot be replaced hot",
                display(&module.name)
            );
            verdict.restart("native_code", message, About::Module(name, &module.name));
        }
    }

    match &app.appup {
        Appup::HandWritten { restarts: true, path } => {
            let message = format!("{} asks for a restart of the Erlang VM", path.display());
            verdict.restart("appup_restarts", message, About::App(name));
        }
        Appup::HandWritten { .. } => {}
        _ if name == "bloom" => {
            let message =
                format!("bloom changed {versions}; without an appup it cannot replace itself while it switches");
            verdict.restart("bloom_changed", message, About::App(name));
        }
        _ if app.kind == Kind::Own => judge_own(app, comparison, verdict),
        _ if keeps_processes(app, target, comparison) => {
            let message = format!(
                "{name} changed {versions}, keeps processes and has no appup for that step, so nobody can say whether \
                 their state fits the new code"
            );
            verdict.restart("dependency_with_processes", message, About::App(name));
        }
        _ => {}
    }
}

fn judge_own(app: &AppPlan, comparison: &Comparison, verdict: &mut Verdict) {
    for module in changed(app) {
        let (was, is) = (comparison.running_facts.get(&module.name), comparison.facts.get(&module.name));
        let was = was.map(|(_, facts)| facts);
        let about = About::Module(&app.name, &module.name);
        let name = display(&module.name);

        if is.is_some_and(|is| is.inline_children) {
            let message = format!(
                "{name} changed and hands children to Supervisor.start_link/2 itself, where no upgrade can compare them: \
                 move them to a module with `use Supervisor` to upgrade it hot"
            );
            verdict.restart("inline_children", message, about);
        } else if was.is_some_and(|was| was.inline_children) {
            let message = format!(
                "{name} changed, and in the running release it handed children to Supervisor.start_link/2 itself, \
                 where no upgrade can reach them: once restarted, later changes are hot"
            );
            verdict.restart("inline_children", message, about);
        }
        if was.zip(is).is_some_and(|(was, is)| was.is_supervisor() != is.is_supervisor()) {
            let message = format!("{name} became a supervisor or ceased to be one");
            verdict.restart("supervisor_changed", message, about);
        }
    }
}

/// A library is loaded by its module; where that stays, nothing would load the new one.
fn judge_library(app: &AppPlan, comparison: &Comparison, verdict: &mut Verdict) {
    if let Some(path) = comparison.libraries.get(&app.name) {
        let message = format!("{path} of {} changed, and native code cannot be replaced hot", app.name);
        verdict.restart("native_library", message, About::App(&app.name));
    }
}

fn judge_callback(app: &AppPlan, target: &Target, comparison: &Comparison, verdict: &mut Verdict) {
    let now = target.app(&app.name).and_then(|app| app.callback.clone());
    if comparison.running_callbacks.get(&app.name).is_some_and(|was| *was != now) {
        let message =
            format!("{} has another application callback module, which is called at its start only", app.name);
        verdict.restart("callback_changed", message, About::App(&app.name));
    }
}

fn keeps_processes(app: &AppPlan, target: &Target, comparison: &Comparison) -> bool {
    target.app(&app.name).is_some_and(|app| app.callback.is_some())
        || app.modules.iter().any(|module| comparison.sides(module).any(|facts| facts.role != Role::Plain))
}

fn changed(app: &AppPlan) -> impl Iterator<Item = &ModulePlan> {
    app.modules.iter().filter(|module| module.change == Change::Changed)
}

impl Comparison {
    /// What is known of a module as it runs and as it is to be.
    fn sides(&self, module: &ModulePlan) -> impl Iterator<Item = &Facts> {
        let running = self.running_facts.get(&module.name).map(|(_, facts)| facts);
        running.into_iter().chain(self.facts.get(&module.name))
    }
}

fn versions(app: &AppPlan) -> String {
    match (&app.from_version, &app.to_version) {
        (Some(from), Some(to)) if from != to => format!("from {from} to {to}"),
        _ => "its code".into(),
    }
}
