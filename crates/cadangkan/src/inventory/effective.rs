use std::collections::BTreeMap;
use std::time::Duration;

use cadangkan_archive::{Codec, CodecKind};
use cadangkan_core::settings::parse_duration;
use cadangkan_core::{Name, Result};
use serde::Serialize;

use super::{DatabaseEntry, Inventory};
use crate::config::{
    BackupOptions, HOME_STORAGE_NAME, HOOKS, NotifySettings, RetentionSettings, Setting, ShrinkGuardSettings,
    ValueOrigin,
};
use crate::encryption::EncryptionSettings;
use crate::hooks::HookSettings;

/// What the command line asks for, this once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    /// The storages.
    pub(crate) storage: Option<Vec<Name>>,
    /// The codec.
    pub(crate) compression: Option<CodecKind>,
    /// The codec's level.
    pub(crate) level: Option<i32>,
    /// The template of file names.
    pub(crate) file_name: Option<String>,
    /// Whether the database's own check runs.
    pub(crate) check: Option<bool>,
    /// Whether rows are counted and fingerprinted.
    pub(crate) fingerprints: Option<bool>,
    /// How it is encrypted.
    pub(crate) encryption: Option<EncryptionSettings>,
    /// What the backup holds.
    pub(crate) backup: BackupOptions,
}

/// What counts for one database, each value with the place it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct EffectiveOptions {
    /// The storages that backups go to.
    pub(crate) storage: Setting<Vec<Name>>,
    /// The codec.
    pub(crate) compression: Setting<CodecKind>,
    /// The codec's level.
    pub(crate) level: Setting<i32>,
    /// The template of file names; none: the built-in one.
    pub(crate) file_name: Setting<Option<String>>,
    /// Whether the database's own check runs.
    pub(crate) check: Setting<bool>,
    /// Whether rows are counted and fingerprinted.
    pub(crate) fingerprints: Setting<bool>,
    /// How backups are encrypted; none: not at all.
    pub(crate) encryption: Setting<Option<EncryptionSettings>>,
    /// Which backups stay; none: all.
    pub(crate) retention: Setting<Option<RetentionSettings>>,
    /// What makes a backup look wrong beside the last good one.
    pub(crate) shrink_guard: Setting<ShrinkGuardSettings>,
    /// Whether whatever is done to it needs a ticket.
    pub(crate) require_ticket: Setting<bool>,
    /// Who hears of it; none: every channel.
    pub(crate) notify: Setting<Option<NotifySettings>>,
    /// What backups hold.
    pub(crate) backup: Setting<BackupOptions>,
    /// What is done before and after backups.
    pub(crate) hooks: Setting<HookSettings>,
}

impl EffectiveOptions {
    /// The codec with its level; fails with `Usage` when the command line's level does not fit it.
    pub(crate) fn codec(&self) -> Result<Codec> {
        Codec::new(self.compression.value, Some(self.level.value))
    }
}

impl Inventory {
    /// Tells what counts for a database: command line, then the database, then the defaults.
    pub(crate) fn effective(&self, database: &DatabaseEntry, wishes: &Wishes) -> EffectiveOptions {
        let (defaults, options) = (&self.config.defaults, &database.options);
        let origin = |key: &str| database.origins.get(key).cloned().unwrap_or(ValueOrigin::Default);
        let own_codec = options.compression.as_deref().and_then(|text| text.parse().ok());
        let own_storage = Some(options.storage.clone()).filter(|names| !names.is_empty());
        let file_name = options.file_name.clone().map(Some);
        EffectiveOptions {
            storage: self
                .default_storage()
                .or_nearer(own_storage, origin("storage"))
                .or_nearer(wishes.storage.clone(), ValueOrigin::Flag),
            compression: defaults
                .compression
                .clone()
                .or_nearer(own_codec, origin("compression"))
                .or_nearer(wishes.compression, ValueOrigin::Flag),
            level: self.level(database, own_codec, wishes),
            file_name: defaults
                .file_name
                .clone()
                .or_nearer(file_name, origin("file_name"))
                .or_nearer(wishes.file_name.clone().map(Some), ValueOrigin::Flag),
            check: defaults
                .check
                .clone()
                .or_nearer(options.check, origin("check"))
                .or_nearer(wishes.check, ValueOrigin::Flag),
            fingerprints: defaults
                .fingerprints
                .clone()
                .or_nearer(options.fingerprints, origin("fingerprints"))
                .or_nearer(wishes.fingerprints, ValueOrigin::Flag),
            encryption: defaults
                .encryption
                .clone()
                .or_nearer(options.encryption.clone().map(Some), origin("encryption"))
                .or_nearer(wishes.encryption.clone().map(Some), ValueOrigin::Flag),
            retention: defaults
                .retention
                .clone()
                .or_nearer(self.retention(database).map(Some), origin("retention")),
            shrink_guard: defaults
                .shrink_guard
                .clone()
                .or_nearer(options.shrink_guard, origin("shrink_guard")),
            require_ticket: defaults
                .require_ticket
                .clone()
                .or_nearer(options.require_ticket, origin("require_ticket")),
            notify: defaults.notify.clone().or_nearer(options.notify.clone().map(Some), origin("notify")),
            backup: backup(&options.backup, origin("backup"), &wishes.backup),
            hooks: self.hooks(database, origin(HOOKS)),
        }
    }

    /// What a database says of which backups stay. The hard limit of the defaults is over all: it holds where the database
    /// names none.
    fn retention(&self, database: &DatabaseEntry) -> Option<RetentionSettings> {
        let own = database.options.retention.clone()?;
        let outer = self.config.defaults.retention.value.as_ref();
        Some(own.within(outer.and_then(|retention| retention.hard_limit.clone())))
    }

    /// What is done before and after backups of a database: each list of its own in the place of that of the defaults.
    fn hooks(&self, database: &DatabaseEntry, origin: ValueOrigin) -> Setting<HookSettings> {
        let (defaults, own) = (self.config.defaults.hooks.clone(), &database.options.hooks);
        let joined = defaults.value.clone().or_nearer(own);
        defaults.or_nearer((!own.is_empty()).then_some(joined), origin)
    }

    /// How old a backup of a database has to be before it goes to a storage, for those that do not get it at once: what the
    /// database says, then the defaults.
    pub(crate) fn upload_after(&self, database: &DatabaseEntry) -> BTreeMap<Name, String> {
        let mut all = self.config.defaults.upload_after.value.clone();
        all.extend(database.options.upload_after.clone());
        all.retain(|_, text| parse_duration(text).is_some_and(|after| !after.is_zero()));
        all
    }

    /// The same for one storage.
    pub(crate) fn waits_for(&self, database: &DatabaseEntry, storage: &Name) -> Option<Duration> {
        self.upload_after(database).get(storage).and_then(|text| parse_duration(text))
    }

    /// A level belongs to the codec it was given for: a nearer choice of another codec drops it.
    fn level(&self, database: &DatabaseEntry, own: Option<CodecKind>, wishes: &Wishes) -> Setting<i32> {
        let defaults = &self.config.defaults;
        let origin = database.origins.get("level").cloned().unwrap_or(ValueOrigin::Default);
        let mut codec = defaults.compression.value;
        let mut level = Setting {
            value: defaults.level.value.unwrap_or(codec.default_level()),
            origin: defaults.level.origin.clone(),
        };
        let nearer =
            [(own, database.options.level, origin), (wishes.compression, wishes.level, ValueOrigin::Flag)];
        for (chosen, given, origin) in nearer {
            if let Some(chosen) = chosen.filter(|chosen| *chosen != codec) {
                codec = chosen;
                level = Setting::default_value(codec.default_level());
            }
            level = level.or_nearer(given, origin);
        }
        level
    }

    /// The configured default storages, else `home`, else the only one there is.
    fn default_storage(&self) -> Setting<Vec<Name>> {
        let configured = &self.config.defaults.storage;
        if !configured.value.is_empty() {
            return configured.clone();
        }
        let home = self.storages.iter().find(|entry| entry.name.as_str() == HOME_STORAGE_NAME);
        let only = if let [only] = self.storages.as_slice() { Some(only) } else { None };
        Setting::default_value(home.or(only).map(|entry| entry.name.clone()).into_iter().collect())
    }
}

/// Lays what the command line selects over what is configured.
fn backup(own: &BackupOptions, origin: ValueOrigin, wishes: &BackupOptions) -> Setting<BackupOptions> {
    let origin = if wishes.is_everything() { origin } else { ValueOrigin::Flag };
    Setting { value: own.clone().or_nearer(wishes), origin }
}
