//! How a running release becomes another one: hot, with a restart of the VM, or not at all.
//!
//! What is *loaded* in the VM is compared with the target's files; version strings are never believed. A
//! consolidated protocol in `releases/VSN/consolidated` stands for the module of the same name in an application.
//!
//! # Rules
//!
//! **Refuse** what cannot be whole: an application without directory or `.app`, an `.app` or `.rel` that says another
//! version than the manifest, an `.app`, `.rel` or `.appup` that cannot be read, a module in two applications, another
//! release's name, no kernel, stdlib, sasl or bloom.
//!
//! **Restart** where OTP cannot change code under a running node, or nobody can say that it may. What a module is, it
//! is by either side of the change, as what comes must go again on the way back:
//!
//! 1. another version of ERTS;
//! 2. changed code of kernel, stdlib, sasl or elixir;
//! 3. a changed module that loads native code, or a changed native library whose module does not change: nothing would
//!    load it;
//! 4. changed code of an application that is not the project's own, keeps processes (it has a `mod`, or a module that
//!    changes, comes or goes declares a process behaviour, or exports `system_code_change`, or declares any behaviour and
//!    exports `code_change`) and has no usable appup. Pure code is loaded hot;
//! 5. changed code of bloom without a usable appup, as Bloom drives the switch;
//! 6. a changed module of the project's own that builds children inline with `Supervisor.start_link(children, opts)`:
//!    they hang on `Supervisor.Default`, whose child specs no upgrade can reach. Moving them out takes one restart;
//! 7. a supervisor that ceases to be one or becomes one; another callback module of an application;
//! 8. consolidation of protocols switched on or off; an appup that asks for a restart itself.
//!
//! **Hot** is everything else. An appup is usable when the newer side's `.appup` leads to the older version and back,
//! by full or by base version; a regular expression's first match must be the whole version, as systools has it. Modules
//! of applications without one are loaded like this: a supervisor is updated as a supervisor; a module with a behaviour
//! that exports `code_change` is updated with its processes suspended; any other is loaded.

mod appup;
mod compare;
mod facts;
mod files;
mod libraries;
mod order;
mod release;
mod rules;
mod running;

use std::collections::HashMap;
use std::path::PathBuf;

use crate::beam::ModuleMd5;
use crate::error::Result;
use crate::manifest::Kind;
use crate::names::Version;

pub use appup::Appup;
pub(crate) use files::read_term;

/// What the node runs and what it is to run.
#[derive(Debug, Clone)]
pub struct Request {
    /// The root of the release.
    pub root: PathBuf,
    /// What runs.
    pub running: Running,
    /// The version of the staged release to become.
    pub target: Version,
    /// Whether the target is the older side, so that appups are those of what runs.
    pub downgrade: bool,
    /// The modules loaded in the VM.
    pub loaded: HashMap<String, ModuleMd5>,
}

/// What the node runs.
#[derive(Debug, Clone)]
pub struct Running {
    /// The version of the release.
    pub version: Version,
    /// The version of ERTS.
    pub erts: String,
    /// Its applications as the VM knows them.
    pub apps: Vec<LoadedApp>,
    /// The directory of its consolidated protocols, where there is one.
    pub consolidated: Option<PathBuf>,
}

/// An application that is loaded in the VM.
#[derive(Debug, Clone)]
pub struct LoadedApp {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its directory, with `ebin` below it.
    pub dir: PathBuf,
}

/// How to get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// While the node runs.
    Hot,
    /// With a restart of the VM.
    Restart,
    /// Not at all.
    Refuse,
}

/// Why, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Stable, for programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// The application it is about.
    pub application: Option<String>,
    /// The module it is about.
    pub module: Option<String>,
}

/// What becomes of an application or a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It stays as it is.
    Unchanged,
    /// It is new.
    Added,
    /// It goes.
    Removed,
    /// It differs.
    Changed,
}

/// How a changed module gets into the VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// It is loaded.
    Load,
    /// Its processes are suspended and their state is changed.
    Update,
    /// As a supervisor.
    Supervisor,
}

/// A module that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModulePlan {
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub change: Change,
    /// How it is loaded.
    pub load: Load,
    /// The changing modules that it calls.
    pub depends_on: Vec<String>,
}

/// An application of either side.
#[derive(Debug, Clone)]
pub struct AppPlan {
    /// Its name.
    pub name: String,
    /// Whose code it is.
    pub kind: Kind,
    /// What becomes of it.
    pub change: Change,
    /// The version that runs.
    pub from_version: Option<String>,
    /// The version of the target.
    pub to_version: Option<String>,
    /// Where the instructions come from.
    pub appup: Appup,
    /// Its modules that change, protocols apart.
    pub modules: Vec<ModulePlan>,
}

/// How a running release becomes another one.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How to get there.
    pub decision: Decision,
    /// Why not hot; empty where it is.
    pub reasons: Vec<Reason>,
    /// What a user should know all the same.
    pub warnings: Vec<Reason>,
    /// The target's applications, dependencies first, then those that go.
    pub applications: Vec<AppPlan>,
    /// Consolidated protocols that differ, are new, or go.
    pub protocols: Vec<String>,
    /// The digest of every module of the target.
    pub target_modules: HashMap<String, ModuleMd5>,
}

/// Plans the way from what runs to the target.
///
/// # Errors
/// [`crate::Error::Io`] or [`crate::Error::BadManifest`] where the target is not staged as it should be. What is
/// wrong with a release itself is a plan that refuses.
pub fn plan(request: &Request) -> Result<Plan> {
    let mut verdict = Verdict::default();
    let target = release::Target::read(request, &mut verdict)?;
    if verdict.refuses() {
        return Ok(verdict.into_plan(Vec::new(), Vec::new(), HashMap::new()));
    }

    let comparison = compare::compare(request, &target, &mut verdict)?;
    rules::judge(request, &target, &comparison, &mut verdict);
    Ok(verdict.into_plan(comparison.applications, comparison.protocols, target.effective))
}

/// The reasons as they are found.
#[derive(Debug, Default)]
struct Verdict {
    found: Vec<(Decision, Reason)>,
    warnings: Vec<Reason>,
}

impl Verdict {
    fn refuse(&mut self, code: &'static str, message: String, about: About<'_>) {
        self.found.push((Decision::Refuse, about.reason(code, message)));
    }

    fn restart(&mut self, code: &'static str, message: String, about: About<'_>) {
        self.found.push((Decision::Restart, about.reason(code, message)));
    }

    fn warn(&mut self, code: &'static str, message: String, about: About<'_>) {
        self.warnings.push(about.reason(code, message));
    }

    /// What cannot be read is no release to become.
    fn readable<T>(&mut self, read: Result<T>, about: About<'_>) -> Option<T> {
        read.map_err(|error| self.refuse("unreadable_file", error.to_string(), about)).ok()
    }

    fn refuses(&self) -> bool {
        self.found.iter().any(|(decision, _)| *decision == Decision::Refuse)
    }

    /// The gravest decision counts, with its reasons.
    fn into_plan(
        self,
        applications: Vec<AppPlan>,
        protocols: Vec<String>,
        target_modules: HashMap<String, ModuleMd5>,
    ) -> Plan {
        let decision = self.found.iter().map(|(decision, _)| *decision).max().unwrap_or(Decision::Hot);
        let gravest = self.found.into_iter().filter(|(found, _)| *found == decision);
        let reasons = gravest.map(|(_, reason)| reason).collect();
        Plan { decision, reasons, warnings: self.warnings, applications, protocols, target_modules }
    }
}

/// What a reason is about.
#[derive(Debug, Clone, Copy)]
enum About<'a> {
    Release,
    App(&'a str),
    Module(&'a str, &'a str),
}

impl About<'_> {
    fn reason(self, code: &'static str, message: String) -> Reason {
        let (application, module) = match self {
            Self::Release => (None, None),
            Self::App(app) => (Some(app.to_owned()), None),
            Self::Module(app, module) => (Some(app.to_owned()), Some(module.to_owned())),
        };
        Reason { code, message, application, module }
    }
}

/// A module's name as Elixir writes it.
fn display(module: &str) -> &str {
    module.strip_prefix("Elixir.").unwrap_or(module)
}
