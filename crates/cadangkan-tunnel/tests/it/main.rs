//! Tunnels through a real `sshd` on this machine, with keys and configuration of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests may fail"
)]

mod bastion;
mod ends;
mod failures;
mod traffic;
