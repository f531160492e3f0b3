//! Backups in containers of Azure Blob Storage.
//!
//! A small client of our own, as for S3: blocks that were not committed, checksums and `Retry-After` are what makes a
//! copy safe. Where credentials come from is written here too: the libraries for it bring along an implementation of
//! RSA that is known to leak, for ways in that nobody who makes backups needs.

mod answers;
mod check;
mod client;
mod config;
mod credentials;
mod failure;
mod request;
mod sign;
mod storage;
mod upload;

pub use config::AZURE;
pub use storage::Container;
