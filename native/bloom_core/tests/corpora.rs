//! The corpora of the fuzz targets, read without a fuzzer. `BLOOM_WRITE_CORPORA=1` writes the seeds anew.

mod support;

use std::fs;
use std::path::PathBuf;

use bloom_core::beam::Beam;
use bloom_core::term::{external, text};
use support::checksums::with_checksums;
use support::{Release, Root, gzip};

fn corpus(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name)
}

fn inputs(name: &str) -> Vec<Vec<u8>> {
    if std::env::var_os("BLOOM_WRITE_CORPORA").is_some() {
        for (file, bytes) in seeds(name) {
            support::write(&corpus(name).join(file), &bytes);
        }
    }
    let files = fs::read_dir(corpus(name)).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let inputs: Vec<_> = files.collect();
    assert!(!inputs.is_empty(), "the corpus {name} is there");
    inputs
}

fn seeds(name: &str) -> Vec<(&'static str, Vec<u8>)> {
    match name {
        "archive" => {
            let mut release = Release::new("1.1.0");
            for content in release.files.values_mut() {
                content.truncate(8);
            }
            let mut foreign = release.assembled();
            foreign.insert("etc/x".into(), b"x".into());
            let mut long = tar::Builder::new(Vec::new());
            support::pax(&mut long, "uid", "3000000");
            support::pax(&mut long, "path", "lib/a-1/b");
            support::entry(&mut long, "x", tar::EntryType::Regular, 0o644, b"x");
            support::entry(&mut long, &"lib/".repeat(30), tar::EntryType::Directory, 0o755, b"");
            vec![
                ("release", release.tar()),
                ("foreign", support::tar(&foreign)),
                ("long_names", long.into_inner().unwrap()),
                ("compressed", release.archive()),
            ]
        }
        "beam" => vec![("module", support::beam()), ("compressed", gzip(&support::beam()))],
        _ => vec![
            ("rel", br#"{release,{"garden","1.0.0"},{erts,"13.1.5"},[{kernel,"8.5.3",permanent}]}."#.into()),
            ("app", b"%% app\n{application,garden,[{vsn,\"1.0\"},{modules,['Elixir.Garden',x]},{mod,{m,[]}}]}.".into()),
            ("appup", br#"{"1.1",[{<<"1\\.0.*">>,[{update,m,{advanced,[$a,16#ff,-1.5e3]}}]}],[]}."#.into()),
            ("external", b"\x83\x6c\0\0\0\x01\x68\x02\x77\x03vsn\x6b\0\x01\x01\x6a".into()),
        ],
    }
}

#[test]
fn archives() {
    for tar in inputs("archive") {
        let root = Root::new();
        let _ = root.stage(&if tar.starts_with(b"\x1f\x8b") { tar } else { gzip(&with_checksums(&tar)) });
    }
}

#[test]
fn beams() {
    for bytes in inputs("beam") {
        if let Ok(beam) = Beam::parse(&bytes) {
            let _ = (beam.md5(), beam.name(), beam.details());
        }
    }
}

#[test]
fn terms() {
    for bytes in inputs("term") {
        let _ = (text::parse(&bytes), external::parse(&bytes));
    }
}
