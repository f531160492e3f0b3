//! Which backups stay: from the configuration to what ops carries out.

use std::collections::BTreeMap;

use cadangkan_core::{Error, ErrorKind, Level, Name, Result, ResultExt, format_bytes};
use cadangkan_engine::Engine;
use cadangkan_ops::retention::{PlaceRules, Removed, apply};
use cadangkan_ops::{Context, Database, Place};
use cadangkan_retention::Rules;

use crate::app::{App, Places, Session};
use crate::config::RetentionSettings;
use crate::inventory::{DatabaseEntry, Wishes};
use crate::schedules::{self, Known, ScheduleEntry};
use crate::ui::count::count;

/// What counts for the backups of a database in each of its storages.
pub(crate) struct Retention(Vec<Rules>);

impl Retention {
    /// Reads what counts for a database in these storages; `None` where everything stays.
    pub(crate) fn of(
        session: &Session,
        entry: &DatabaseEntry,
        places: &[Place<'_>],
    ) -> Result<Option<Retention>> {
        let Some(settings) = settings(session, entry)? else { return Ok(None) };
        let rules = places.iter().map(|place| {
            let own = settings.of_schedules.iter();
            let own = own.map(|(name, own)| Ok((name.clone(), own.of(place.name).rule(session.zone())?)));
            let usual = settings.usual.of(place.name).rule(session.zone())?;
            Ok(Rules { usual, of_schedules: own.collect::<Result<_>>()? })
        });
        let rules = rules.collect::<Result<_>>().context("database", &entry.name)?;
        Ok(Some(Retention(rules)))
    }

    /// One rule for each of the storages that it was read for.
    pub(crate) fn rules<'a>(&'a self, places: &[Place<'a>]) -> Vec<PlaceRules<'a>> {
        places.iter().zip(&self.0).map(|(place, rules)| PlaceRules { place: *place, rules }).collect()
    }
}

/// Lets old backups go once a new one is good, in the storages that have it, and in those whose turn comes later.
pub(crate) fn after_backup(
    app: &App,
    session: &Session,
    context: &Context<'_>,
    entry: &DatabaseEntry,
    engine: &dyn Engine,
) -> Result<()> {
    if settings(session, entry)?.is_none() {
        return Ok(());
    }
    let catalog = session.catalog()?;
    let Some(newest) = catalog.newest_backup(&entry.name, true)? else { return Ok(()) };
    let holders: Vec<_> = catalog.backup_copies(&entry.name, newest.id)?;
    let mut storages = session.storages_for(entry)?;
    storages.retain(|storage| {
        session.inventory.waits_for(entry, &storage.name).is_some()
            || holders.iter().any(|copy| copy.storage == storage.name)
    });
    let places = Places::open(storages)?;
    let places = places.list();
    let Some(retention) = Retention::of(session, entry, &places)? else { return Ok(()) };
    let database = Database { name: &entry.name, engine, one_of: None };
    match apply(context, database, &retention.rules(&places), "retention") {
        Ok(removed) => {
            app.finish_progress();
            report(app, &removed);
            Ok(())
        }
        // Somebody reads one of them: it goes with the next backup.
        Err(error) if error.kind() == ErrorKind::Locked => {
            let text = format!("old backups stay for now: {error}");
            context.control.message(Level::Warning, &text);
            Ok(())
        }
        Err(error) => {
            let message = "the backup is whole, but old ones could not be deleted";
            Err(Error::new(ErrorKind::Partial, message).source(error))
        }
    }
}

/// Lets old backups of a database go, in these storages or in all that may have some: what a schedule does.
pub(crate) fn clean_up(app: &App, session: &Session, database: &Name, storages: &[Name]) -> Result<()> {
    let entry = session.inventory.database(database.as_str())?;
    let places = session.places_for(&entry.name, storages)?;
    let list = places.list();
    let Some(retention) = Retention::of(session, entry, &list)? else { return Ok(()) };
    let engine = entry.open_without_secrets()?;
    let database = Database { name: &entry.name, engine: engine.as_ref(), one_of: None };
    let removed = apply(&session.context(app), database, &retention.rules(&list), "retention")?;
    app.finish_progress();
    report(app, &removed);
    Ok(())
}

/// Says in words which backups of a database stay, of those that a schedule makes.
pub(crate) fn words(session: &Session, entry: &DatabaseEntry, schedule: Option<&str>) -> Result<String> {
    let effective = session.inventory.effective(entry, &Wishes::default());
    let said = effective.retention.value.is_some();
    let Some(settings) = settings(session, entry)? else { return Ok("all stay".to_owned()) };
    if let Some(own) = schedule.and_then(|name| settings.of_schedules.get(name)) {
        return Ok(own.policy()?.to_string());
    }
    let policy = settings.usual.policy().context("database", &entry.name)?;
    Ok(if said {
        policy.to_string()
    } else {
        format!("{policy} (the usual policy; `retention` says otherwise)")
    })
}

/// What is said of which backups stay.
struct Said {
    usual: RetentionSettings,
    /// By the names of schedules.
    of_schedules: BTreeMap<String, RetentionSettings>,
}

/// What somebody said of which backups stay; the usual where nobody did and a schedule makes them.
fn settings(session: &Session, entry: &DatabaseEntry) -> Result<Option<Said>> {
    let said = session.inventory.effective(entry, &Wishes::default()).retention.value;
    let schedules = schedules::of_backups(&Known::read(session.catalog()?)?, &session.inventory, entry)?;
    if said.is_none() && schedules.is_empty() {
        return Ok(None);
    }
    let is_hourly =
        |known: &ScheduleEntry| known.retention.is_none() && known.plan.schedule.rhythm() == "hourly";
    let usual = said.unwrap_or_else(|| RetentionSettings::usual(schedules.iter().any(is_hourly)));
    let over_all = usual.hard_limit.clone();
    let own = |known: ScheduleEntry| Some((known.plan.name, known.retention?.within(over_all.clone())));
    Ok(Some(Said { of_schedules: schedules.into_iter().filter_map(own).collect(), usual }))
}

fn report(app: &App, removed: &Removed) {
    for series in &removed.plan.series {
        if let Some(why) = series.halted.as_ref().filter(|_| series.plan.removals().next().is_some()) {
            app.warn(&format!("old backups stay in {}: {why}", series.storage));
        }
    }
    if !removed.removed.is_empty() {
        let bytes = removed.removed.iter().map(|copy| copy.size_bytes).sum();
        let copies = count(removed.removed.len() as u64, "old backup");
        app.say(&format!("{} Removed {copies} by retention, {}", app.style.good_mark(), format_bytes(bytes)));
    }
}
