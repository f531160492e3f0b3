use std::collections::BTreeMap;
use std::time::Duration;

use cadangkan_catalog::{BackupFilter, Run, RunFilter, RunKind, RunStatus};
use cadangkan_core::{Clock as _, Error, ErrorKind, Name, Result, RunId, Timestamp};
use cadangkan_notify::{Event, EventKind, Problem};

use super::room::newly_low;
use super::tell::release;
use super::{How, deliver_due, tell};
use crate::app::{App, Session};
use crate::ui::CANNOT_PRINT;

/// How long the end of a run waits for the channels.
const LIMIT: Duration = Duration::from_secs(10);
/// How long its beginning does.
const LIMIT_OF_START: Duration = Duration::from_secs(3);
/// How many copies of backups are looked at: a server may have many databases.
const MOST_COPIES: u64 = 2000;
/// How many of the last runs are looked at.
const LOOKED_AT: u64 = 50;

/// Looks at a run from its begin to its end, and tells how it went. Whether somebody could be told never changes the result.
pub(crate) struct Watch<'a> {
    app: &'a App,
    session: &'a Session,
    kind: RunKind,
    database: Option<Name>,
    begun_at: Timestamp,
    /// The last run there was before.
    before: Option<RunId>,
    is_on: bool,
}

impl<'a> Watch<'a> {
    /// Does the work of a run, and looks at it.
    pub(crate) fn around<T>(
        app: &App,
        session: &Session,
        kind: RunKind,
        database: Option<&Name>,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let watch = Watch::begin(app, session, kind, database);
        let result = work();
        watch.end(result.as_ref().err());
        result
    }

    /// Begins to look at a run; tells those that measure runs. Does nothing where no channel is configured, and in a dry run.
    fn begin(app: &'a App, session: &'a Session, kind: RunKind, database: Option<&Name>) -> Self {
        let is_on = !session.inventory.config().notifications.is_empty() && !app.global.dry_run;
        let newest = session
            .catalog()
            .and_then(|catalog| catalog.runs(&RunFilter { limit: Some(1), ..RunFilter::default() }));
        // Without a catalog nothing can be kept, and nothing is told.
        let is_on = is_on && newest.is_ok();
        let before = newest.ok().and_then(|runs| runs.first().map(|run| run.id));
        let begun_at = app.clock.now();
        let watch = Watch { app, session, kind, database: database.cloned(), begun_at, before, is_on };
        if is_on && kind == RunKind::Backup {
            watch.say(vec![watch.event(EventKind::Started)], LIMIT_OF_START);
        }
        watch
    }

    /// Tells how it went. What a person mistyped or stopped is no event.
    fn end(self, error: Option<&Error>) {
        let error = error.filter(|error| error.message() != CANNOT_PRINT);
        if !self.is_on {
            return;
        }
        let is_of_person = |error: &Error| matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Usage);
        // A scheduled run that is tried again soon has not failed yet.
        let is_told =
            !error.is_some_and(|error| is_of_person(error) || self.app.is_tried_again(error.kind()));
        match self.events(error, is_told) {
            Ok(events) if events.is_empty() => {}
            Ok(events) => self.say(events, LIMIT),
            Err(error) => cannot(self.app, &error),
        }
    }

    /// What is to be told: of the run itself where `is_told`, and always of those before it that were killed, since the next
    /// run looks back to this one only.
    fn events(&self, error: Option<&Error>, is_told: bool) -> Result<Vec<Event>> {
        let catalog = self.session.catalog()?;
        // The run of a restore is about its target.
        let database = self.database.clone().filter(|_| self.kind != RunKind::Restore);
        let (kind, limit) = (Some(self.kind), Some(LOOKED_AT));
        let of_kind = catalog.runs(&RunFilter { database, kind, limit, ..RunFilter::default() })?;
        let is_new = |run: &&Run| self.before.is_none_or(|before| run.id > before);
        let own = of_kind.iter().find(|run| is_new(run) && run.holder == self.session.holder());
        if own.is_none() && !is_told {
            return Ok(Vec::new());
        }
        // Those that were killed since the last one that had an end: nobody has told of them.
        let before = of_kind.iter().filter(|run| !is_new(run) && run.database.as_deref() == self.name());
        let killed = before.take_while(|run| was_killed(run));
        let mut events: Vec<Event> = killed.map(|run| self.interrupted(run)).collect();
        if !is_told {
            return Ok(events);
        }
        let mut event = self.event(self.outcome(error));
        event.error = error.map(Problem::from);
        if let Some(run) = own {
            event.trigger = Some(run.trigger.clone());
            event.begun_at = Some(run.started_at);
            event.backup_id = run.backup_id.map(|id| id.to_string());
            self.tell_of_backups(&mut event, run)?;
        }
        event.failures = self.failures(&mut event.kind)?;
        let low = match (self.kind, event.size_bytes) {
            (RunKind::Backup, Some(bytes)) => newly_low(self.session, &event.storages, bytes)?,
            _ => Vec::new(),
        };
        events.push(event);
        events.extend(low.into_iter().map(|(storage, detail)| self.low_space(storage, detail)));
        Ok(events)
    }

    /// Adds what is known of the backups that a run made or used.
    fn tell_of_backups(&self, event: &mut Event, run: &Run) -> Result<()> {
        let Some(database) = self.database.clone() else { return Ok(()) };
        let filter = BackupFilter {
            database: Some(database),
            limit: Some(MOST_COPIES),
            descending: true,
            ..BackupFilter::default()
        };
        let mut copies = self.session.catalog()?.backups(&filter)?;
        copies.retain(|copy| copy.run == Some(run.id) || run.backup_id == Some(copy.id));
        event.storages = copies.iter().map(|copy| copy.storage.to_string()).collect();
        event.storages.sort_unstable();
        event.storages.dedup();
        let sizes: BTreeMap<_, _> =
            copies.iter().map(|copy| ((copy.id, &copy.original), copy.size_bytes)).collect();
        event.size_bytes = (!sizes.is_empty()).then(|| sizes.values().sum());
        let suspect: Vec<&str> = copies.iter().flat_map(|copy| &copy.suspect).map(String::as_str).collect();
        if event.kind == EventKind::Success && !suspect.is_empty() {
            event.kind = EventKind::Suspect;
            event.detail = Some(suspect.join("; "));
        }
        Ok(())
    }

    fn name(&self) -> Option<&str> {
        self.database.as_ref().map(Name::as_str)
    }

    fn outcome(&self, error: Option<&Error>) -> EventKind {
        match (error.map(Error::kind), self.kind) {
            (Some(ErrorKind::Partial), _) => EventKind::Partial,
            (Some(_), _) => EventKind::Failure,
            (None, RunKind::Restore) => EventKind::Restore,
            (None, RunKind::Verify) => EventKind::Verification,
            (None, _) => EventKind::Success,
        }
    }

    /// Counts how often the backup has failed, or was doubtful, by now; one that is good ends the count.
    fn failures(&self, kind: &mut EventKind) -> Result<u64> {
        let Some(database) = self.database.as_ref().filter(|_| self.kind == RunKind::Backup) else {
            return Ok(0);
        };
        let catalog = self.session.catalog()?;
        if *kind != EventKind::Success {
            return catalog.count_failure(database.as_str());
        }
        let failures = catalog.end_failures(database.as_str())?;
        if failures > 0 {
            *kind = EventKind::Recovered;
        }
        Ok(failures)
    }

    fn interrupted(&self, run: &Run) -> Event {
        let mut event = self.event(EventKind::Interrupted);
        event.run = Some(run.kind.to_string());
        event.begun_at = Some(run.started_at);
        event.trigger = Some(run.trigger.clone());
        event.error = run.error.as_ref().map(|error| Problem {
            code: error.code.clone(),
            message: error.message.clone(),
            hint: error.hint.clone(),
        });
        event
    }

    fn low_space(&self, storage: String, detail: String) -> Event {
        let mut event = self.event(EventKind::LowSpace);
        // It is about the storage, whoever filled it.
        (event.database, event.run, event.begun_at) = (None, None, None);
        (event.storages, event.detail) = (vec![storage], Some(detail));
        event
    }

    fn event(&self, kind: EventKind) -> Event {
        let mut event =
            Event::new(kind, self.app.clock.now(), &self.app.process.host, env!("CARGO_PKG_VERSION"));
        event.database = self.database.as_ref().map(ToString::to_string);
        event.run = Some(self.kind.to_string());
        event.begun_at = Some(self.begun_at);
        event
    }

    fn say(&self, events: Vec<Event>, limit: Duration) {
        // Of scheduled runs the scheduler delivers what is due, of one of many their end, and many that fail together make one
        // message. That a run begins is of use at once, or not at all.
        let begins = events.iter().all(|event| event.kind == EventKind::Started);
        let is_scheduled = self.app.job.is_some();
        let how = if (is_scheduled || self.app.is_part) && !begins { How::Together } else { How::AtOnce };
        let told = events.iter().map(|event| tell(self.session, event, self.app.clock.now(), how));
        let told = told.collect::<Result<Vec<_>>>();
        match told {
            Ok(_) if how == How::Together && is_scheduled => {}
            Ok(_) => deliver(self.app, self.session, limit),
            Err(error) => cannot(self.app, &error),
        }
    }
}

/// Delivers at the end of many runs what was held to be told together.
pub(crate) fn end_of_many(app: &App, session: &Session) {
    // What a scheduled job has to tell is held until the scheduler delivers it, with what others have.
    if app.job.is_some() || app.global.dry_run {
        return;
    }
    match release(session, app.clock.now()) {
        Ok(()) => deliver(app, session, LIMIT),
        Err(error) => cannot(app, &error),
    }
}

fn deliver(app: &App, session: &Session, limit: Duration) {
    match deliver_due(app, session, limit) {
        Ok(delivery) => {
            for (channel, error) in &delivery.failed {
                app.warn(&format!("{channel} could not be notified, and will be again: {error}"));
            }
        }
        Err(error) => cannot(app, &error),
    }
}

fn cannot(app: &App, error: &Error) {
    app.warn(&format!("nobody could be notified: {error}"));
}

/// Tells whether a run ended with its process: only then it failed, and was stopped.
fn was_killed(run: &Run) -> bool {
    let code = run.error.as_ref().map(|error| error.code.as_str());
    run.status == RunStatus::Failed && code == Some(ErrorKind::Cancelled.code())
}
