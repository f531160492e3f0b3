//! Tests of S3 on real servers.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "clippy.toml allows these in test functions, but not in what helps them"
)]

mod b2;
mod conformance;
mod copies;
mod faults;
mod keeping;
mod lifecycle;
mod permissions;
mod settings;
mod support;
mod uploads;
mod ways_in;
