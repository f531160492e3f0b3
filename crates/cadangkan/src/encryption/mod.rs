//! How backups are encrypted: what is configured, and what the command line says this once.

mod flags;
mod recipients;
mod settings;
mod unlock;

pub(crate) use flags::{EncryptFlags, KeyFlags};
pub(crate) use recipients::{encryption, read_key_file};
pub(crate) use settings::{EncryptionSettings, FIELDS, check};
pub(crate) use unlock::KeyHolder;
