//! One program for each target; they differ only in name.

#![no_main]

use std::sync::LazyLock;

use photolog_fuzz::{Target, targets};

static TARGET: LazyLock<Target> =
    LazyLock::new(|| targets::named(env!("CARGO_BIN_NAME")).expect("a target of this name"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (TARGET.run)(bytes);
});
