//! Backups in buckets of Google Cloud Storage.
//!
//! A small client of our own, as for S3, over the JSON API. A large object goes by one resumable upload, piece after
//! piece: the upload of parts (XML API) knows no preconditions, so that two machines could overwrite each other, and one
//! composed of other objects leaves those to soft delete, retention and minimum durations, which are paid for.

mod answers;
mod check;
mod client;
mod config;
mod credentials;
mod failure;
mod lifecycle;
mod request;
mod storage;
mod upload;

pub use config::GCS;
pub use storage::Bucket;
