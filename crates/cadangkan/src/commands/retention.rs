//! Which backups stay: from the configuration to what ops carries out.

use cadangkan_core::{Error, ErrorKind, Level, Name, Result, ResultExt, format_bytes};
use cadangkan_engine::Engine;
use cadangkan_ops::retention::{Removed, Rule, apply};
use cadangkan_ops::{Context, Database, Place};
use cadangkan_retention::{Calendar, Policy};

use crate::app::{App, Session};
use crate::config::RetentionSettings;
use crate::inventory::{DatabaseEntry, Wishes};
use crate::schedules;
use crate::ui::count::count;

/// What counts for the backups of a database in each of its storages.
pub(crate) struct Retention(Vec<Counts>);

struct Counts {
    policy: Policy,
    calendar: Calendar,
}

impl Retention {
    /// Reads what counts for a database in these storages; `None` where everything stays.
    pub(crate) fn of(
        session: &Session,
        entry: &DatabaseEntry,
        places: &[Place<'_>],
    ) -> Result<Option<Retention>> {
        let Some(settings) = settings(session, entry)? else { return Ok(None) };
        let counts = places.iter().map(|place| {
            let own = settings.of(place.name);
            let policy = own.policy().context("database", &entry.name)?;
            Ok(Counts { policy, calendar: own.calendar(session.zone()) })
        });
        counts.collect::<Result<_>>().map(|counts| Some(Retention(counts)))
    }

    /// One rule for each of the storages that it was read for.
    pub(crate) fn rules<'a>(&'a self, places: &[Place<'a>]) -> Vec<Rule<'a>> {
        let rule = |(place, Counts { policy, calendar }): (&Place<'a>, &'a Counts)| Rule {
            place: *place,
            policy,
            calendar,
        };
        places.iter().zip(&self.0).map(rule).collect()
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
    let places = session.places(entry, &[])?;
    let mut places = places.list();
    places.retain(|place| {
        session.inventory.waits_for(entry, place.name).is_some()
            || holders.iter().any(|copy| &copy.storage == place.name)
    });
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

/// Says in words which backups of a database stay.
pub(crate) fn words(session: &Session, entry: &DatabaseEntry) -> Result<String> {
    let effective = session.inventory.effective(entry, &Wishes::default());
    let said = effective.retention.value.is_some();
    let Some(settings) = settings(session, entry)? else { return Ok("all stay".to_owned()) };
    let policy = settings.policy().context("database", &entry.name)?;
    Ok(if said {
        policy.to_string()
    } else {
        format!("{policy} (the usual policy; `retention` says otherwise)")
    })
}

/// What somebody said of which backups stay; the usual where nobody did and a schedule makes them.
fn settings(session: &Session, entry: &DatabaseEntry) -> Result<Option<RetentionSettings>> {
    let effective = session.inventory.effective(entry, &Wishes::default());
    match effective.retention.value {
        Some(settings) => Ok(Some(settings)),
        None => {
            let rhythms = schedules::rhythms(session, entry)?;
            Ok((!rhythms.is_empty()).then(|| RetentionSettings::usual(rhythms.contains("hourly"))))
        }
    }
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
