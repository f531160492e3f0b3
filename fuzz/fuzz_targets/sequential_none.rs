#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cadangkan_fuzz::sequential_none(bytes));
