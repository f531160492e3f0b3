//! The configuration file: read whole, checked whole, every mistake named with its place.
//!
//! Text becomes a tree that knows lines and columns (`parse`), the chosen profile is laid over it (`node`),
//! variables are filled in (`variables`), and then every rule is checked on the tree (`check`).

mod check;
mod decode;
mod dotenv;
mod export;
mod limits;
mod load;
mod mistake;
mod model;
mod node;
mod notifications;
mod parse;
mod place;
mod retention;
mod sample;
mod setting;
mod shrink_guard;
mod size;
mod variables;

#[cfg(test)]
pub(crate) use check::{CHANNEL_KEYS, DATABASE_KEYS, STORAGE_KEYS};
pub(crate) use check::{ENCRYPTION, HOOKS};
pub(crate) use export::{ExportFormat, export, storage_without_secrets};
pub(crate) use limits::{LowSpace, StorageLimits};
pub(crate) use load::{load, validate};
pub(crate) use mistake::{Mistake, Mistakes};
pub(crate) use model::{
    BackupOptions, Config, DatabaseOptions, DeclaredDatabase, DeclaredStorage, Defaults, LogSettings,
};
pub(crate) use notifications::{DeclaredChannel, Digest, NotifySettings};
pub(crate) use place::{Sources, locate, resolve_path};
pub(crate) use retention::RetentionSettings;
pub(crate) use sample::sample;
pub(crate) use setting::{Setting, ValueOrigin};
pub(crate) use shrink_guard::ShrinkGuardSettings;
pub(crate) use size::parse_bytes;

pub(crate) use check::{check_database, check_storage};

/// The name of the storage that is there when the file declares none.
pub(crate) const HOME_STORAGE_NAME: &str = "home";

#[cfg(test)]
mod tests;
