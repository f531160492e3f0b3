//! Channels against servers on this machine that record what comes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may fail"
)]

mod bodies;
mod faults;
mod mail;
mod mail_server;
mod real_mail;
mod support;
