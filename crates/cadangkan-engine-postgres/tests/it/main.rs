//! Tests on real servers, all in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests end in a panic"
)]

mod conformance;
mod consistency;
mod consistency_odd;
mod extension_tables;
mod faults;
mod globals;
mod load_early;
mod load_faults;
mod load_modes;
mod load_streams;
mod load_support;
mod newer_tools;
mod owners;
mod reading;
mod restless;
mod round_trip;
mod security_labels;
mod selections;
mod support;
