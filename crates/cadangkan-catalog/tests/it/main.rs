//! Tests of the catalog through its public interface.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy.toml allows these in test functions, but not in what helps them"
)]

mod audit;
mod backups;
mod definitions;
mod notifications;
mod opening;
mod processes;
mod runs;
mod support;
