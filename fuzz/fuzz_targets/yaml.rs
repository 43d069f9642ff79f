#![no_main]

use curfew_fuzz::{hold, targets};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hold(targets::YAML, bytes);
    targets::formatting_settles(bytes);
});
