//! Native libraries of applications, which stay loaded when only they change and no module does.

use super::LoadedApp;
use super::release::TargetApp;
use crate::error::Result;
use crate::manifest::Manifest;
use crate::tree;

const EXTENSIONS: [&str; 3] = ["so", "dylib", "dll"];

/// The first library of an application that runs and differs in the target, relative to the application.
pub(super) fn changed(app: &TargetApp, from: &LoadedApp, manifest: &Manifest) -> Result<Option<String>> {
    let dir = format!("{}/", app.application.dir());
    // The manifest is sorted by path, and all of it for each application would be a long time for a large one.
    let first = manifest.files.partition_point(|file| file.path.as_str() < dir.as_str());
    for file in &manifest.files[first..] {
        let Some(path) = file.path.as_str().strip_prefix(&dir) else { break };
        let running = from.dir.join(path);
        let is_library = path.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension));
        if is_library && running.is_file() && tree::hash_file(&running)?.1 != file.sha256 {
            return Ok(Some(path.to_owned()));
        }
    }
    Ok(None)
}
