//! What a plan remembers of a module: as little as decides, as there may be thousands.

use std::sync::Arc;

use crate::beam::Details;

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

/// What a module is to the processes that run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Code that others call.
    Plain,
    /// Processes whose state nobody changes.
    Process,
    /// Processes whose state its `code_change` changes.
    Update,
    /// A supervisor.
    Supervisor,
}

/// What is known of a module that changes.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) role: Role,
    pub(super) loads_nif: bool,
    /// Whether it hands children to `Supervisor.start_link/2` itself.
    pub(super) inline_children: bool,
    /// The protocol that it implements.
    pub(super) implements: Option<String>,
    /// Which of the known modules it calls.
    pub(super) calls: Vec<String>,
    /// Which of the known modules it names without a call, as it does with structs.
    pub(super) names: Vec<String>,
}

impl Facts {
    pub(super) fn of(details: &Details, known: impl Fn(&str) -> bool) -> Self {
        let role = role(details);
        let known_of = |names: &[Arc<str>]| names.iter().filter(|name| known(name)).map(ToString::to_string).collect();
        Self {
            role,
            loads_nif: details.loads_nif(),
            // A module with the behaviour calls the same function to start itself.
            inline_children: role != Role::Supervisor && details.calls("Elixir.Supervisor", "start_link", 2),
            implements: details.implements.clone(),
            calls: known_of(&details.imported_modules),
            names: known_of(&details.atoms),
        }
    }

    pub(super) fn is_supervisor(&self) -> bool {
        self.role == Role::Supervisor
    }
}

fn role(details: &Details) -> Role {
    let declares = |behaviours: &[&str]| details.behaviours.iter().any(|name| behaviours.contains(&name.as_str()));
    let changes_code = details.exports("code_change", 3) || details.exports("code_change", 4);

    if declares(&SUPERVISORS) {
        Role::Supervisor
    } else if changes_code && !details.behaviours.is_empty() {
        Role::Update
    } else if declares(&PROCESSES) || details.exports("system_code_change", 4) {
        Role::Process
    } else {
        Role::Plain
    }
}
