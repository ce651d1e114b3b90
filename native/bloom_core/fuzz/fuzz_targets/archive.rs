//! The tar archive inside the gzip, with checksums put right, as they would keep every mutation out; what begins like
//! gzip is taken as it is. What gets in may be a release, and must then be one that unpacks below its root.
#![no_main]

use std::fs;
use std::io::Write as _;

use bloom_core::archive::{Control, Expect, Limits};
use bloom_core::stage;
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

use checksums::with_checksums;

#[path = "../../tests/support/checksums.rs"]
mod checksums;

fuzz_target!(|input: &[u8]| {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("releases")).unwrap();
    fs::create_dir(root.join("lib")).unwrap();
    let archive = dir.path().join("garden-1.1.0.tar.gz");
    if input.starts_with(b"\x1f\x8b") {
        fs::write(&archive, input).unwrap();
    } else {
        let mut gzip = GzEncoder::new(fs::File::create(&archive).unwrap(), Compression::none());
        gzip.write_all(&with_checksums(input)).unwrap();
        gzip.finish().unwrap();
    }

    let stage = || stage::stage(&archive, &root, &Expect::default(), &Limits::default(), &Control::default());
    let result = stage();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing lies beside the root");
    if let Ok(staged) = result {
        assert!(stage().unwrap().placed.is_empty(), "what was placed is as in the archive");
        stage::unstage(&root, &staged.placed).unwrap();
    }
    assert_eq!(fs::read_dir(&root).unwrap().count(), 2);
    assert_eq!(fs::read_dir(root.join("lib")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(root.join("releases")).unwrap().count(), 0);
});
