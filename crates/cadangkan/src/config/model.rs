use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cadangkan_archive::CodecKind;
use cadangkan_core::{Name, Pattern, Selection};
use cadangkan_engine::Descriptor;
use cadangkan_scheduler::ScheduleSettings;
use cadangkan_storage::StorageDescriptor;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::limits::StorageLimits;
use super::notifications::{DeclaredChannel, NotifySettings};
use super::place::Place;
use super::retention::RetentionSettings;
use super::setting::{Setting, ValueOrigin};
use super::shrink_guard::ShrinkGuardSettings;
use crate::commands::labels::GROUP;
use crate::encryption::EncryptionSettings;
use crate::hooks::HookSettings;
use crate::traces::TraceSettings;

/// The configuration file, read and checked, with the chosen profile laid over it.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where things lie.
    pub(crate) place: Place,
    /// The chosen profile.
    pub(crate) profile: Option<String>,
    /// The names of all profiles in the file.
    pub(crate) profiles: Vec<String>,
    /// The zone that times are shown in, when the file names one.
    pub(crate) timezone: Option<Setting<TimeZone>>,
    /// What counts where a database says nothing.
    pub(crate) defaults: Defaults,
    /// The storages that the file declares.
    pub(crate) storages: Vec<DeclaredStorage>,
    /// The databases that the file declares.
    pub(crate) databases: Vec<DeclaredDatabase>,
    /// The channels that the file declares.
    pub(crate) notifications: Vec<DeclaredChannel>,
    /// Where archives of storages elsewhere are kept for restores.
    pub(crate) cache: Option<CacheSettings>,
    /// How the scheduler works.
    pub(crate) scheduler: SchedulerSettings,
    /// What the scheduler's log says.
    pub(crate) logs: LogSettings,
    /// Where traces of runs go.
    pub(crate) traces: Option<TraceSettings>,
    /// What a person should know: a file that others may change.
    pub(crate) warnings: Vec<String>,
}

/// Where archives of storages elsewhere are kept for restores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CacheSettings {
    /// The folder; absolute.
    pub(crate) path: PathBuf,
    /// The most bytes in it.
    pub(crate) max_size: u64,
}

/// What the scheduler's log says, and how long that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LogSettings {
    /// From which level on something is said, as it stands in the file.
    pub(crate) level: String,
    /// The most bytes of one file.
    pub(crate) max_size: u64,
    /// How many older files stay.
    pub(crate) keep: usize,
    /// How long they stay.
    #[serde(serialize_with = "as_text")]
    pub(crate) max_age: Duration,
}

impl Default for LogSettings {
    fn default() -> Self {
        LogSettings {
            level: "info".to_owned(),
            max_size: 10_000_000,
            keep: 9,
            max_age: Duration::from_secs(90 * 86_400),
        }
    }
}

fn as_text<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{}s", time.as_secs()))
}

/// How the scheduler works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SchedulerSettings {
    /// The most runs at once, over all databases.
    pub(crate) limit: usize,
    /// When old backups go by retention, as a cron pattern.
    pub(crate) cleanup: String,
    /// When storages get what they lack, as a cron pattern.
    pub(crate) sync: String,
    /// Where monitoring asks the scheduler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<SocketAddr>,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        SchedulerSettings {
            limit: 3,
            cleanup: "0 3 * * *".to_owned(),
            sync: "15 * * * *".to_owned(),
            listen: None,
        }
    }
}

/// What counts where a database says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Defaults {
    /// The codec.
    pub(crate) compression: Setting<CodecKind>,
    /// The codec's level; none: the codec's own default.
    pub(crate) level: Setting<Option<i32>>,
    /// The storages; empty: the only one there is, or `home`.
    pub(crate) storage: Setting<Vec<Name>>,
    /// Threads that compress.
    pub(crate) workers: Setting<usize>,
    /// Most bytes of frames in memory.
    pub(crate) memory: Setting<u64>,
    /// The template of file names; none: the built-in one.
    pub(crate) file_name: Setting<Option<String>>,
    /// Whether the database's own check runs before a backup counts as good.
    pub(crate) check: Setting<bool>,
    /// Whether rows are counted and fingerprinted per table.
    pub(crate) fingerprints: Setting<bool>,
    /// Whether whatever is done to a database needs a ticket.
    pub(crate) require_ticket: Setting<bool>,
    /// How backups are encrypted; none: not at all.
    pub(crate) encryption: Setting<Option<EncryptionSettings>>,
    /// Which backups stay; none: all.
    pub(crate) retention: Setting<Option<RetentionSettings>>,
    /// What makes a backup look wrong beside the last good one.
    pub(crate) shrink_guard: Setting<ShrinkGuardSettings>,
    /// How old a backup has to be before it goes to a storage, for those that do not get it at once.
    pub(crate) upload_after: Setting<BTreeMap<Name, String>>,
    /// What is done before and after backups.
    pub(crate) hooks: Setting<HookSettings>,
    /// Who hears of what happens; none: every channel.
    pub(crate) notify: Setting<Option<NotifySettings>>,
    /// When something is done to each database that has no schedule of its own.
    pub(crate) schedule: Setting<Option<ScheduleSettings>>,
    /// Several of these, by their names.
    pub(crate) schedules: Setting<BTreeMap<String, ScheduleSettings>>,
}

/// What can be set for one database, besides where it is. One type for file and catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DatabaseOptions {
    /// The storages that its backups go to; empty: the default ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) storage: Vec<Name>,
    /// The codec's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compression: Option<String>,
    /// The codec's level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<i32>,
    /// The template of file names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file_name: Option<String>,
    /// Whether the database's own check runs before a backup counts as good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<bool>,
    /// Whether rows are counted and fingerprinted per table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprints: Option<bool>,
    /// Whether whatever is done to it needs a ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) require_ticket: Option<bool>,
    /// How its backups are encrypted. Written by hand where it is kept, since what is shown has no secrets.
    #[serde(skip_serializing)]
    pub(crate) encryption: Option<EncryptionSettings>,
    /// What its backups hold, where that is not everything.
    #[serde(skip_serializing_if = "BackupOptions::is_everything")]
    pub(crate) backup: BackupOptions,
    /// How old a backup has to be before it goes to a storage; for those that are not named the defaults count.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) upload_after: BTreeMap<Name, String>,
    /// What is done before and after its backups. The catalog does not keep them.
    #[serde(skip)]
    pub(crate) hooks: HookSettings,
    /// Which of its backups stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retention: Option<RetentionSettings>,
    /// What makes one of its backups look wrong beside the last good one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shrink_guard: Option<ShrinkGuardSettings>,
    /// Who hears of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notify: Option<NotifySettings>,
    /// When something is done to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<ScheduleSettings>,
    /// Several of these, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) schedules: BTreeMap<String, ScheduleSettings>,
    /// Whether its name must be typed before it is overwritten.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) production: bool,
    /// Words with values that it is found by, and that its backups carry.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<Name, String>,
    /// What it belongs to: the label of that name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    /// Tags that each of its backups gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
}

impl DatabaseOptions {
    /// The labels, that of the group among them.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        let labels = self.labels.iter().map(|(key, value)| (key.to_string(), value.clone()));
        labels.chain(self.group.clone().map(|group| (GROUP.to_owned(), group))).collect()
    }
}

/// What the backups of a database hold. One type for file, catalog and command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct BackupOptions {
    /// Only these tables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tables: Vec<Pattern>,
    /// Not these tables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) exclude_tables: Vec<Pattern>,
    /// These tables without their rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) exclude_data: Vec<Pattern>,
    /// Only what is in these schemas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) schemas: Vec<Pattern>,
    /// Nothing of these schemas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) exclude_schemas: Vec<Pattern>,
    /// Definitions without rows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) schema_only: bool,
    /// Rows without definitions.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) data_only: bool,
    /// Also what belongs to the whole server: roles, tablespaces.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) globals: bool,
    /// Of a whole server no databases without tables.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) exclude_empty: bool,
    /// All databases of a whole server in one archive.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) combined: bool,
    /// Of these databases of a whole server definitions alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) schema_only_databases: Vec<Pattern>,
    /// How names of secondary databases of a whole server end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secondary_suffix: Option<String>,
    /// How names of databases end that go along with a single one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) companions: Option<Vec<String>>,
}

impl BackupOptions {
    /// How names of secondary databases end.
    pub(crate) fn secondary_suffix(&self) -> &str {
        self.secondary_suffix.as_deref().unwrap_or("_secondary")
    }

    /// How names of companions end.
    pub(crate) fn companions(&self) -> Vec<String> {
        let usual = || ["_dmart", "_temp", "_archive"].map(str::to_owned).to_vec();
        self.companions.clone().unwrap_or_else(usual)
    }

    /// Tells whether nothing was wished: the whole database, and nothing of its server.
    pub(crate) fn is_everything(&self) -> bool {
        *self == BackupOptions::default()
    }

    /// The objects that are meant.
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            tables: self.tables.clone(),
            exclude_tables: self.exclude_tables.clone(),
            exclude_data: self.exclude_data.clone(),
            schemas: self.schemas.clone(),
            exclude_schemas: self.exclude_schemas.clone(),
            schema_only: self.schema_only,
            data_only: self.data_only,
        }
    }

    /// Lays nearer wishes over these: each list that they give replaces the one here.
    #[must_use]
    pub(crate) fn or_nearer(self, nearer: &BackupOptions) -> Self {
        let list =
            |own: Vec<Pattern>, nearer: &Vec<Pattern>| if nearer.is_empty() { own } else { nearer.clone() };
        // The two exclude each other: a wish for one takes back a configured other.
        let (schema_only, data_only) = if nearer.schema_only || nearer.data_only {
            (nearer.schema_only, nearer.data_only)
        } else {
            (self.schema_only, self.data_only)
        };
        BackupOptions {
            tables: list(self.tables, &nearer.tables),
            exclude_tables: list(self.exclude_tables, &nearer.exclude_tables),
            exclude_data: list(self.exclude_data, &nearer.exclude_data),
            schemas: list(self.schemas, &nearer.schemas),
            exclude_schemas: list(self.exclude_schemas, &nearer.exclude_schemas),
            schema_only,
            data_only,
            globals: self.globals || nearer.globals,
            ..self
        }
    }
}

/// A database that the file declares.
#[derive(Clone)]
pub(crate) struct DeclaredDatabase {
    /// Its name.
    pub(crate) name: Name,
    /// The line of its name.
    pub(crate) line: usize,
    /// Its engine.
    pub(crate) engine: &'static Descriptor,
    /// The engine's settings, with absolute paths.
    pub(crate) settings: Value,
    /// Its options.
    pub(crate) options: DatabaseOptions,
    /// Where each option that is given came from.
    pub(crate) origins: BTreeMap<String, ValueOrigin>,
    /// Whether it takes part.
    pub(crate) enabled: bool,
}

/// A storage that the file declares.
#[derive(Clone)]
pub(crate) struct DeclaredStorage {
    /// Its name.
    pub(crate) name: Name,
    /// The line of its name.
    pub(crate) line: usize,
    /// Its provider.
    pub(crate) provider: &'static StorageDescriptor,
    /// The provider's settings, with absolute paths.
    pub(crate) settings: Value,
    /// How fast and how large it is.
    pub(crate) limits: StorageLimits,
    /// Whether it takes part.
    pub(crate) enabled: bool,
}

/// Without its settings, which may hold secrets.
impl fmt::Debug for DeclaredDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeclaredDatabase").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Without its settings, which may hold secrets.
impl fmt::Debug for DeclaredStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeclaredStorage").field("name", &self.name).finish_non_exhaustive()
    }
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
            require_ticket: Setting::default_value(false),
            encryption: Setting::default_value(None),
            retention: Setting::default_value(None),
            shrink_guard: Setting::default_value(ShrinkGuardSettings::default()),
            upload_after: Setting::default_value(BTreeMap::new()),
            hooks: Setting::default_value(HookSettings::default()),
            notify: Setting::default_value(None),
            schedule: Setting::default_value(None),
            schedules: Setting::default_value(BTreeMap::new()),
        }
    }
}

impl Config {
    /// The configuration of a machine without a file.
    pub(crate) fn empty(place: Place) -> Self {
        Config {
            place,
            profile: None,
            profiles: Vec::new(),
            timezone: None,
            defaults: Defaults::default(),
            storages: Vec::new(),
            databases: Vec::new(),
            notifications: Vec::new(),
            cache: None,
            scheduler: SchedulerSettings::default(),
            logs: LogSettings::default(),
            traces: None,
            warnings: Vec::new(),
        }
    }
}
