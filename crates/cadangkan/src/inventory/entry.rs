use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use cadangkan_archive::CodecKind;
use cadangkan_core::settings::SettingsError;
use cadangkan_core::{Error, ErrorKind, Name, Result, ResultExt};
use cadangkan_engine::{Descriptor, Engine, Location};
use cadangkan_ops::encrypt::Encryption;
use cadangkan_storage::{Storage, StorageDescriptor, Throttled};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::EffectiveOptions;
use crate::config::{self, DatabaseOptions, DeclaredDatabase, DeclaredStorage, StorageLimits, ValueOrigin};
use crate::encryption::{EncryptionSettings, encryption};
use crate::secrets::{Keyring, Owner, without_fetching};

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
#[derive(Clone)]
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
    /// Fetches its secrets.
    pub(crate) keyring: Keyring,
}

/// A storage, from wherever it comes.
#[derive(Clone)]
pub(crate) struct StorageEntry {
    /// Its name.
    pub(crate) name: Name,
    /// Where it was defined.
    pub(crate) origin: Origin,
    /// Its provider.
    pub(crate) provider: &'static StorageDescriptor,
    /// The provider's settings, with absolute paths.
    pub(crate) settings: Value,
    /// How fast and how large it is.
    pub(crate) limits: StorageLimits,
    /// Whether it takes part; false also when it is paused.
    pub(crate) enabled: bool,
    /// Whether the file declares it enabled, and the catalog switches it off.
    pub(crate) paused: bool,
    /// Fetches its secrets.
    pub(crate) keyring: Keyring,
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

/// Without its settings, which may hold secrets.
impl fmt::Debug for DatabaseEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseEntry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Without its settings, which may hold secrets.
impl fmt::Debug for StorageEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageEntry").field("name", &self.name).finish_non_exhaustive()
    }
}

impl DatabaseEntry {
    /// Makes its engine with its secrets, without connecting.
    pub(crate) fn open(&self) -> Result<Box<dyn Engine>> {
        let owner = Owner::database(&self.name);
        self.open_with(&self.keyring.open(owner, self.engine.fields, &self.settings)?)
    }

    /// Fetches what encrypts its backups; `None` where they are not encrypted.
    pub(crate) fn encryption(&self, effective: &EffectiveOptions) -> Result<Option<Encryption>> {
        let Some(settings) = &effective.encryption.value else { return Ok(None) };
        encryption(settings, Owner::database(&self.name), &self.keyring).context("database", &self.name)
    }

    /// Fetches the secrets that open its backups, each with what it is.
    pub(crate) fn opening_secrets(
        &self,
        settings: &EncryptionSettings,
    ) -> Result<Vec<(&'static str, Zeroizing<String>)>> {
        settings.opening_secrets(Owner::database(&self.name), &self.keyring)
    }

    /// Says where it is, without fetching secrets.
    pub(crate) fn location(&self) -> Result<Location> {
        self.open_without_secrets().map(|engine| engine.location())
    }

    /// Tells whether it stands for a server with many databases.
    pub(crate) fn is_server(&self) -> bool {
        self.open_without_secrets().is_ok_and(|engine| engine.server().is_some())
    }

    /// Makes its engine for questions that need no connection.
    pub(crate) fn open_without_secrets(&self) -> Result<Box<dyn Engine>> {
        self.open_with(&without_fetching(self.engine.fields, &self.settings))
    }

    fn open_with(&self, settings: &Value) -> Result<Box<dyn Engine>> {
        (self.engine.open)(settings).map_err(|error| wrong_settings(error).context("database", &self.name))
    }

    /// Reads a definition as the catalog keeps it; relative paths begin at `folder`.
    pub(crate) fn from_definition(name: &Name, definition: &Value, folder: &Path) -> Result<Self> {
        let read = config::check_database(name, definition, folder, CodecKind::default());
        let keyring = Keyring::of(folder);
        read.map(|definition| DatabaseEntry::created(definition, &keyring)).map_err(|mistakes| {
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
            keyring: Keyring::default(),
        }
    }

    pub(super) fn declared(declared: &DeclaredDatabase, file: &Path, keyring: &Keyring) -> Self {
        let origin = Origin::File { path: file.to_owned(), line: declared.line };
        DatabaseEntry::new(declared.clone(), origin, keyring)
    }

    pub(super) fn created(definition: DeclaredDatabase, keyring: &Keyring) -> Self {
        let mut entry = DatabaseEntry::new(definition, Origin::Catalog, keyring);
        entry.origins.values_mut().for_each(|origin| *origin = ValueOrigin::Catalog);
        entry
    }

    fn new(from: DeclaredDatabase, origin: Origin, keyring: &Keyring) -> Self {
        DatabaseEntry {
            name: from.name,
            origin,
            engine: from.engine,
            settings: from.settings,
            options: from.options,
            origins: from.origins,
            enabled: from.enabled,
            paused: false,
            keyring: keyring.clone(),
        }
    }

    pub(super) fn pause(&mut self, switch: Option<bool>) {
        (self.enabled, self.paused) = switched(self.enabled, switch, &self.origin);
    }
}

impl StorageEntry {
    /// Makes the storage with its secrets, without connecting.
    pub(crate) fn open(&self) -> Result<Box<dyn Storage>> {
        let owner = Owner::storage(&self.name);
        let storage = self.open_with(&self.keyring.open(owner, self.provider.fields, &self.settings)?)?;
        Ok(match self.limits.bandwidth {
            Some(limit) => Box::new(Throttled::new(storage, limit)),
            None => storage,
        })
    }

    /// Says where it is, without fetching secrets.
    pub(crate) fn location(&self) -> Result<String> {
        let settings = without_fetching(self.provider.fields, &self.settings);
        self.open_with(&settings).map(|storage| storage.location())
    }

    fn open_with(&self, settings: &Value) -> Result<Box<dyn Storage>> {
        (self.provider.open)(settings).map_err(|error| wrong_settings(error).context("storage", &self.name))
    }

    /// Reads a definition as the catalog keeps it; relative paths begin at `folder`.
    pub(crate) fn from_definition(name: &Name, definition: &Value, folder: &Path) -> Result<Self> {
        let read = config::check_storage(name, definition, folder);
        let keyring = Keyring::of(folder);
        read.map(|definition| StorageEntry::created(definition, &keyring)).map_err(|mistakes| {
            let all = mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; ");
            Error::new(ErrorKind::Configuration, all).context("storage", name)
        })
    }

    pub(super) fn declared(declared: &DeclaredStorage, file: &Path, keyring: &Keyring) -> Self {
        let origin = Origin::File { path: file.to_owned(), line: declared.line };
        StorageEntry::new(declared.clone(), origin, keyring)
    }

    pub(super) fn created(definition: DeclaredStorage, keyring: &Keyring) -> Self {
        StorageEntry::new(definition, Origin::Catalog, keyring)
    }

    fn new(from: DeclaredStorage, origin: Origin, keyring: &Keyring) -> Self {
        let DeclaredStorage { name, provider, settings, limits, enabled, .. } = from;
        let keyring = keyring.clone();
        StorageEntry { name, origin, provider, settings, limits, enabled, paused: false, keyring }
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
