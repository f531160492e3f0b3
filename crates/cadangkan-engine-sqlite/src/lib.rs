//! SQLite: a byte-exact image of a live database, and its restore.
//!
//! A dump holds one read transaction and streams the pages as that transaction sees them: no temporary copy, no
//! lock that stops a writer of a database in WAL mode, and what comes out, decompressed, *is* the database file. A
//! restore writes that file beside its target, proves it, and swaps it in by a rename.
//!
//! The SQLite used is the one built into this crate, never the machine's.

mod connect;
mod descriptor;
mod engine;
mod errors;
mod ffi;
mod header;
mod inspect;
mod leftovers;
mod load;
mod pages;
mod rows;
pub mod sample;
mod snapshot;
mod wal;

pub use descriptor::SQLITE;
