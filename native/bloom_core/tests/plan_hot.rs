//! What a plan says of changes that are made while the node runs.

#[path = "support/release.rs"]
mod release;
mod support;

use bloom_core::plan::{Appup, Change, Load, plan};
use release::{app, assembled, assert_hot, between, module, module_of, node, plan_between, to};

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
fn who_names_a_struct_depends_on_it_and_who_names_a_process_does_not() {
    let modules = |code| {
        vec![
            module("Elixir.Beds", code).names("Elixir.Bed").names("Elixir.Gardener").names("true"),
            module("Elixir.Bed", code).exports("__struct__", 0),
            module("Elixir.Gardener", code).behaviour("Elixir.GenServer"),
        ]
    };
    let plan = between("garden", modules(1), modules(2));
    assert_eq!(module_of(&plan, "garden", "Elixir.Beds").depends_on, ["Elixir.Bed"]);
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
