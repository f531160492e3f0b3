//! Loads a backup into a server: into a database of its own that takes the target's name at the end, or into the
//! target itself.
//!
//! Definitions that rows need come first, over one connection. Rows then go by COPY over several, as do the indexes
//! and constraints after them. Commits do not wait for the disk until the end, when one wait is for all of them.
//! Archives without an index, scripts of others and pg_dump's custom format are read as a stream.

mod beside;
mod binary;
mod board;
mod clean;
mod custom;
mod database;
mod definitions;
mod entries;
mod filter;
mod finish;
mod frame;
mod guard;
mod jobs;
mod leftovers;
mod look;
mod marks;
mod objects;
mod place;
mod plan;
mod pool;
mod preflight;
mod properties;
mod rows;
mod running;
mod sequences;
mod statement;
mod stream;
mod tablespaces;

pub(crate) use leftovers::{discard, leftovers};
pub(crate) use marks::is_ours;
pub(crate) use plan::plan;
pub(crate) use running::begin;
