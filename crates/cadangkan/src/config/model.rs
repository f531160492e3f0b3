use std::collections::BTreeMap;

use cadangkan_archive::CodecKind;
use cadangkan_core::Name;
use cadangkan_engine::Descriptor;
use cadangkan_storage::StorageDescriptor;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::place::Place;
use super::setting::{Setting, ValueOrigin};

/// The configuration file, read and checked, with the chosen profile laid over it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where things lie.
    pub place: Place,
    /// The chosen profile.
    pub profile: Option<String>,
    /// The names of all profiles in the file.
    pub profiles: Vec<String>,
    /// The zone that times are shown in, when the file names one.
    pub timezone: Option<Setting<TimeZone>>,
    /// What counts where a database says nothing.
    pub defaults: Defaults,
    /// The storages that the file declares.
    pub storages: Vec<DeclaredStorage>,
    /// The databases that the file declares.
    pub databases: Vec<DeclaredDatabase>,
    /// What a person should know: a file that others may change.
    pub warnings: Vec<String>,
}

/// What counts where a database says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Defaults {
    /// The codec.
    pub compression: Setting<CodecKind>,
    /// The codec's level; none: the codec's own default.
    pub level: Setting<Option<i32>>,
    /// The storages; empty: the only one there is, or `home`.
    pub storage: Setting<Vec<Name>>,
    /// Threads that compress.
    pub workers: Setting<usize>,
    /// Most bytes of frames in memory.
    pub memory: Setting<u64>,
    /// The template of file names; none: the built-in one.
    pub file_name: Setting<Option<String>>,
    /// Whether the database's own check runs before a backup counts as good.
    pub check: Setting<bool>,
    /// Whether rows are counted and fingerprinted per table.
    pub fingerprints: Setting<bool>,
}

/// What can be set for one database, besides where it is. One type for file and catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseOptions {
    /// The storages that its backups go to; empty: the default ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub storage: Vec<Name>,
    /// The codec's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// The codec's level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<i32>,
    /// The template of file names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Whether the database's own check runs before a backup counts as good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<bool>,
    /// Whether rows are counted and fingerprinted per table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprints: Option<bool>,
    /// Whether its name must be typed before it is overwritten.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub production: bool,
    /// Tags that each of its backups gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// A database that the file declares.
#[derive(Clone, Debug)]
pub struct DeclaredDatabase {
    /// Its name.
    pub name: Name,
    /// The line of its name.
    pub line: usize,
    /// Its engine.
    pub engine: &'static Descriptor,
    /// The engine's settings, with absolute paths.
    pub settings: Value,
    /// Its options.
    pub options: DatabaseOptions,
    /// Where each option that is given came from.
    pub origins: BTreeMap<String, ValueOrigin>,
    /// Whether it takes part.
    pub enabled: bool,
}

/// A storage that the file declares.
#[derive(Clone, Debug)]
pub struct DeclaredStorage {
    /// Its name.
    pub name: Name,
    /// The line of its name.
    pub line: usize,
    /// Its provider.
    pub provider: &'static StorageDescriptor,
    /// The provider's settings, with absolute paths.
    pub settings: Value,
    /// Whether it takes part.
    pub enabled: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Defaults {
            compression: Setting::default_value(CodecKind::default()),
            level: Setting::default_value(None),
            storage: Setting::default_value(Vec::new()),
            workers: Setting::default_value(cores),
            memory: Setting::default_value(256 * 1024 * 1024),
            file_name: Setting::default_value(None),
            check: Setting::default_value(true),
            fingerprints: Setting::default_value(false),
        }
    }
}

impl Config {
    /// The configuration of a machine without a file.
    pub fn empty(place: Place) -> Self {
        Config {
            place,
            profile: None,
            profiles: Vec::new(),
            timezone: None,
            defaults: Defaults::default(),
            storages: Vec::new(),
            databases: Vec::new(),
            warnings: Vec::new(),
        }
    }
}
