//! Tests of the storage on a real server of Google Cloud Storage.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "clippy.toml allows these in test functions, but not in what helps them"
)]

mod conformance;
mod copies;
mod faults;
mod lifecycle;
mod pieces;
mod refusals;
mod settings;
mod support;
