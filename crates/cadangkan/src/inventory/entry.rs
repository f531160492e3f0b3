use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use cadangkan_archive::CodecKind;
use cadangkan_core::settings::SettingsError;
use cadangkan_core::{Error, ErrorKind, Name, Result};
use cadangkan_engine::{Descriptor, Engine};
use cadangkan_storage::{Storage, StorageDescriptor};
use serde::Serialize;
use serde_json::Value;

use crate::config::{self, DatabaseOptions, DeclaredDatabase, DeclaredStorage, ValueOrigin};

/// Where a thing was defined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "origin", rename_all = "lowercase")]
pub(crate) enum Origin {
    /// The configuration file; read-only elsewhere.
    File {
        /// The file.
        path: PathBuf,
        /// The line of its name.
        line: usize,
    },
    /// The catalog.
    Catalog,
    /// Nowhere: it is there until something else is configured.
    Implicit,
}

/// A database, from wherever it comes.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseEntry {
    /// Its name.
    pub(crate) name: Name,
    /// Where it was defined.
    pub(crate) origin: Origin,
    /// Its engine.
    pub(crate) engine: &'static Descriptor,
    /// The engine's settings, with absolute paths.
    pub(crate) settings: Value,
    /// Its options, as they were given.
    pub(crate) options: DatabaseOptions,
    /// Where each given option came from.
    pub(crate) origins: BTreeMap<String, ValueOrigin>,
    /// Whether it takes part; false also when it is paused.
    pub(crate) enabled: bool,
    /// Whether the file declares it enabled, and the catalog switches it off.
    pub(crate) paused: bool,
}

/// A storage, from wherever it comes.
#[derive(Clone, Debug)]
pub(crate) struct StorageEntry {
    /// Its name.
    pub(crate) name: Name,
    /// Where it was defined.
    pub(crate) origin: Origin,
    /// Its provider.
    pub(crate) provider: &'static StorageDescriptor,
    /// The provider's settings, with absolute paths.
    pub(crate) settings: Value,
    /// Whether it takes part; false also when it is paused.
    pub(crate) enabled: bool,
    /// Whether the file declares it enabled, and the catalog switches it off.
    pub(crate) paused: bool,
}

impl Origin {
    /// Tells whether it can only be changed in the file.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Origin::File { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Catalog => f.write_str("the catalog"),
            Origin::Implicit => f.write_str("the built-in defaults"),
        }
    }
}

impl DatabaseEntry {
    /// Makes its engine, without connecting.
    pub(crate) fn open(&self) -> Result<Box<dyn Engine>> {
        (self.engine.open)(&self.settings)
            .map_err(|error| wrong_settings(error).context("database", &self.name))
    }

    /// Reads a definition as the catalog keeps it; relative paths begin at `folder`.
    pub(crate) fn from_definition(name: &Name, definition: &Value, folder: &Path) -> Result<Self> {
        let read = config::check_database(name, definition, folder, CodecKind::default());
        read.map(DatabaseEntry::created).map_err(|mistakes| {
            let all = mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; ");
            Error::new(ErrorKind::Configuration, all).context("database", name)
        })
    }

    /// Stands for a database that is not configured: only the defaults count for it.
    pub(crate) fn unsaved(name: Name, engine: &'static Descriptor) -> Self {
        DatabaseEntry {
            name,
            origin: Origin::Implicit,
            engine,
            settings: Value::Null,
            options: DatabaseOptions::default(),
            origins: BTreeMap::new(),
            enabled: true,
            paused: false,
        }
    }

    pub(super) fn declared(declared: &DeclaredDatabase, file: &Path) -> Self {
        let origin = Origin::File { path: file.to_owned(), line: declared.line };
        DatabaseEntry::new(declared.clone(), origin)
    }

    pub(super) fn created(definition: DeclaredDatabase) -> Self {
        let mut entry = DatabaseEntry::new(definition, Origin::Catalog);
        entry.origins.values_mut().for_each(|origin| *origin = ValueOrigin::Catalog);
        entry
    }

    fn new(from: DeclaredDatabase, origin: Origin) -> Self {
        DatabaseEntry {
            name: from.name,
            origin,
            engine: from.engine,
            settings: from.settings,
            options: from.options,
            origins: from.origins,
            enabled: from.enabled,
            paused: false,
        }
    }

    pub(super) fn pause(&mut self, switch: Option<bool>) {
        (self.enabled, self.paused) = switched(self.enabled, switch, &self.origin);
    }
}

impl StorageEntry {
    /// Makes the storage, without connecting.
    pub(crate) fn open(&self) -> Result<Box<dyn Storage>> {
        (self.provider.open)(&self.settings)
            .map_err(|error| wrong_settings(error).context("storage", &self.name))
    }

    pub(super) fn declared(declared: &DeclaredStorage, file: &Path) -> Self {
        let origin = Origin::File { path: file.to_owned(), line: declared.line };
        StorageEntry::new(declared.clone(), origin)
    }

    pub(super) fn created(definition: DeclaredStorage) -> Self {
        StorageEntry::new(definition, Origin::Catalog)
    }

    fn new(from: DeclaredStorage, origin: Origin) -> Self {
        let DeclaredStorage { name, provider, settings, enabled, .. } = from;
        StorageEntry { name, origin, provider, settings, enabled, paused: false }
    }

    pub(super) fn pause(&mut self, switch: Option<bool>) {
        (self.enabled, self.paused) = switched(self.enabled, switch, &self.origin);
    }
}

/// Whether something takes part, and whether it is paused. What the file switches off stays off.
fn switched(enabled: bool, switch: Option<bool>, origin: &Origin) -> (bool, bool) {
    if origin.is_file() {
        let paused = enabled && switch == Some(false);
        return (enabled && !paused, paused);
    }
    (switch.unwrap_or(enabled), false)
}

fn wrong_settings(error: SettingsError) -> Error {
    let key = error.path.join(".");
    let message = if key.is_empty() { error.message } else { format!("`{key}`: {}", error.message) };
    Error::new(ErrorKind::Configuration, message)
}
