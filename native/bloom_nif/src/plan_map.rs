//! A plan as a term.

use bloom_core::beam::ModuleMd5;
use bloom_core::plan::{AppPlan, Appup, Change, Decision, Load, ModulePlan, Plan, Reason};
use rustler::{Atom, Binary, Decoder, Encoder, Env, Error, NewBinary, NifMap, NifResult, Term};

use crate::tree::AppKind;

mod atoms {
    rustler::atoms! {
        hot, restart, refuse, unchanged, added, removed, changed, load, update, supervisor, none, generated, hand_written
    }
}

#[derive(NifMap)]
#[rustler(encode)]
pub struct PlanMap {
    decision: Atom,
    reasons: Vec<ReasonMap>,
    warnings: Vec<ReasonMap>,
    applications: Vec<AppPlanMap>,
    protocols: Vec<String>,
    target_modules: Vec<(String, Md5)>,
}

#[derive(NifMap)]
#[rustler(encode)]
struct ReasonMap {
    code: &'static str,
    message: String,
    application: Option<String>,
    module: Option<String>,
}

#[derive(NifMap)]
#[rustler(encode)]
struct AppPlanMap {
    name: String,
    kind: AppKind,
    change: Atom,
    from_version: Option<String>,
    to_version: Option<String>,
    appup: AppupTerm,
    modules: Vec<ModulePlanMap>,
}

#[derive(NifMap)]
#[rustler(encode)]
struct ModulePlanMap {
    name: String,
    change: Atom,
    load: Atom,
    depends_on: Vec<String>,
}

/// The digest of a module, a binary of 16 bytes.
pub struct Md5(pub ModuleMd5);

impl<'a> Decoder<'a> for Md5 {
    fn decode(term: Term<'a>) -> NifResult<Self> {
        let bytes = Binary::from_term(term)?;
        Ok(Self(bytes.as_slice().try_into().map_err(|_| Error::BadArg)?))
    }
}

impl Encoder for Md5 {
    fn encode<'a>(&self, env: Env<'a>) -> Term<'a> {
        NewBinary::from_slice(env, &self.0).into()
    }
}

struct AppupTerm(Appup);

impl Encoder for AppupTerm {
    fn encode<'a>(&self, env: Env<'a>) -> Term<'a> {
        match &self.0 {
            Appup::None => atoms::none().encode(env),
            Appup::Generated => atoms::generated().encode(env),
            Appup::HandWritten { path, .. } => (atoms::hand_written(), path).encode(env),
        }
    }
}

impl From<Plan> for PlanMap {
    fn from(plan: Plan) -> Self {
        Self {
            decision: match plan.decision {
                Decision::Hot => atoms::hot(),
                Decision::Restart => atoms::restart(),
                Decision::Refuse => atoms::refuse(),
            },
            reasons: plan.reasons.into_iter().map(ReasonMap::from).collect(),
            warnings: plan.warnings.into_iter().map(ReasonMap::from).collect(),
            applications: plan.applications.into_iter().map(AppPlanMap::from).collect(),
            protocols: plan.protocols,
            target_modules: plan.target_modules.into_iter().map(|(name, md5)| (name, Md5(md5))).collect(),
        }
    }
}

impl From<Reason> for ReasonMap {
    fn from(reason: Reason) -> Self {
        Self { code: reason.code, message: reason.message, application: reason.application, module: reason.module }
    }
}

impl From<AppPlan> for AppPlanMap {
    fn from(app: AppPlan) -> Self {
        Self {
            name: app.name,
            kind: app.kind.into(),
            change: change(app.change),
            from_version: app.from_version,
            to_version: app.to_version,
            appup: AppupTerm(app.appup),
            modules: app.modules.into_iter().map(ModulePlanMap::from).collect(),
        }
    }
}

impl From<ModulePlan> for ModulePlanMap {
    fn from(module: ModulePlan) -> Self {
        Self {
            name: module.name,
            change: change(module.change),
            load: match module.load {
                Load::Load => atoms::load(),
                Load::Update => atoms::update(),
                Load::Supervisor => atoms::supervisor(),
            },
            depends_on: module.depends_on,
        }
    }
}

fn change(change: Change) -> Atom {
    match change {
        Change::Unchanged => atoms::unchanged(),
        Change::Added => atoms::added(),
        Change::Removed => atoms::removed(),
        Change::Changed => atoms::changed(),
    }
}
