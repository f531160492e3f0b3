//! What Cadangkan does, one file per verb.
//!
//! A verb is given a [`Context`], engines and storages that somebody else made, and a request; it returns what it
//! did, or an error. Nothing here prints, reads the environment or the clock, or knows which engines there are.

pub mod adopt;
pub mod around;
pub mod backup;
pub mod choice;
pub mod cleanup;
pub mod combined;
mod content;
mod context;
mod copy;
mod cover;
mod draft;
pub mod encrypt;
pub mod export;
mod feed;
mod find;
mod index_backup;
pub mod lock;
mod manifest;
mod manifests;
mod measured;
pub mod naming;
pub mod nearby;
mod pace;
pub mod pipeline;
mod prove;
mod read_back;
pub mod rekey;
pub mod restore;
pub mod retention;
mod run;
pub mod server;
pub mod shrink;
mod side;
pub mod source;
pub mod stored;
pub mod sync;
mod tee;
mod transfer;
pub mod trial;
pub mod verify;
mod wanted;

pub use context::{Context, Database, Place};
pub use index_backup::COMBINED_TAG;
pub use run::reap;
