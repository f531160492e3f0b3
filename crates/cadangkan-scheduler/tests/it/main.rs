//! The scheduler with a clock and runs that are played.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops where it fails"
)]

mod interruptions;
mod queue;
mod times;
mod world;
mod year;
