#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| curfew_fuzz::hold(curfew_fuzz::targets::EXPRESSION, bytes));
