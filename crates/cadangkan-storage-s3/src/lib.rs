//! Backups in S3, and in what speaks its protocol.
//!
//! A small client of our own, since tags, locks, unfinished uploads, checksums and `Retry-After` are what makes a
//! copy safe, and clients for all clouds leave them out. Requests are signed here, so that a wrong clock can be
//! corrected; where credentials come from is `reqsign`'s.

mod answers;
mod b2;
mod check;
mod client;
mod config;
mod copy;
mod credentials;
mod failure;
mod keeping;
mod lifecycle;
mod presets;
mod reader;
mod request;
mod sign;
mod storage;
mod thaw;
mod upload;

pub use b2::B2;
pub use config::S3;
pub use storage::Bucket;
