//! What is read here and what OTP reads must be the same. Passes without a word where there is no Erlang.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use bloom_core::beam::Beam;
use bloom_core::term::{Term, external, text};

/// Where the modules of the machine's Elixir are, or nothing.
fn elixir() -> String {
    let output = Command::new("elixir").args(["-e", "IO.write(:code.lib_dir(:elixir))"]).output();
    output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default()
}

/// What a script of Erlang prints, with `Elixir` bound to its directory and `Scratch` to one to write to.
fn erl(scratch: &Path, script: &str) -> Option<String> {
    let bound = format!(
        "Elixir = {:?}, Scratch = {:?}, Apps = [kernel, stdlib, compiler, crypto, sasl],\n\
         Dirs = [code:lib_dir(App) || App <- Apps, is_list(code:lib_dir(App))] ++ [Elixir || Elixir =/= []],\n\
         {script}, halt().",
        elixir(),
        scratch.to_str().unwrap()
    );
    let Ok(output) = Command::new("erl").args(["-noshell", "+pc", "unicode", "-eval", &bound]).output() else {
        eprintln!("no erl on this machine: not compared with OTP");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Plain, stripped as `mix release` does it, and stripped and compressed: one digest, which is that of the VM.
#[test]
fn the_digest_of_every_module_is_that_of_the_vm_however_it_is_packed() {
    const SCRIPT: &str = r#"
        Elixir =/= [] andalso code:add_pathz(Elixir ++ "/ebin"),
        [begin
            {ok, Plain} = file:read_file(File),
            {ok, {Module, Md5}} = beam_lib:md5(Plain),
            {module, Module} = code:ensure_loaded(Module),
            Md5 = Module:module_info(md5),
            {ok, {_, All}} = beam_lib:chunks(Plain, ["Attr" | beam_lib:significant_chunks()], [allow_missing_chunks]),
            {ok, Stripped} = beam_lib:build_module([Chunk || {_, Data} = Chunk <- All, is_binary(Data)]),
            {ok, {_, Md5}} = beam_lib:md5(Stripped),
            Base = filename:join(Scratch, filename:basename(File)),
            ok = file:write_file(Base ++ ".stripped", Stripped),
            ok = file:write_file(Base ++ ".gz", zlib:gzip(Stripped)),
            [io:format("~ts ~ts~n", [binary:encode_hex(Md5), Path]) || Path <- [File, Base ++ ".stripped", Base ++ ".gz"]]
        end || Dir <- Dirs, filename:basename(Dir) =/= "crypto", File <- filelib:wildcard(Dir ++ "/ebin/*.beam")]
    "#;
    let scratch = tempfile::tempdir().unwrap();
    let Some(text) = erl(scratch.path(), SCRIPT) else { return };
    let mut compared = 0;
    for line in text.lines() {
        let (md5, path) = line.split_once(' ').unwrap();
        let bytes = fs::read(path).unwrap();
        assert_eq!(format!("{:032X}", u128::from_be_bytes(Beam::parse(&bytes).unwrap().md5())), md5, "{path}");
        compared += 1;
    }
    assert!(compared > 600, "only {compared} files compared");
}

#[test]
fn names_calls_exports_behaviours_and_on_load_are_what_beam_lib_says() {
    const SCRIPT: &str = r#"
        [begin
            {ok, {Module, [{exports, E}, {imports, I}, {attributes, A}]}} = beam_lib:chunks(File, [exports, imports, attributes]),
            {beam_file, _, _, _, _, Code} = beam_disasm:file(File),
            OnLoad = lists:any(fun({function, _, _, _, Is}) -> lists:member(on_load, Is) end, Code),
            B = lists:append([L || {K, L} <- A, lists:member(K, [behaviour, behavior])]),
            Calls = lists:usort([M || {M, _, _} <- I]),
            io:format("~ts|~ts|~w|~w|~w|~ts|~ts~n", [File, Module, length(E), length(I), OnLoad,
                lists:join(" ", [atom_to_binary(M) || M <- lists:sort(B)]), lists:join(" ", [atom_to_binary(M) || M <- Calls])])
        end || Dir <- Dirs, File <- filelib:wildcard(Dir ++ "/ebin/*.beam")]
    "#;
    let scratch = tempfile::tempdir().unwrap();
    let Some(text) = erl(scratch.path(), SCRIPT) else { return };
    let mut with_on_load = 0;
    for line in text.lines() {
        let fields: Vec<_> = line.split('|').collect();
        let [file, name, exports, imports, on_load, behaviours, calls] = fields[..] else { panic!("{line}") };
        let bytes = fs::read(file).unwrap();
        let beam = Beam::parse(&bytes).unwrap();
        let details = beam.details().unwrap();
        assert_eq!(beam.name().unwrap(), name, "{file}");
        assert_eq!(
            (details.exports.len(), details.imports.len()),
            (exports.parse().unwrap(), imports.parse().unwrap())
        );
        assert_eq!(details.on_load.to_string(), on_load, "{file}");
        let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let found: BTreeSet<String> = details.behaviours.into_iter().collect();
        assert_eq!(found, words(behaviours), "{file}");
        let found: BTreeSet<String> = details.imported_modules.iter().map(ToString::to_string).collect();
        assert_eq!(found, words(calls), "{file}");
        with_on_load += u32::from(details.on_load);
    }
    assert!(with_on_load > 0, "none of them runs a function when it is loaded");
}

/// One term by two ways: the file read as text, and what OTP read of it in the external format.
#[test]
fn files_of_terms_are_what_consult_says() {
    const SCRIPT: &str = r#"
        Sample = filename:join(Scratch, "sample.app"),
        ok = file:write_file(Sample, <<"%% coding: latin-1\n{'\\x{e9} q', \xe9t\xe9, \"a\\\nb\\^a\\x41\\101\", [a|[b]], [a|b], {- 1, +2, -16#fF, 2#101},
            1.5e-3, $\\n, $\\x{263a}, $ , <<>>, <<\"ab\",255>>, #{k => [v, #{}]}, \"\", 123456789012345678901234567890}. % end">>),
        [begin
            {ok, [Term]} = file:consult(File),
            io:format("~ts ~ts~n", [binary:encode_hex(term_to_binary(Term)), File])
        end || File <- [Sample | filelib:wildcard(code:lib_dir() ++ "/*/ebin/*.{app,appup}") ++ filelib:wildcard(code:root_dir() ++ "/releases/*/*.rel")]]
    "#;
    let scratch = tempfile::tempdir().unwrap();
    let Some(text) = erl(scratch.path(), SCRIPT) else { return };
    assert!(text.lines().count() > 10, "{text}");
    for line in text.lines() {
        let (hex, path) = line.split_once(' ').unwrap();
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let as_text = text::parse(&fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(as_lists(as_text), as_lists(external::parse(&bytes).unwrap()), "{path}");
    }
}

/// To OTP a string is a list of characters.
fn as_lists(term: Term) -> Term {
    match term {
        Term::String(text) => Term::List(text.chars().map(|c| Term::Integer(i64::from(u32::from(c)))).collect()),
        Term::List(elements) => Term::List(elements.into_iter().map(as_lists).collect()),
        Term::Tuple(elements) => Term::Tuple(elements.into_iter().map(as_lists).collect()),
        Term::Map(pairs) => Term::Map(pairs.into_iter().map(|(key, value)| (as_lists(key), as_lists(value))).collect()),
        other => other,
    }
}
