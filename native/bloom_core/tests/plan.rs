//! The rules of plans, each on a release that is one change away from the running one.

#[path = "support/release.rs"]
mod release;
mod support;

use bloom_core::manifest::Kind;
use bloom_core::plan::{AppPlan, Appup, Change, Decision, Load, ModulePlan, Plan, plan};
use release::{Assembled, Module, assembled, module, node, plan_between};

/// The plan from the plain release to a changed one.
fn to(change: impl FnOnce(&mut Assembled)) -> Plan {
    let mut target = assembled("1.1.0");
    change(&mut target);
    plan_between(&assembled("1.0.0"), &target)
}

/// The plan where one application has these modules before and after.
fn between(app: &str, before: Vec<Module>, after: Vec<Module>) -> Plan {
    let running = assembled("1.0.0").change(app, "1.0.0", before);
    plan_between(&running, &assembled("1.1.0").change(app, "1.1.0", after))
}

fn app<'a>(plan: &'a Plan, name: &str) -> &'a AppPlan {
    plan.applications.iter().find(|app| app.name == name).unwrap()
}

fn module_of<'a>(plan: &'a Plan, app_name: &str, name: &str) -> &'a ModulePlan {
    app(plan, app_name).modules.iter().find(|module| module.name == name).unwrap()
}

#[track_caller]
fn assert_restart(plan: &Plan, code: &str) {
    assert_eq!(plan.decision, Decision::Restart, "{:?}", plan.reasons);
    assert_eq!(plan.reasons.iter().map(|reason| reason.code).collect::<Vec<_>>(), [code]);
}

#[track_caller]
fn assert_refused(plan: &Plan, code: &str) {
    assert_eq!(plan.decision, Decision::Refuse, "{:?}", plan.reasons);
    assert!(plan.reasons.iter().any(|reason| reason.code == code), "{:?}", plan.reasons);
}

#[track_caller]
fn assert_hot(plan: &Plan) {
    assert_eq!(plan.decision, Decision::Hot, "{:?}", plan.reasons);
}

#[test]
fn the_same_code_is_hot_with_a_warning() {
    let plan = to(|_| ());
    assert_hot(&plan);
    assert_eq!(plan.warnings[0].code, "identical");
    assert!(plan.applications.iter().all(|app| app.change == Change::Unchanged));
}

#[test]
fn own_modules_are_loaded_by_what_they_are() {
    let server = |code| module("server", code).behaviour("Elixir.GenServer").exports("code_change", 3);
    let statem = |code| module("statem", code).behaviour("gen_statem").exports("code_change", 4);
    let supervisor = |code| module("sup", code).behaviour("Elixir.Supervisor").exports("code_change", 3);
    let function = |code| module("plain", code).exports("code_change", 3);
    let erlang_server = |code| module("no_code_change", code).behaviour("gen_server");
    let all = |code| vec![server(code), statem(code), supervisor(code), function(code), erlang_server(code)];

    let plan = between("garden", all(1), all(2));
    assert_hot(&plan);
    assert_eq!(app(&plan, "garden").appup, Appup::Generated);
    for (name, load) in [
        ("server", Load::Update),
        ("statem", Load::Update),
        ("sup", Load::Supervisor),
        ("plain", Load::Load),
        ("no_code_change", Load::Load),
    ] {
        assert_eq!(module_of(&plan, "garden", name).load, load, "{name}");
    }
}

#[test]
fn modules_come_and_go() {
    let plan = between("garden", vec![module("a", 1), module("gone", 1)], vec![module("a", 1), module("new", 1)]);
    assert_hot(&plan);
    assert_eq!(module_of(&plan, "garden", "gone").change, Change::Removed);
    assert_eq!(module_of(&plan, "garden", "new").change, Change::Added);
    assert_eq!(app(&plan, "garden").modules.len(), 2);
}

#[test]
fn callers_depend_on_changed_callees_and_on_implementations_behind_protocols() {
    let modules = |code| {
        vec![
            module("caller", code).calls("callee", "f", 0).calls("still", "f", 0).calls(
                "Elixir.Describe",
                "describe",
                1,
            ),
            module("callee", code).calls("callee", "f", 0),
            module("still", 1),
            module("Elixir.Describe.Rose", code).implements("Elixir.Describe"),
        ]
    };
    let plan = between("garden", modules(1), modules(2));
    assert_eq!(module_of(&plan, "garden", "caller").depends_on, ["Elixir.Describe.Rose", "callee"]);
    assert!(module_of(&plan, "garden", "callee").depends_on.is_empty());
}

#[test]
fn applications_stand_after_what_they_need() {
    let names: Vec<_> = to(|_| ()).applications.into_iter().map(|app| app.name).collect();
    let at = |name: &str| names.iter().position(|found| found == name).unwrap();
    assert!(
        at("kernel") < at("stdlib")
            && at("stdlib") < at("sasl")
            && at("sasl") < at("bloom")
            && at("bloom") < at("garden")
    );
    assert!(at("seeds") < at("garden"));
}

#[test]
fn the_same_version_with_other_code_differs() {
    let running = assembled("1.0.0").change("garden", "1.0.0+d.000000000001", vec![module("m", 1)]);
    let target = assembled("1.1.0").change("garden", "1.0.0+d.000000000002", vec![module("m", 2)]);
    let plan = plan_between(&running, &target);
    assert_hot(&plan);
    assert_eq!(module_of(&plan, "garden", "m").change, Change::Changed);
}

#[test]
fn a_protocol_that_differs_is_swapped_and_no_module_of_its_application() {
    let running = assembled("1.0.0").change("garden", "1.0.0", vec![module("Elixir.Describe", 7)]);
    let mut target = assembled("1.1.0").change("garden", "1.1.0", vec![module("Elixir.Describe", 8)]);
    target.consolidated = Some(vec![module("Elixir.Describe", 2), module("Elixir.New", 1)]);
    let plan = plan_between(&running, &target);
    assert_hot(&plan);
    assert_eq!(plan.protocols, ["Elixir.Describe", "Elixir.New"]);
    assert!(app(&plan, "garden").modules.is_empty());
}

#[test]
fn consolidation_switched_off_needs_a_restart() {
    assert_restart(&to(|target| target.consolidated = None), "consolidation");
}

#[test]
fn another_runtime_needs_a_restart() {
    assert_restart(&to(|target| target.erts = "14.0"), "erts_changed");
}

#[test]
fn core_applications_need_a_restart() {
    for name in ["kernel", "stdlib", "sasl"] {
        let plan = between(name, vec![module("core", 1)], vec![module("core", 2)]);
        assert_restart(&plan, "core_application");
    }
    let mut running = assembled("1.0.0");
    running.apps.push(release::App { name: "elixir", kind: Kind::Elixir, ..running.apps[0].clone() });
    running.app("elixir").modules = vec![module("Elixir.Enum", 1)];
    let mut target = running.clone();
    target.version = "1.1.0";
    target.app("elixir").modules = vec![module("Elixir.Enum", 2)];
    target.app("elixir").version = "1.0.1".into();
    assert_restart(&plan_between(&running, &target), "core_application");
}

#[test]
fn a_changed_module_with_native_code_needs_a_restart_a_new_one_does_not() {
    let native = |code| module("nif", code).calls("erlang", "load_nif", 2);
    assert_restart(&between("garden", vec![native(1)], vec![native(2)]), "native_code");
    assert_hot(&between("garden", vec![], vec![native(1)]));
}

#[test]
fn a_changed_native_library_needs_a_restart_though_its_module_stays() {
    let with_library = |content: &[u8]| {
        let running = assembled("1.0.0");
        let target = assembled("1.1.0").change("seeds", "1.1.0", running.apps[4].modules.clone());
        let node = node(&running, &target);
        let root = node.root.path();
        support::write(&root.join("lib/seeds-1.0.0/priv/native/seeds.so"), b"old");
        support::write(&root.join("lib/seeds-1.1.0/priv/native/seeds.so"), content);
        target.write_manifest(root, &["lib/seeds-1.1.0".into()]);
        plan(&node.request).unwrap()
    };
    assert_hot(&with_library(b"old"));
    assert_restart(&with_library(b"new"), "native_library");
}

#[test]
fn a_pure_dependency_is_hot_one_with_processes_needs_a_restart() {
    assert_hot(&between("seeds", vec![module("pure", 1)], vec![module("pure", 2)]));

    for behaviour in ["gen_server", "Elixir.GenServer", "gen_statem", "Elixir.Supervisor", "supervisor", "gen_event"] {
        let server = |code| module("server", code).behaviour(behaviour);
        assert_restart(&between("seeds", vec![server(1)], vec![server(2)]), "dependency_with_processes");
    }

    let running = assembled("1.0.0");
    let mut with_tree = running.clone();
    with_tree.app("seeds").callback = Some("seeds_app");
    let mut target = with_tree.clone().change("seeds", "1.1.0", vec![module("seeds_module", 2)]);
    target.version = "1.1.0";
    assert_restart(&plan_between(&with_tree, &target), "dependency_with_processes");
}

#[test]
fn a_dependency_whose_version_alone_changed_is_hot() {
    let mut running = assembled("1.0.0");
    running.app("seeds").callback = Some("seeds_app");
    let mut target = running.clone();
    target.version = "1.1.0";
    target.app("seeds").version = "1.0.1".into();
    assert_hot(&plan_between(&running, &target));
}

#[test]
fn a_usable_appup_wins_in_either_direction() {
    let server = |code| module("server", code).behaviour("gen_server");
    let appups = [
        (r#"{"1.1.0",[{"1.0.0",[]}],[{"1.0.0",[]}]}."#, true),
        (r#"{"1.1.0",[{<<"1\\.0\\..*">>,[]}],[{<<"1\\..*">>,[]}]}."#, true),
        (r#"{"1.1.0",[{<<"1">>,[]}],[{<<"1">>,[]}]}."#, false),
        (r#"{"1.1.0",[{"1.0.0",[]}],[]}."#, false),
        (r#"{"9.9.9",[{"1.0.0",[]}],[{"1.0.0",[]}]}."#, false),
    ];
    for (appup, usable) in appups {
        let running = assembled("1.0.0").change("seeds", "1.0.0+d.0123456789ab", vec![server(1)]);
        let mut target = assembled("1.1.0").change("seeds", "1.1.0+d.0123456789ab", vec![server(2)]);
        target.app("seeds").appup = Some(appup);
        let found = plan_between(&running, &target);
        assert_eq!(found.decision == Decision::Hot, usable, "{appup}");

        let mut back = node(&target, &running);
        back.request.downgrade = true;
        assert_eq!(plan(&back.request).unwrap().decision == Decision::Hot, usable, "down: {appup}");
    }
}

#[test]
fn an_appup_that_restarts_needs_a_restart() {
    let mut target = assembled("1.1.0").change("seeds", "1.1.0", vec![module("seeds_module", 2)]);
    target.app("seeds").appup = Some(r#"{"1.1.0",[{"1.0.0",[restart_emulator]}],[{"1.0.0",[]}]}."#);
    assert_restart(&plan_between(&assembled("1.0.0"), &target), "appup_restarts");
}

#[test]
fn bloom_itself_needs_a_restart_without_an_appup() {
    assert_restart(&between("bloom", vec![module("b", 1)], vec![module("b", 2)]), "bloom_changed");
    let mut target = assembled("1.1.0").change("bloom", "1.1.0", vec![module("bloom_module", 2)]);
    target.app("bloom").appup = Some(r#"{"1.1.0",[{"1.0.0",[]}],[{"1.0.0",[]}]}."#);
    assert_hot(&plan_between(&assembled("1.0.0"), &target));
}

#[test]
fn children_built_inline_need_a_restart_a_supervisors_own_start_does_not() {
    let inline = |code| module("application", code).calls("Elixir.Supervisor", "start_link", 2);
    assert_restart(&between("garden", vec![inline(1)], vec![inline(2)]), "inline_children");
    assert_hot(&between("garden", vec![inline(1), module("m", 1)], vec![inline(1), module("m", 2)]));
    assert_restart(&between("garden", vec![inline(1)], vec![module("application", 2)]), "inline_children");
    let supervisor = |code| inline(code).behaviour("Elixir.Supervisor");
    assert_hot(&between("garden", vec![supervisor(1)], vec![supervisor(2)]));
}

#[test]
fn a_supervisor_that_ceases_to_be_one_needs_a_restart() {
    let plan = between("garden", vec![module("s", 1).behaviour("Elixir.Supervisor")], vec![module("s", 2)]);
    assert_restart(&plan, "supervisor_changed");
}

#[test]
fn another_application_callback_needs_a_restart() {
    let plan = to(|target| {
        target.app("garden").version = "1.1.0".into();
        target.app("garden").callback = Some("garden_app");
    });
    assert_restart(&plan, "callback_changed");
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
    let rel = "releases/1.1.0/garden.rel";
    assert_refused(&broken(rel, "{release,{\"orchard\",\"1.1.0\"},{erts,\"13.1.5\"},[]}."), "rel_mismatch");
    assert_refused(&broken(rel, "oops."), "rel_mismatch");

    let node = node(&assembled("1.0.0"), &assembled("1.1.0").change("garden", "1.1.0", vec![]));
    std::fs::remove_file(node.root.path().join(app)).unwrap();
    assert_refused(&plan(&node.request).unwrap(), "missing_app_file");
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
fn a_module_that_is_not_loaded_yet_is_compared_by_its_file() {
    let mut node =
        node(&assembled("1.0.0"), &assembled("1.1.0").change("seeds", "1.1.0", vec![module("seeds_module", 2)]));
    node.request.loaded.clear();
    let plan = plan(&node.request).unwrap();
    assert_hot(&plan);
    assert_eq!(module_of(&plan, "seeds", "seeds_module").change, Change::Changed);
    assert_eq!(app(&plan, "garden").change, Change::Unchanged);
}

#[test]
fn applications_come_and_go() {
    let mut target = assembled("1.1.0");
    target.apps.retain(|app| app.name != "seeds");
    target.app("garden").needs = vec!["bloom"];
    let plan = plan_between(&assembled("1.0.0"), &target);
    assert_hot(&plan);
    assert_eq!(app(&plan, "seeds").change, Change::Removed);
    let back = plan_between(&target, &assembled("1.0.0"));
    assert_eq!(app(&back, "seeds").change, Change::Added);
}
