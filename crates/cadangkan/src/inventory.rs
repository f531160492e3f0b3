//! One view over two origins: what the configuration file declares, and what `add` created in the catalog.
//!
//! What the file declares is read-only elsewhere; the catalog can only pause it. Names are unique over both.

mod definitions;
mod effective;
mod entry;

use std::path::Path;

use cadangkan_core::{Error, ErrorKind, Name, Result};
use jiff::tz::TimeZone;
use serde_json::json;

use crate::config::{self, Config, Defaults, HOME_STORAGE_NAME, Mistake, StorageLimits};
use crate::registry;
use crate::secrets::Keyring;
use crate::ui::suggest;

pub(crate) use definitions::{Definitions, database_definition, storage_definition};
pub(crate) use effective::{EffectiveOptions, Wishes};
pub(crate) use entry::{DatabaseEntry, Origin, StorageEntry};

/// All databases and storages, from wherever they come.
#[derive(Debug)]
pub(crate) struct Inventory {
    config: Config,
    databases: Vec<DatabaseEntry>,
    storages: Vec<StorageEntry>,
}

impl Inventory {
    /// Joins the file and the catalog.
    ///
    /// Fails with `Conflict` when both have something of one name, and with `Configuration` when the catalog holds
    /// what this program cannot read.
    pub(crate) fn new(config: Config, definitions: Definitions) -> Result<Self> {
        let file = config.place.file.clone();
        let folder = config.place.home.clone();
        let keyring = Keyring::of(&folder);
        let declared = config.databases.iter();
        let mut databases: Vec<_> =
            declared.map(|declared| DatabaseEntry::declared(declared, &file, &keyring)).collect();
        let declared = config.storages.iter();
        let mut storages: Vec<_> =
            declared.map(|declared| StorageEntry::declared(declared, &file, &keyring)).collect();
        if storages.is_empty()
            && !definitions.storages.iter().any(|(name, _)| name.as_str() == HOME_STORAGE_NAME)
        {
            storages.extend(home_storage(&folder)?);
        }
        for (name, definition) in &definitions.databases {
            let taken = databases.iter().find(|entry| entry.name == *name);
            refuse_conflict("database", name, taken.map(|entry| &entry.origin))?;
            let outer = config.defaults.compression.value;
            let read = config::check_database(name, definition, &folder, outer);
            let read = read.map_err(|list| unreadable("database", name, list))?;
            databases.push(DatabaseEntry::created(read, &keyring));
        }
        for (name, definition) in &definitions.storages {
            let taken = storages.iter().find(|entry| entry.name == *name);
            refuse_conflict("storage", name, taken.map(|entry| &entry.origin))?;
            let read = config::check_storage(name, definition, &folder);
            let read = read.map_err(|list| unreadable("storage", name, list))?;
            storages.push(StorageEntry::created(read, &keyring));
        }
        for entry in &mut databases {
            entry.pause(definitions.database_switches.get(&entry.name).copied());
        }
        for entry in &mut storages {
            entry.pause(definitions.storage_switches.get(&entry.name).copied());
        }
        databases.sort_by(|a, b| a.name.cmp(&b.name));
        storages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Inventory { config, databases, storages })
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The zone in which times are meant and shown.
    pub(crate) fn zone(&self) -> TimeZone {
        let configured = self.config.timezone.as_ref().map(|zone| zone.value.clone());
        configured.unwrap_or_else(TimeZone::system)
    }

    /// What counts where a database says nothing.
    pub(crate) fn defaults(&self) -> &Defaults {
        &self.config.defaults
    }

    /// All databases, in order of their names.
    pub(crate) fn databases(&self) -> &[DatabaseEntry] {
        &self.databases
    }

    /// All storages, in order of their names.
    pub(crate) fn storages(&self) -> &[StorageEntry] {
        &self.storages
    }

    /// Finds a database; fails with `NotFound` and what there is.
    pub(crate) fn database(&self, name: &str) -> Result<&DatabaseEntry> {
        let names = || self.databases.iter().map(|entry| entry.name.as_str());
        let found = self.databases.iter().find(|entry| entry.name.as_str() == name);
        let engine = registry::ENGINES.first().map_or("", |engine| engine.id);
        let lost = if self.databases.is_empty() {
            "\nif the catalog was lost, `cadangkan adopt <storage>` brings back what it knew of the backups"
        } else {
            ""
        };
        let add = format!("add one with `cadangkan add {engine} <name> …`{lost}");
        found.ok_or_else(|| not_found("database", name, names(), &add))
    }

    /// Finds a database that takes part; fails with `NotFound`, or with `Usage` where it is disabled.
    pub(crate) fn enabled_database(&self, name: &str) -> Result<&DatabaseEntry> {
        let entry = self.database(name)?;
        if entry.enabled {
            return Ok(entry);
        }
        Err(Error::new(ErrorKind::Usage, format!("\"{name}\" is disabled"))
            .hint(format!("enable it first: cadangkan edit {name} --enable")))
    }

    /// Finds a storage; fails with `NotFound` and what there is.
    pub(crate) fn storage(&self, name: &str) -> Result<&StorageEntry> {
        let names = || self.storages.iter().map(|entry| entry.name.as_str());
        let found = self.storages.iter().find(|entry| entry.name.as_str() == name);
        let add = format!(
            "add one with `cadangkan storage add`, or under `storages:` in {}",
            self.config.place.file.display()
        );
        found.ok_or_else(|| not_found("storage", name, names(), &add))
    }

    /// The databases whose backups go to a storage.
    pub(crate) fn databases_of(&self, storage: &Name) -> Vec<&DatabaseEntry> {
        let goes_there = |entry: &&DatabaseEntry| {
            self.effective(entry, &Wishes::default()).storage.value.contains(storage)
        };
        self.databases.iter().filter(goes_there).collect()
    }

    /// The storages that backups of a database go to: its own, else the default ones, else `home`, else the only one.
    ///
    /// Storages that are switched off are left out; fails with `Configuration` when none is left.
    pub(crate) fn storages_of(&self, database: &DatabaseEntry) -> Result<Vec<&StorageEntry>> {
        let names = self.effective(database, &Wishes::default()).storage.value;
        let mut found = Vec::new();
        for name in &names {
            let entry =
                self.storage(name.as_str()).map_err(|error| error.context("database", &database.name))?;
            if entry.enabled {
                found.push(entry);
            }
        }
        if found.is_empty() {
            let message = if names.is_empty() {
                "it is not said where backups of this database go".to_owned()
            } else {
                "every storage of this database is switched off".to_owned()
            };
            let all = self.storages.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Error::new(ErrorKind::Configuration, message)
                .context("database", &database.name)
                .hint(format!("name one with --storage, or under `defaults: storage:`; there is: {all}")));
        }
        Ok(found)
    }
}

/// The storage that is there without configuration.
fn home_storage(home: &Path) -> Result<Option<StorageEntry>> {
    let (provider, field) = registry::HOME_STORAGE;
    let settings = json!({ field: home.join("backups").to_string_lossy() });
    let name = Name::new(HOME_STORAGE_NAME)?;
    Ok(Some(StorageEntry {
        name,
        origin: Origin::Implicit,
        provider,
        settings,
        limits: StorageLimits::default(),
        enabled: true,
        paused: false,
        keyring: Keyring::default(),
    }))
}

fn refuse_conflict(what: &str, name: &Name, taken: Option<&Origin>) -> Result<()> {
    let Some(taken) = taken else { return Ok(()) };
    Err(Error::new(
        ErrorKind::Conflict,
        format!("there are two of the {what} \"{name}\": one in {taken}, one in the catalog"),
    )
    .hint(
        "give the one in the file another name, or take it out of the file; the other one then works again",
    ))
}

fn unreadable(what: &str, name: &Name, mistakes: Vec<Mistake>) -> Error {
    let all = mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; ");
    Error::new(ErrorKind::Configuration, format!("the catalog's {what} \"{name}\" cannot be read: {all}"))
        .hint("it may come from a newer version of this program; use that one")
}

fn not_found<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone, add: &str) -> Error {
    let near = suggest::nearest(name, known.clone());
    let all = known.collect::<Vec<_>>().join(", ");
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?\nthere is: {all}\n{add}"),
        None if all.is_empty() => add.to_owned(),
        None => format!("there is: {all}\n{add}"),
    };
    Error::new(ErrorKind::NotFound, format!("there is no {what} \"{}\"", name.escape_debug())).hint(hint)
}

#[cfg(test)]
mod tests;
