//! Compiled modules of unknown origin.
#![no_main]

use bloom_core::beam::Beam;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(beam) = Beam::parse(bytes) {
        let _ = (beam.md5(), beam.name(), beam.details());
    }
});
