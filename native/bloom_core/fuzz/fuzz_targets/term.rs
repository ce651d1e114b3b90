//! Terms as text and in the external format, and what is asked of them afterwards.
#![no_main]

use bloom_core::term::{Term, external, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for term in [text::parse(bytes).ok(), external::parse(bytes).ok()].into_iter().flatten() {
        let _ = (term.get("vsn").and_then(Term::as_text), term.mentions("restart_emulator"), term.atoms());
    }
});
