//! Whether the changes can be made while the node runs. The rules stand in the documentation of [`super`].

use super::appup::Appup;
use super::compare::Comparison;
use super::release::Target;
use super::{About, AppPlan, Change, Request, Verdict, display};
use crate::beam::Details;
use crate::manifest::Kind;
use crate::tree::hash_file;

/// Applications whose code nothing but a restart can change.
const FIXED: [&str; 4] = ["kernel", "stdlib", "sasl", "elixir"];
const SUPERVISORS: [&str; 4] = ["supervisor", "supervisor_bridge", "Elixir.Supervisor", "Elixir.DynamicSupervisor"];
/// Behaviours of modules that run in processes of their own.
const PROCESSES: [&str; 8] = [
    "gen_server",
    "gen_statem",
    "gen_event",
    "gen_fsm",
    "Elixir.GenServer",
    "Elixir.GenEvent",
    "Elixir.GenStage",
    "Elixir.ConsumerSupervisor",
];

pub(super) fn is_supervisor(details: &Details) -> bool {
    details.behaviours.iter().any(|behaviour| SUPERVISORS.contains(&behaviour.as_str()))
}

fn is_process(details: &Details) -> bool {
    is_supervisor(details) || details.behaviours.iter().any(|behaviour| PROCESSES.contains(&behaviour.as_str()))
}

pub(super) fn judge(request: &Request, target: &Target, comparison: &Comparison, verdict: &mut Verdict) {
    judge_erts(request, target, verdict);
    if target.consolidated.is_some() != comparison.running_consolidated {
        let message = "protocol consolidation was switched on or off, which changes how every protocol is found".into();
        verdict.restart("consolidation", message, About::Release);
    }
    for app in &comparison.applications {
        if !app.modules.is_empty() && app.change == Change::Changed {
            judge_app(app, target, comparison, verdict);
        }
        if app.change == Change::Changed {
            judge_callback(app, target, comparison, verdict);
            judge_libraries(app, request, target, verdict);
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
    for module in app.modules.iter().filter(|module| module.change == Change::Changed) {
        if comparison.details.get(&module.name).is_some_and(Details::loads_nif) {
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
    for module in app.modules.iter().filter(|module| module.change == Change::Changed) {
        let Some(details) = comparison.details.get(&module.name) else { continue };
        let about = About::Module(&app.name, &module.name);
        let name = display(&module.name);

        let was = comparison.running_details.get(&module.name);
        if starts_children_inline(details) || was.is_some_and(starts_children_inline) {
            let message = format!(
                "{name} changed and hands children to Supervisor.start_link/2 itself, where no upgrade can compare them: \
                 move them to a module with `use Supervisor` to upgrade it hot"
            );
            verdict.restart("inline_children", message, about);
        }
        if was.is_some_and(|was| is_supervisor(was) != is_supervisor(details)) {
            let message = format!("{name} became a supervisor or ceased to be one");
            verdict.restart("supervisor_changed", message, about);
        }
    }
}

/// A module with the behaviour calls the same function to start itself.
fn starts_children_inline(details: &Details) -> bool {
    !is_supervisor(details)
        && details
            .imports
            .iter()
            .any(|(module, function, arity)| module == "Elixir.Supervisor" && function == "start_link" && *arity == 2)
}

/// A native library is loaded by its module; where the module stays as it is, nothing would load the new one.
fn judge_libraries(app: &AppPlan, request: &Request, target: &Target, verdict: &mut Verdict) {
    let Some(to) = target.app(&app.name) else { return };
    let Some(from) = request.running.apps.iter().find(|running| running.name == app.name) else { return };
    let dir = to.application.dir();

    for file in target.manifest.files.iter().filter(|file| file.path.is_in(&dir)) {
        let Some(name) = file.path.as_str().strip_prefix(&dir).and_then(|name| name.strip_prefix('/')) else {
            continue;
        };
        let running = from.dir.join(name);
        let is_library = running.extension().is_some_and(|extension| extension == "so" || extension == "dylib");
        if is_library && hash_file(&running).is_ok_and(|(_, digest)| digest != file.sha256) {
            let message = format!("{name} of {} changed, and native code cannot be replaced hot", app.name);
            verdict.restart("native_library", message, About::App(&app.name));
        }
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
        || app.modules.iter().any(|module| {
            let known = [comparison.details.get(&module.name), comparison.running_details.get(&module.name)];
            known.into_iter().flatten().any(is_process)
        })
}

fn versions(app: &AppPlan) -> String {
    match (&app.from_version, &app.to_version) {
        (Some(from), Some(to)) if from != to => format!("from {from} to {to}"),
        _ => "its code".into(),
    }
}
