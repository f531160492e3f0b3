//! Dumps and restores of real SQLite databases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail"
)]

mod conformance;
mod dump;
mod errors;
mod hostile;
mod refused;
mod restore;
mod selection;
mod support;
mod writers;
