//! Tests of the crate from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what a test says about itself")]

mod cipher;
mod damage;
mod golden;
mod hostile;
mod memory;
mod round_trip;
mod sequential;
mod stock_tools;
mod support;
mod writer;
