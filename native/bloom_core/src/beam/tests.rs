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
    assert_eq!(details.imported_modules, ["erlang".into()]);
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

#[test]
fn sizes_of_operands_that_no_compiler_writes_have_no_on_load() {
    let nested = [&[0, 0, 0, 0, 1][..], &vec![0xf8; 4 << 20]].concat();
    let largest = [&[0, 0, 0, 0, 1, 0xf8, 0b1101_1000][..], &[0xff; 64]].concat();
    for code in [nested, largest] {
        assert!(!code::has_on_load(&code));
    }
}

#[test]
fn tables_longer_than_memory_should_hold_are_refused() {
    let error = |chunks: &[([u8; 4], &[u8])]| Beam::parse(&beam(chunks)).unwrap().details().unwrap_err().to_string();
    let rows = tables::MAX_ROWS + 1;
    let imports = [words(&[rows]), words(&[1, 1, 0]).repeat(rows as usize)].concat();
    assert!(error(&[(*b"AtU8", ATOMS), (*b"ImpT", &imports)]).contains("too long"));
    let atoms = [words(&[rows]), vec![0; rows as usize]].concat();
    assert!(error(&[(*b"AtU8", &atoms)]).contains("too long"));
}

#[test]
fn a_name_is_in_memory_once_however_many_calls_have_it() {
    let imports = [words(&[2]), words(&[2, 3, 2]).repeat(2)].concat();
    let bytes = beam(&[(*b"AtU8", ATOMS), (*b"ImpT", &imports)]);
    let details = Beam::parse(&bytes).unwrap().details().unwrap();
    assert!(Arc::ptr_eq(&details.imports[0].0, &details.imports[1].0));
}

#[test]
fn of_two_chunks_with_one_name_the_last_counts() {
    let other: &[u8] = b"\0\0\0\x01\x01n";
    let twice = beam(&[(*b"AtU8", other), (*b"AtU8", ATOMS)]);
    let once = beam(&[(*b"AtU8", ATOMS)]);
    assert_eq!(Beam::parse(&twice).unwrap().md5(), Beam::parse(&once).unwrap().md5());
}

#[test]
fn more_bytes_than_a_module_has_are_refused() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::copy(&mut std::io::repeat(0).take(MAX_BYTES + 1), &mut packed).unwrap();
    assert_eq!(Beam::parse(&packed.finish().unwrap()).err(), Some(BeamError("it is too large")));
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
