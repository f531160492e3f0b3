//! PostgreSQL: parallel, consistent dumps and restores.
//!
//! Definitions come from `pg_dump`, the only right source of them; rows are read and written by COPY over several
//! connections that share one exported snapshot. What an archive holds is a script that `psql` runs as it stands.

mod catalog;
mod config;
mod descriptor;
mod dump;
mod engine;
mod fingerprint;
mod load;
mod locks;
mod probe;
mod script;
mod server;
mod tools;
mod view;

pub use descriptor::POSTGRES;
