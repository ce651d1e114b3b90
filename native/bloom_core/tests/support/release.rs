//! Staged releases with synthetic modules, to plan upgrades between.
#![allow(dead_code, reason = "each test binary uses its part")]

#[path = "beams.rs"]
mod beams;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

pub use beams::{Module, module};
use bloom_core::beam::{Beam, ModuleMd5};
use bloom_core::manifest::{self, Application, Header, Kind};
use bloom_core::names::{Name, Version};
use bloom_core::plan::{AppPlan, Decision, LoadedApp, ModulePlan, Plan, Request, Running, plan};

/// An application of a release.
#[derive(Clone)]
pub struct App {
    pub name: &'static str,
    pub version: String,
    pub kind: Kind,
    pub callback: Option<&'static str>,
    pub modules: Vec<Module>,
    pub appup: Option<&'static str>,
    /// Native libraries, by their path in the application.
    pub libraries: Vec<(&'static str, &'static str)>,
    pub needs: Vec<&'static str>,
}

/// Version 1 of what every release has, and an own application and a dependency to change.
#[derive(Clone)]
pub struct Assembled {
    pub version: &'static str,
    pub erts: &'static str,
    pub apps: Vec<App>,
    pub consolidated: Option<Vec<Module>>,
}

pub fn assembled(version: &'static str) -> Assembled {
    let app = |name, kind, needs: &[&'static str]| App {
        name,
        version: "1.0.0".into(),
        kind,
        callback: None,
        modules: vec![module(&format!("{name}_module"), 1)],
        appup: None,
        libraries: Vec::new(),
        needs: needs.to_vec(),
    };
    Assembled {
        version,
        erts: "13.1.5",
        apps: vec![
            app("bloom", Kind::Dependency, &["sasl"]),
            app("garden", Kind::Own, &["seeds", "bloom"]),
            app("kernel", Kind::Otp, &[]),
            app("sasl", Kind::Otp, &["stdlib"]),
            app("seeds", Kind::Dependency, &["kernel"]),
            app("stdlib", Kind::Otp, &["kernel"]),
        ],
        consolidated: Some(vec![module("Elixir.Describe", 1)]),
    }
}

impl Assembled {
    pub fn app(&mut self, name: &str) -> &mut App {
        self.apps.iter_mut().find(|app| app.name == name).unwrap()
    }

    /// Changes an application: another version and these modules.
    pub fn change(mut self, name: &str, version: &str, modules: Vec<Module>) -> Self {
        let app = self.app(name);
        app.version = version.into();
        app.modules = modules;
        self
    }

    fn write(&self, root: &Path) {
        let mut rel = format!("{{release,{{\"garden\",\"{}\"}},{{erts,\"{}\"}},[", self.version, self.erts);
        for (index, app) in self.apps.iter().enumerate() {
            let separator = if index > 0 { "," } else { "" };
            write!(rel, "{separator}{{{},\"{}\",permanent}}", app.name, app.version).unwrap();
            app.write(root);
        }
        let release = root.join("releases").join(self.version);
        super::support::write(&release.join("garden.rel"), format!("{rel}]}}.").as_bytes());
        for module in self.consolidated.iter().flatten() {
            super::support::write(&release.join(format!("consolidated/{}.beam", module.name)), &module.beam());
        }
        let libraries: Vec<_> = self.apps.iter().flat_map(App::library_paths).collect();
        manifest::write(root, self.header(), &libraries).unwrap();
    }

    fn header(&self) -> Header {
        Header {
            name: Name::parse("garden").unwrap(),
            version: Version::parse(self.version).unwrap(),
            erts_version: Version::parse(self.erts).unwrap(),
            otp_release: "25".into(),
            elixir_version: "1.14.0".into(),
            applications: self
                .apps
                .iter()
                .map(|app| Application {
                    name: Name::parse(app.name).unwrap(),
                    version: Version::parse(&app.version).unwrap(),
                    base_version: Version::parse(app.version.split("+d.").next().unwrap()).unwrap(),
                    kind: app.kind,
                })
                .collect(),
        }
    }
}

impl App {
    fn library_paths(&self) -> impl Iterator<Item = String> {
        self.libraries.iter().map(|(path, _)| format!("lib/{}-{}/{path}", self.name, self.version))
    }

    fn dir(&self, root: &Path) -> PathBuf {
        root.join(format!("lib/{}-{}", self.name, self.version))
    }

    fn write(&self, root: &Path) {
        let ebin = self.dir(root).join("ebin");
        let callback = self.callback.map(|module| format!(",{{mod,{{'{module}',[]}}}}")).unwrap_or_default();
        let needs = self.needs.join(",");
        let app = format!(
            "{{application,{},[{{vsn,\"{}\"}},{{modules,[]}},{{applications,[{needs}]}}{callback}]}}.",
            self.name, self.version
        );
        super::support::write(&ebin.join(format!("{}.app", self.name)), app.as_bytes());
        for module in &self.modules {
            fs::write(ebin.join(format!("{}.beam", module.name)), module.beam()).unwrap();
        }
        for (path, content) in &self.libraries {
            super::support::write(&self.dir(root).join(path), content.as_bytes());
        }
        if let Some(appup) = self.appup {
            fs::write(ebin.join(format!("{}.appup", self.name)), appup).unwrap();
        }
    }
}

/// A node that runs one release, with another one staged.
pub struct Node {
    pub root: tempfile::TempDir,
    pub request: Request,
}

pub fn node(running: &Assembled, target: &Assembled) -> Node {
    let root = tempfile::tempdir().unwrap();
    running.write(root.path());
    target.write(root.path());

    let mut loaded: HashMap<String, ModuleMd5> = HashMap::new();
    for module in running.apps.iter().flat_map(|app| &app.modules).chain(running.consolidated.iter().flatten()) {
        loaded.insert(module.name.clone(), Beam::parse(&module.beam()).unwrap().md5());
    }
    let consolidated = root.path().join("releases").join(running.version).join("consolidated");
    let request = Request {
        root: root.path().into(),
        running: Running {
            version: Version::parse(running.version).unwrap(),
            erts: running.erts.into(),
            apps: running
                .apps
                .iter()
                .map(|app| LoadedApp { name: app.name.into(), version: app.version.clone(), dir: app.dir(root.path()) })
                .collect(),
            consolidated: running.consolidated.is_some().then_some(consolidated),
        },
        target: Version::parse(target.version).unwrap(),
        downgrade: false,
        loaded,
    };
    Node { root, request }
}

pub fn plan_between(running: &Assembled, target: &Assembled) -> Plan {
    plan(&node(running, target).request).unwrap()
}

/// The plan from the plain release to a changed one.
pub fn to(change: impl FnOnce(&mut Assembled)) -> Plan {
    let mut target = assembled("1.1.0");
    change(&mut target);
    plan_between(&assembled("1.0.0"), &target)
}

/// The plan where one application has these modules before and after.
pub fn between(app: &str, before: Vec<Module>, after: Vec<Module>) -> Plan {
    let running = assembled("1.0.0").change(app, "1.0.0", before);
    plan_between(&running, &assembled("1.1.0").change(app, "1.1.0", after))
}

pub fn app<'a>(plan: &'a Plan, name: &str) -> &'a AppPlan {
    plan.applications.iter().find(|app| app.name == name).unwrap()
}

pub fn module_of<'a>(plan: &'a Plan, app_name: &str, name: &str) -> &'a ModulePlan {
    app(plan, app_name).modules.iter().find(|module| module.name == name).unwrap()
}

#[track_caller]
pub fn assert_hot(plan: &Plan) {
    assert_eq!(plan.decision, Decision::Hot, "{:?}", plan.reasons);
}
