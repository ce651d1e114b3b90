use std::process::Command;

use super::*;

fn chunk(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = name.to_vec();
    chunk.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
    chunk.extend_from_slice(data);
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    chunk
}

fn beam(chunks: &[([u8; 4], &[u8])]) -> Vec<u8> {
    let body: Vec<u8> = chunks.iter().flat_map(|(name, data)| chunk(*name, data)).collect();
    let mut file = b"FOR1".to_vec();
    file.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    file.extend_from_slice(b"BEAM");
    file.extend_from_slice(&body);
    file
}

const ATOMS: &[u8] = b"\0\0\0\x03\x01m\x06erlang\x08load_nif";

#[test]
fn reads_names_imports_and_exports() {
    let bytes = beam(&[(*b"AtU8", ATOMS), (*b"ImpT", &words(&[1, 2, 3, 2])), (*b"ExpT", &words(&[1, 1, 0, 5]))]);
    let beam = Beam::parse(&bytes).unwrap();
    assert_eq!(beam.name().unwrap(), "m");
    let details = beam.details().unwrap();
    assert!(details.loads_nif() && details.exports("m", 0) && !details.exports("m", 1));
    assert_eq!(details.imported_modules, ["erlang"]);
}

#[test]
fn reads_the_atoms_of_otp_28() {
    let mut atoms = (-2_i32).to_be_bytes().to_vec();
    atoms.push(1 << 4);
    atoms.push(b'm');
    atoms.extend_from_slice(&[0b0010_1000, 0x2c]);
    atoms.extend_from_slice(&[b'x'; 300]);
    let bytes = beam(&[(*b"AtU8", &atoms)]);
    assert_eq!(Beam::parse(&bytes).unwrap().atoms().unwrap()[1].len(), 300);
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let bytes =
        beam(&[(*b"AtU8", ATOMS), (*b"ImpT", &words(&[1, 2, 3, 2])), (*b"Code", &[0; 40]), (*b"Attr", &[131, 106])]);
    for at in 0..bytes.len() {
        for flipped in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flipped;
            if let Ok(beam) = Beam::parse(&damaged) {
                let _ = (beam.details(), beam.name(), beam.md5());
            }
        }
        if let Ok(beam) = Beam::parse(&bytes[..at]) {
            let _ = (beam.details(), beam.name(), beam.md5());
        }
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Against OTP itself: digest, exports, imports and `on_load` of every module of the machine's kernel, stdlib and
/// crypto, and of Elixir where it is there.
#[test]
fn agrees_with_otp_about_its_own_modules() {
    const SCRIPT: &str = r#"
        Dirs = [code:lib_dir(A) || A <- [kernel, stdlib, crypto, compiler]] ++ filelib:wildcard("/usr/lib/elixir/lib/{elixir,logger}"),
        [begin
            {ok, {_, Md5}} = beam_lib:md5(F),
            {ok, {M, [{exports, E}, {imports, I}]}} = beam_lib:chunks(F, [exports, imports]),
            {beam_file, _, _, _, _, Code} = beam_disasm:file(F),
            OnLoad = lists:any(fun({function, _, _, _, Is}) -> lists:keymember(on_load, 1, [I2 || I2 <- Is, is_tuple(I2)]) orelse lists:member(on_load, Is) end, Code),
            io:format("~ts ~ts ~w ~w ~w~n", [F, binary:encode_hex(Md5), length(E), length(I), OnLoad])
        end || D <- Dirs, F <- filelib:wildcard(D ++ "/ebin/*.beam")],
        halt().
    "#;
    let Ok(output) = Command::new("erl").args(["-noshell", "-eval", SCRIPT]).output() else {
        eprintln!("no erl on this machine: not compared with OTP");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let mut compared = 0;
    for line in text.lines() {
        let fields: Vec<_> = line.split(' ').collect();
        let [file, md5, exports, imports, on_load] = fields[..] else { panic!("{line}") };
        let bytes = std::fs::read(file).unwrap();
        let beam = Beam::parse(&bytes).unwrap();
        let details = beam.details().unwrap();
        assert_eq!(format!("{:032X}", u128::from_be_bytes(beam.md5())), md5, "{file}");
        assert_eq!(details.exports.len().to_string(), exports, "{file}");
        assert_eq!(details.imports.len().to_string(), imports, "{file}");
        assert_eq!(details.on_load.to_string(), on_load, "{file}");
        compared += 1;
    }
    assert!(compared > 100, "{compared} modules compared: {}", String::from_utf8_lossy(&output.stderr));
}
