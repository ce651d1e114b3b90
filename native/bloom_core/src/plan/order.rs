//! The order of applications: what is needed stands before what needs it.

use std::collections::HashMap;

use super::release::TargetApp;

/// Dependencies before those that need them, otherwise as they came. A circle is cut where it was entered.
pub(super) fn in_dependency_order(apps: &[TargetApp]) -> Vec<&TargetApp> {
    let by_name: HashMap<_, _> =
        apps.iter().enumerate().map(|(index, app)| (app.application.name.as_str(), index)).collect();
    let mut seen = vec![false; apps.len()];
    let mut order = Vec::with_capacity(apps.len());

    for start in 0..apps.len() {
        // A list instead of recursion, as nobody bounds how long a chain of needs may be.
        let mut path = Vec::new();
        let mut enter = Some(start);
        loop {
            if let Some(app) = enter.filter(|app| !std::mem::replace(&mut seen[*app], true)) {
                path.push((app, apps[app].needs.iter()));
            }
            let Some((app, needs)) = path.last_mut() else { break };
            let need = needs.next();
            enter = need.and_then(|need| by_name.get(need.as_str()).copied());
            if need.is_none() {
                order.push(&apps[*app]);
                path.pop();
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Application, Kind};
    use crate::names::{Name, Version};

    fn app(name: &str, needs: &[String]) -> TargetApp {
        let version = Version::parse("1.0.0").unwrap();
        let application = Application {
            name: Name::parse(name).unwrap(),
            base_version: version.clone(),
            version,
            kind: Kind::Dependency,
        };
        TargetApp { application, dir: "lib".into(), callback: None, needs: needs.to_vec(), modules: HashMap::default() }
    }

    fn names(apps: &[TargetApp]) -> Vec<&str> {
        in_dependency_order(apps).into_iter().map(|app| app.application.name.as_str()).collect()
    }

    #[test]
    fn what_is_needed_stands_before_what_needs_it() {
        let apps = [app("a", &["c".into(), "b".into(), "gone".into()]), app("b", &["c".into()]), app("c", &[])];
        assert_eq!(names(&apps), ["c", "b", "a"]);
    }

    #[test]
    fn a_circle_ends() {
        let apps = [app("a", &["b".into()]), app("b", &["a".into()]), app("c", &["c".into()])];
        assert_eq!(names(&apps), ["b", "a", "c"]);
    }

    #[test]
    fn a_chain_of_any_length_takes_no_stack() {
        let apps: Vec<_> = (0..100_000).map(|index| app(&format!("a{index}"), &[format!("a{}", index + 1)])).collect();
        assert_eq!(names(&apps)[0], "a99999");
    }
}
