//! Connections to real servers, and to servers that lie.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail"
)]

mod connecting;
mod cut;
mod hostile;
mod liar;
mod load_data;
mod logins;
mod rows;
mod statements;
mod stopping;
mod support;
mod tls;
