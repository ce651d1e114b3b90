use super::*;

fn read(text: &str) -> Term {
    parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn reads_what_release_files_are_made_of() {
    let atom = |name: &str| Term::Atom(name.into());
    assert_eq!(read("abc@1_X."), atom("abc@1_X"));
    assert_eq!(read("'Elixir.My \\'App'."), atom("Elixir.My 'App"));
    assert_eq!(read("\"a\\n\\x{e9}\\101\" \"b\"."), Term::String("a\né\u{41}b".into()));
    assert_eq!(read("[]."), Term::List(vec![]));
    assert_eq!(read("{a,[1,-2,16#ff,1.5e3,$x,$\\n]}.").as_tuple().unwrap()[1].as_list().unwrap().len(), 6);
    assert_eq!(read("<<\"ab\",255>>."), Term::Binary(vec![97, 98, 255]));
    assert_eq!(read("<<\"é\"/utf8>>."), Term::Binary("é".as_bytes().to_vec()));
    assert_eq!(read("#{a => 1}."), Term::Map(vec![(atom("a"), Term::Integer(1))]));
    assert_eq!(read("123456789012345678901234567890."), Term::Other);
    assert_eq!(read("1_000."), Term::Integer(1000));
    assert_eq!(read("%% c\n a % c\n."), atom("a"));
}

#[test]
fn reads_as_consult_does() {
    let atom = |name: &str| Term::Atom(name.into());
    assert_eq!(read("\"a\\\nb\"."), Term::String("a\nb".into()));
    assert_eq!(read("été."), atom("été"));
    assert_eq!(read("[a|[b]]."), Term::List(vec![atom("a"), atom("b")]));
    assert_eq!(read("{[a|b]}."), Term::Tuple(vec![Term::Other]));
    assert_eq!(read("- 1."), Term::Integer(-1));
    for coding in ["%% -*- coding: latin-1 -*-", "\n%coding=Latin-1"] {
        let file = [coding.as_bytes(), b"\n\"\xe9\"."].concat();
        assert_eq!(parse(&file).unwrap(), Term::String("é".into()), "{coding}");
    }
    assert!(parse(b"\n\n%% coding: latin-1\n\"\xe9\".").is_err());
    assert_eq!(read("%% coding: utf-8\n\"é\"."), Term::String("é".into()));
}

#[test]
fn more_terms_than_memory_should_hold_are_refused() {
    assert!(parse(format!("[{}a].", "a,".repeat(10_000)).as_bytes()).is_ok());
    let many = format!("[{}a].", "a,".repeat(MAX_TERMS));
    assert_eq!(parse(many.as_bytes()).unwrap_err().what, "too many terms");
}

#[test]
fn refuses_what_is_no_term() {
    for text in [
        "",
        ".",
        "a",
        "a b.",
        "{a.",
        "[a,].",
        "[|a].",
        "[a|b,c].",
        "÷.",
        "\"a.",
        "'a.",
        "a. b.",
        "<<256>>.",
        "<<\"é\">>",
        "X.",
        "\"\\x{110000}\".",
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(parse(&[0xff, b'.']).is_err());
}

#[test]
fn depth_is_bounded() {
    let deep = "[".repeat(100_000);
    assert_eq!(parse(deep.as_bytes()).unwrap_err().what, "nested too deep");
}

#[test]
fn finds_properties_and_text() {
    let app = read("[{vsn,\"1.0\"},{modules,[a,'B']},{vsn,\"2.0\"}].");
    assert_eq!(app.get("vsn").unwrap().as_text().unwrap(), "1.0");
    assert_eq!(app.get("modules").unwrap().atoms(), ["a", "B"]);
    assert!(app.mentions("B") && !app.mentions("C"));
    assert_eq!(read("[104,105].").as_text().unwrap(), "hi");
}
