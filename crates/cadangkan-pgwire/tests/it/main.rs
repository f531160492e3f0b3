//! Connections to real servers, and to servers that lie.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail"
)]

mod connecting;
mod copy;
mod hostile;
mod statements;
mod stopping;
mod support;
mod tls;
