//! All schedules, from wherever they come: the configuration file, `schedule set`, and those that the scheduler has of itself.

use std::collections::BTreeMap;

use cadangkan_catalog::{Catalog, ScheduleDefinition, ScheduleKey};
use cadangkan_core::{Error, ErrorKind, Name, Result, ResultExt};
use cadangkan_scheduler::{Pattern, Plan, Schedule, ScheduleSettings, Task, Timing};
use serde::{Deserialize, Serialize};

use crate::app::Session;
use crate::config::RetentionSettings;
use crate::inventory::{DatabaseEntry, Inventory};

/// The name of a schedule where none is given.
pub(crate) const USUAL_NAME: &str = "main";
/// The schedules that the scheduler has of itself.
pub(crate) const OWN_NAMES: [&str; 2] = [CLEANUP, SYNC];
/// The schedule by which old backups go.
const CLEANUP: &str = "retention";
/// The schedule by which storages get what they lack.
const SYNC: &str = "sync";

/// A schedule, and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct ScheduleEntry {
    /// What it says, with the name of its database and its own.
    pub(crate) plan: Plan,
    /// Where it was defined.
    pub(crate) source: Source,
    /// Whether it was switched off elsewhere than where it is defined.
    pub(crate) paused: bool,
    /// Which of its backups stay, where not as for the database.
    pub(crate) retention: Option<RetentionSettings>,
}

/// Where a schedule was defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// The configuration file, or the definition of its database.
    Database,
    /// The configuration file, for all databases that have none.
    Defaults,
    /// `schedule set`.
    Catalog,
    /// Nobody: the scheduler has it of itself.
    Scheduler,
}

/// What the catalog knows of schedules.
pub(crate) struct Known {
    definitions: Vec<ScheduleDefinition>,
    switches: BTreeMap<ScheduleKey, bool>,
}

impl Known {
    /// Reads it for all databases at once.
    pub(crate) fn read(catalog: &Catalog) -> Result<Self> {
        Ok(Known { definitions: catalog.schedules()?, switches: catalog.schedule_switches()? })
    }
}

impl ScheduleEntry {
    /// Tells whether it makes runs.
    pub(crate) fn is_active(&self) -> bool {
        self.plan.schedule.enabled
    }
}

/// All schedules, in order of their databases and names. Those of databases that do not take part are there, and not active.
pub(crate) fn all(session: &Session) -> Result<Vec<ScheduleEntry>> {
    let (known, inventory) = (Known::read(session.catalog()?)?, &session.inventory);
    let mut found = Vec::new();
    for entry in inventory.databases() {
        let mut own = given(&known, inventory, entry)?;
        let of_itself = of_itself(inventory, entry, &own)?;
        own.extend(of_itself);
        own.iter_mut().for_each(|schedule| switch(schedule, entry, &known));
        own.sort_by(|a, b| a.plan.name.cmp(&b.plan.name));
        found.extend(own);
    }
    Ok(found)
}

/// The schedules of one database; fails with `NotFound` when `name` is given and there is none of it.
pub(crate) fn of(session: &Session, database: &Name, name: Option<&str>) -> Result<Vec<ScheduleEntry>> {
    let mut found = all(session)?;
    found.retain(|entry| &entry.plan.database == database);
    let Some(name) = name else { return Ok(found) };
    let names = found.iter().map(|entry| entry.plan.name.clone()).collect::<Vec<_>>().join(", ");
    found.retain(|entry| entry.plan.name == name);
    if found.is_empty() {
        let message = format!("\"{database}\" has no schedule \"{}\"", name.escape_debug());
        let there = if names.is_empty() { "it has none".to_owned() } else { format!("there is: {names}") };
        return Err(Error::new(ErrorKind::NotFound, message)
            .hint(format!("{there}; make one with `cadangkan schedule set {database} --daily`")));
    }
    Ok(found)
}

/// The schedules that somebody gave a database, and that make backups of it; those that are paused are there, and not active.
pub(crate) fn of_backups(
    known: &Known,
    inventory: &Inventory,
    entry: &DatabaseEntry,
) -> Result<Vec<ScheduleEntry>> {
    let mut found = given(known, inventory, entry)?;
    found.retain(|schedule| schedule.plan.schedule.task == Task::Backup);
    found.iter_mut().for_each(|schedule| switch(schedule, entry, known));
    Ok(found)
}

/// What somebody gave a database: in the file, or with `schedule set`.
fn given(known: &Known, inventory: &Inventory, entry: &DatabaseEntry) -> Result<Vec<ScheduleEntry>> {
    let mut own = declared(inventory, entry)?;
    for definition in known.definitions.iter().filter(|definition| definition.database == entry.name) {
        if own.iter().any(|known| known.plan.name == definition.name) {
            continue;
        }
        let settings = ScheduleSettings::deserialize(&definition.settings).map_err(|error| {
            Error::new(ErrorKind::Configuration, "a schedule in the catalog cannot be read")
                .context("database", &entry.name)
                .source(error)
                .hint("it may come from a newer version of this program; use that one")
        })?;
        own.push(resolved(inventory, entry, &definition.name, &settings, Source::Catalog)?);
    }
    Ok(own)
}

/// What the file says, or the definition of the database.
fn declared(inventory: &Inventory, entry: &DatabaseEntry) -> Result<Vec<ScheduleEntry>> {
    let (options, defaults) = (&entry.options, inventory.defaults());
    let own = options.schedule.is_some() || !options.schedules.is_empty();
    let (one, several, source) = match own {
        true => (&options.schedule, &options.schedules, Source::Database),
        false => (&defaults.schedule.value, &defaults.schedules.value, Source::Defaults),
    };
    let one = one.iter().map(|settings| (USUAL_NAME, settings));
    let several = several.iter().map(|(name, settings)| (name.as_str(), settings));
    one.chain(several).map(|(name, settings)| resolved(inventory, entry, name, settings, source)).collect()
}

fn resolved(
    inventory: &Inventory,
    entry: &DatabaseEntry,
    name: &str,
    settings: &ScheduleSettings,
    source: Source,
) -> Result<ScheduleEntry> {
    let schedule =
        settings.schedule(&inventory.zone()).context("database", &entry.name).context("schedule", name)?;
    let plan = Plan { database: entry.name.clone(), name: name.to_owned(), schedule };
    let retention = settings.retention.as_ref().map(RetentionSettings::read).transpose();
    let retention = retention.context("database", &entry.name).context("schedule", name)?;
    Ok(ScheduleEntry { plan, source, paused: false, retention })
}

/// Old backups go each night, where something says which stay; storages whose turn comes later get theirs each hour.
fn of_itself(
    inventory: &Inventory,
    entry: &DatabaseEntry,
    others: &[ScheduleEntry],
) -> Result<Vec<ScheduleEntry>> {
    if !others.iter().any(|other| other.plan.schedule.task == Task::Backup) {
        return Ok(Vec::new());
    }
    let settings = &inventory.config().scheduler;
    let mut found = Vec::new();
    let mut add = |name: &str, task: Task, pattern: &str| -> Result<()> {
        if !others.iter().any(|other| other.plan.schedule.task == task) {
            let pattern = Pattern::parse(pattern)?;
            let schedule =
                Schedule { task, ..Schedule::usual(Timing::Cron { pattern, zone: inventory.zone() }) };
            let plan = Plan { database: entry.name.clone(), name: name.to_owned(), schedule };
            found.push(ScheduleEntry { plan, source: Source::Scheduler, paused: false, retention: None });
        }
        Ok(())
    };
    add(CLEANUP, Task::Cleanup, &settings.cleanup)?;
    if !inventory.upload_after(entry).is_empty() {
        add(SYNC, Task::Sync, &settings.sync)?;
    }
    Ok(found)
}

fn switch(schedule: &mut ScheduleEntry, entry: &DatabaseEntry, known: &Known) {
    let key = (schedule.plan.database.clone(), schedule.plan.name.clone());
    let enabled = schedule.plan.schedule.enabled;
    schedule.paused = enabled && known.switches.get(&key) == Some(&false);
    schedule.plan.schedule.enabled = enabled && !schedule.paused && entry.enabled;
}
