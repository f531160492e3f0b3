//! The configuration file: read whole, checked whole, every mistake named with its place.
//!
//! Text becomes a tree that knows lines and columns (`parse`), the chosen profile is laid over it (`node`),
//! variables are filled in (`variables`), and then every rule is checked on the tree (`check`).

mod check;
mod decode;
mod dotenv;
mod export;
mod load;
mod mistake;
mod model;
mod node;
mod parse;
mod place;
mod sample;
mod setting;
mod size;
mod variables;

pub use check::{DATABASE_KEYS, STORAGE_KEYS};
pub use export::{ExportFormat, export, without_secrets};
pub use load::{Validation, load, validate};
pub use mistake::{Mistake, Mistakes};
pub use model::{Config, DatabaseOptions, DeclaredDatabase, DeclaredStorage, Defaults};
pub use node::Position;
pub use place::{Place, Sources, expand_home, locate, resolve_path};
pub use sample::sample;
pub use setting::{Setting, ValueOrigin};
pub use size::parse_bytes;

pub(crate) use check::{check_database, check_storage};

/// The name of the storage that is there when the file declares none.
pub const HOME_STORAGE_NAME: &str = "home";

#[cfg(test)]
mod tests;
