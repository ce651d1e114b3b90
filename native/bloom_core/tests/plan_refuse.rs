//! Releases that cannot be whole, and what a user should know all the same.

#[path = "support/release.rs"]
mod release;
mod support;

use bloom_core::plan::{Change, Decision, Plan, plan};
use release::{assembled, assert_hot, module, module_of, node, to};

#[track_caller]
fn assert_refused(plan: &Plan, code: &str) {
    assert_eq!(plan.decision, Decision::Refuse, "{:?}", plan.reasons);
    assert!(plan.reasons.iter().any(|reason| reason.code == code), "{:?}", plan.reasons);
}

#[test]
fn a_release_that_cannot_be_whole_is_refused() {
    assert_refused(&to(|target| target.apps.retain(|app| app.name != "bloom")), "missing_application");
    assert_refused(
        &to(|target| {
            let twice = module("twice", 1);
            target.app("garden").modules.push(twice.clone());
            target.app("seeds").version = "1.1.0".into();
            target.app("seeds").modules.push(twice);
            target.app("garden").version = "1.1.0".into();
        }),
        "duplicate_module",
    );

    let broken = |file: &str, content: &str| {
        let running = assembled("1.0.0");
        let node = node(&running, &assembled("1.1.0").change("garden", "1.1.0", vec![]));
        support::write(&node.root.path().join(file), content.as_bytes());
        plan(&node.request).unwrap()
    };
    let app = "lib/garden-1.1.0/ebin/garden.app";
    assert_refused(&broken(app, "{application,garden,[{vsn,\"1.0.0\"}]}."), "app_mismatch");
    assert_refused(&broken(app, "{application,other,[{vsn,\"1.1.0\"}]}."), "app_mismatch");
    assert_refused(&broken(app, "{application"), "unreadable_file");
    let rel = "releases/1.1.0/garden.rel";
    assert_refused(&broken(rel, "{release"), "unreadable_file");
    assert_refused(&broken("lib/garden-1.1.0/ebin/garden.appup", "{oops"), "unreadable_file");
    assert_refused(&broken(rel, "{release,{\"orchard\",\"1.1.0\"},{erts,\"13.1.5\"},[]}."), "rel_mismatch");
    assert_refused(&broken(rel, "oops."), "rel_mismatch");

    let node = node(&assembled("1.0.0"), &assembled("1.1.0").change("garden", "1.1.0", vec![]));
    std::fs::remove_file(node.root.path().join(app)).unwrap();
    assert_refused(&plan(&node.request).unwrap(), "missing_app_file");
}

#[test]
fn the_same_code_is_hot_with_a_warning() {
    let plan = to(|_| ());
    assert_hot(&plan);
    assert_eq!(plan.warnings[0].code, "identical");
    assert!(plan.applications.iter().all(|app| app.change == Change::Unchanged));
}

#[test]
fn code_patched_in_the_node_is_compared_and_named() {
    let mut node = node(&assembled("1.0.0"), &assembled("1.1.0"));
    node.request.loaded.insert("garden_module".into(), [7; 16]);
    let plan = plan(&node.request).unwrap();
    assert_eq!(module_of(&plan, "garden", "garden_module").change, Change::Changed);
    assert!(plan.warnings.iter().any(|warning| warning.code == "patched_module"));
}

#[test]
fn code_patched_in_an_application_that_changes_too_is_named() {
    let target = assembled("1.1.0").change("garden", "1.1.0", vec![module("garden_module", 2), module("new", 1)]);
    let mut node = node(&assembled("1.0.0"), &target);
    let named = |request: &_| {
        let warnings = plan(request).unwrap().warnings;
        warnings.into_iter().map(|warning| (warning.code, warning.module)).collect::<Vec<_>>()
    };
    assert_eq!(named(&node.request), []);
    node.request.loaded.insert("garden_module".into(), [7; 16]);
    assert_eq!(named(&node.request), [("patched_module", Some("garden_module".into()))]);
}

#[test]
fn a_patched_protocol_is_swapped_and_named() {
    let mut node = node(&assembled("1.0.0"), &assembled("1.1.0"));
    node.request.loaded.insert("Elixir.Describe".into(), [7; 16]);
    let plan = plan(&node.request).unwrap();
    assert_eq!(plan.protocols, ["Elixir.Describe"]);
    assert!(plan.warnings[0].code == "patched_module" && plan.warnings[0].message.starts_with("Describe "));
}
