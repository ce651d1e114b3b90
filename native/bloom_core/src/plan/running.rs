//! The code that runs: what is loaded, and the files of what is not loaded yet.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::facts::Facts;
use super::files::{beams, read_facts, read_md5, read_term};
use super::release::callback;
use super::{AppPlan, Change, LoadedApp, Request};
use crate::beam::ModuleMd5;
use crate::error::Result;

/// The code that runs: digests from the VM, files for what is not loaded.
pub(super) struct RunningCode<'a> {
    pub(super) apps: HashMap<&'a str, &'a LoadedApp>,
    /// The file of each module, by name.
    files: HashMap<String, PathBuf>,
    /// Which modules an application has.
    pub(super) modules: HashMap<String, BTreeSet<String>>,
    /// The callback modules of the applications.
    pub(super) callbacks: HashMap<String, Option<String>>,
    /// The files of the consolidated protocols.
    pub(super) consolidated: HashMap<String, PathBuf>,
    loaded: &'a HashMap<String, ModuleMd5>,
}

impl<'a> RunningCode<'a> {
    pub(super) fn read(request: &'a Request) -> Result<Self> {
        let mut code = Self {
            apps: HashMap::new(),
            files: HashMap::new(),
            modules: HashMap::new(),
            callbacks: HashMap::new(),
            consolidated: HashMap::new(),
            loaded: &request.loaded,
        };
        for app in &request.running.apps {
            let ebin = app.dir.join("ebin");
            let found = beams(&ebin)?;
            code.modules.insert(app.name.clone(), found.iter().map(|(name, _)| name.clone()).collect());
            code.files.extend(found);
            code.callbacks.insert(app.name.clone(), running_callback(&ebin, &app.name)?);
            code.apps.insert(&app.name, app);
        }
        if let Some(dir) = &request.running.consolidated {
            code.consolidated = beams(dir)?.into_iter().collect();
        }
        Ok(code)
    }

    /// What runs, or would be loaded, under a module's name.
    pub(super) fn md5(&self, module: &str) -> Result<Option<ModuleMd5>> {
        if let Some(md5) = self.loaded.get(module) {
            return Ok(Some(*md5));
        }
        let file = self.consolidated.get(module).or_else(|| self.files.get(module));
        file.map(|path| read_md5(path)).transpose()
    }

    /// What is known of the running files of the modules that change or go.
    pub(super) fn facts(&self, applications: &[AppPlan]) -> Result<HashMap<String, (ModuleMd5, Facts)>> {
        let staying = applications.iter().filter(|app| app.change != Change::Removed);
        staying
            .flat_map(|app| &app.modules)
            .filter_map(|module| Some((module.name.clone(), self.files.get(&module.name)?)))
            .map(|(name, path)| Ok((name, read_facts(path, |_| false)?)))
            .collect()
    }

    /// Whether a module was changed in the VM: what is loaded is not what its file holds.
    pub(super) fn is_patched(&self, module: &str, file: ModuleMd5) -> bool {
        self.loaded.get(module).is_some_and(|loaded| *loaded != file)
    }
}

fn running_callback(ebin: &Path, name: &str) -> Result<Option<String>> {
    let path = ebin.join(format!("{name}.app"));
    let app = read_term(&path)?;
    Ok(app.as_tuple().and_then(|parts| callback(parts.get(2)?)))
}
