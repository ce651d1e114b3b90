//! What cannot change in a running node, each on a release that is one change away from the running one.

#[path = "support/release.rs"]
mod release;
mod support;

use bloom_core::manifest::Kind;
use bloom_core::plan::{Decision, Plan, plan};
use release::{assembled, assert_hot, between, module, node, plan_between, to};

#[track_caller]
fn assert_restart(plan: &Plan, code: &str) {
    assert_eq!(plan.decision, Decision::Restart, "{:?}", plan.reasons);
    assert_eq!(plan.reasons.iter().map(|reason| reason.code).collect::<Vec<_>>(), [code]);
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
    assert_restart(&between("garden", vec![native(1)], vec![module("nif", 2)]), "native_code");
    assert_restart(&between("garden", vec![module("nif", 1)], vec![native(2)]), "native_code");
    assert_hot(&between("garden", vec![], vec![native(1)]));
}

#[test]
fn a_changed_library_behind_unchanged_modules_needs_a_restart() {
    let with = |version: &'static str, app_version: &str, libraries: &[(&'static str, &'static str)]| {
        let mut release = assembled(version);
        release.app("seeds").version = app_version.into();
        release.app("seeds").libraries = libraries.to_vec();
        release
    };
    let running = with("1.0.0", "1.0.0", &[("priv/lib/nif.so", "one"), ("priv/a.txt", "one")]);
    let plan_to = |libraries: &[_]| plan_between(&running, &with("1.1.0", "1.1.0", libraries));

    assert_restart(&plan_to(&[("priv/lib/nif.so", "two"), ("priv/a.txt", "one")]), "native_library");
    assert_hot(&plan_to(&[("priv/lib/nif.so", "one"), ("priv/a.txt", "two")]));
    assert_hot(&plan_to(&[("priv/lib/nif.so", "one"), ("priv/lib/other.so", "two")]));
    assert_hot(&plan_to(&[]));
}

#[test]
fn a_module_that_changes_while_it_moves_to_a_new_application_is_judged_too() {
    let native = |code| module("nif", code).calls("erlang", "load_nif", 2);
    let running = assembled("1.0.0").change("garden", "1.0.0", vec![native(1)]);
    let mut target = assembled("1.1.0").change("garden", "1.1.0", vec![]);
    let shed = release::App { name: "shed", modules: vec![native(2)], ..target.app("garden").clone() };
    target.apps.push(shed);
    assert_restart(&plan_between(&running, &target), "native_code");
}

#[test]
fn a_pure_dependency_is_hot_one_with_processes_needs_a_restart() {
    assert_hot(&between("seeds", vec![module("pure", 1)], vec![module("pure", 2)]));

    for behaviour in ["gen_server", "Elixir.GenServer", "gen_statem", "Elixir.Supervisor", "supervisor", "gen_event"] {
        let server = |code| module("server", code).behaviour(behaviour);
        assert_restart(&between("seeds", vec![server(1)], vec![server(2)]), "dependency_with_processes");
    }

    let special = |code| module("special", code).exports("system_code_change", 4);
    assert_restart(&between("seeds", vec![special(1)], vec![special(2)]), "dependency_with_processes");
    let own_kind = |code| module("conn", code).behaviour("connection").exports("code_change", 3);
    assert_restart(&between("seeds", vec![own_kind(1)], vec![own_kind(2)]), "dependency_with_processes");
    let gone = vec![module("pure", 1), module("server", 1).behaviour("gen_server")];
    assert_restart(&between("seeds", gone, vec![module("pure", 2)]), "dependency_with_processes");

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
        (r#"{"1.1.0",[{<<"1|1.0.0">>,[]}],[{<<"1|1.0.0">>,[]}]}."#, false),
        (r#"{"1.1.0",[{<<"1.0.0|1">>,[]}],[{<<"1.0.0|1">>,[]}]}."#, true),
        (r#"{"1.1.0",[{<<"(">>,[]}],[{<<"(">>,[]}]}."#, false),
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
    let moved = vec![module("application", 2), module("sup", 1).behaviour("Elixir.Supervisor")];
    assert_restart(&between("garden", vec![inline(1)], moved), "inline_children");
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
