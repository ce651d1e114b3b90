//! Staged releases with synthetic modules, to plan upgrades between.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bloom_core::beam::{Beam, ModuleMd5};
use bloom_core::manifest::{self, Application, Header, Kind};
use bloom_core::names::{Name, Version};
use bloom_core::plan::{LoadedApp, Plan, Request, Running, plan};

/// A module as a beam: what a plan looks at, and a word of code that tells versions apart.
#[derive(Clone, Default)]
pub struct Module {
    pub name: String,
    pub code: u32,
    pub behaviours: Vec<&'static str>,
    pub exports: Vec<(&'static str, u32)>,
    pub imports: Vec<(&'static str, &'static str, u32)>,
    pub implements: Option<&'static str>,
}

pub fn module(name: &str, code: u32) -> Module {
    Module { name: name.into(), code, ..Module::default() }
}

impl Module {
    pub fn behaviour(mut self, behaviour: &'static str) -> Self {
        self.behaviours.push(behaviour);
        self
    }

    pub fn exports(mut self, name: &'static str, arity: u32) -> Self {
        self.exports.push((name, arity));
        self
    }

    pub fn calls(mut self, module: &'static str, function: &'static str, arity: u32) -> Self {
        self.imports.push((module, function, arity));
        self
    }

    pub fn implements(mut self, protocol: &'static str) -> Self {
        self.implements = Some(protocol);
        self
    }

    fn beam(&self) -> Vec<u8> {
        let mut atoms: Vec<&str> = vec![&self.name];
        let mut index = |atom: &'static str| -> u32 {
            let found = atoms.iter().position(|known| *known == atom);
            let at = found.unwrap_or_else(|| {
                atoms.push(atom);
                atoms.len() - 1
            });
            u32::try_from(at + 1).unwrap()
        };
        let imports: Vec<[u32; 3]> = self.imports.iter().map(|(m, f, a)| [index(m), index(f), *a]).collect();
        let exports: Vec<[u32; 3]> = self.exports.iter().map(|(f, a)| [index(f), *a, 0]).collect();

        let mut table = u32::try_from(atoms.len()).unwrap().to_be_bytes().to_vec();
        for atom in atoms {
            table.push(u8::try_from(atom.len()).unwrap());
            table.extend_from_slice(atom.as_bytes());
        }
        let body = [
            chunk(*b"AtU8", &table),
            chunk(*b"Code", &words(&[16, 0, 0, 1, 1, self.code])),
            chunk(*b"ImpT", &triples(&imports)),
            chunk(*b"ExpT", &triples(&exports)),
            chunk(*b"Attr", &self.attributes()),
        ]
        .concat();
        [b"FOR1", &words(&[u32::try_from(body.len() + 4).unwrap()])[..], b"BEAM", &body].concat()
    }

    /// `[{behaviour,[…]}, …, {'__impl__',[{protocol,…}]}]` in the external term format.
    fn attributes(&self) -> Vec<u8> {
        let atom = |name: &str| [&[119, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
        let list = |items: &[Vec<u8>]| {
            let count = words(&[u32::try_from(items.len()).unwrap()]);
            [&[108], &count[..], &items.concat(), &[106]].concat()
        };
        let pair = |key: Vec<u8>, value: Vec<u8>| [&[104, 2][..], &key, &value].concat();
        let mut properties: Vec<_> =
            self.behaviours.iter().map(|behaviour| pair(atom("behaviour"), list(&[atom(behaviour)]))).collect();
        properties.extend(
            self.implements.map(|protocol| pair(atom("__impl__"), list(&[pair(atom("protocol"), atom(protocol))]))),
        );
        [&[131][..], &list(&properties)].concat()
    }
}

fn chunk(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = [&name[..], &words(&[u32::try_from(data.len()).unwrap()]), data].concat();
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    chunk
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn triples(rows: &[[u32; 3]]) -> Vec<u8> {
    let count = u32::try_from(rows.len()).unwrap();
    [words(&[count]), rows.iter().flat_map(|row| words(row)).collect()].concat()
}

/// An application of a release.
#[derive(Clone)]
pub struct App {
    pub name: &'static str,
    pub version: String,
    pub kind: Kind,
    pub callback: Option<&'static str>,
    pub modules: Vec<Module>,
    pub appup: Option<&'static str>,
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
        self.write_manifest(root, &[]);
    }

    /// The manifest, covering these files or directories.
    pub fn write_manifest(&self, root: &Path, entries: &[String]) {
        manifest::write(root, self.header(), entries).unwrap();
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
