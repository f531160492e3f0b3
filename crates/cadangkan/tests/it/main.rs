//! The program as a whole: what it prints, what it leaves, and how it ends.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod config;
mod encryption;
mod environment;
mod first_run;
mod guard;
mod help;
mod hooks;
mod json;
mod master_key;
mod mysql;
mod mysql_combined;
mod mysql_databases;
mod mysql_server;
mod notify;
mod one_off;
mod permissions;
mod pipes;
mod postgres;
mod postgres_globals;
mod postgres_hosts;
mod postgres_memory;
mod postgres_server;
mod profile_import;
mod pty;
mod retention;
mod scan;
mod secrets;
mod shrink;
mod signals;
mod storages;
mod story;
mod support;
mod tickets;
mod whole_server;
mod wrong;
