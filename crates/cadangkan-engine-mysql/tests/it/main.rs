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
mod faults;
mod load_faults;
mod load_foreign;
mod load_modes;
mod load_support;
mod load_swap;
mod load_torture;
mod lower_case;
mod positions;
mod reading;
mod round_trip;
mod scan;
mod support;
mod users;
mod whole_server;
