//! Runs: every verb that does something is recorded from its begin to its end, with its log and progress.

use std::sync::Mutex;
use std::time::Duration;

use cadangkan_catalog::{Catalog, NewRun, RunError, RunKind, RunProgress, RunStatus, StoredProgress};
use cadangkan_core::{
    BackupId, Clock, Control, Error, ErrorKind, Event, Level, Name, Reporter, Result, RunId, Timestamp,
};
use serde_json::Value;

use crate::Context;
use crate::lock::DatabaseLock;

/// How often progress is written to the catalog.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// What a run is, before it begins.
pub(crate) struct RunDescription<'a> {
    pub(crate) kind: RunKind,
    pub(crate) database: Option<&'a Name>,
    pub(crate) trigger: &'a str,
    pub(crate) options: Value,
}

/// What a run that went well gives besides its result.
pub(crate) struct Outcome<T> {
    pub(crate) result: T,
    pub(crate) backup: Option<BackupId>,
    /// What was left undone, where the result stands all the same.
    pub(crate) partial: Option<Error>,
}

impl<T> Outcome<T> {
    pub(crate) fn completed(result: T, backup: Option<BackupId>) -> Self {
        Outcome { result, backup, partial: None }
    }
}

/// Does `work` as a recorded run: it gets a context whose events also go to the run's log.
///
/// The run ends as completed, failed or cancelled, whatever `work` returns. A record that cannot be kept never
/// stops the work: it makes a finished run `Partial`. A restore even begins without a record when there must be.
pub(crate) fn record<T>(
    context: &Context<'_>,
    description: &RunDescription<'_>,
    work: impl FnOnce(&Context<'_>, Option<RunId>) -> Result<Outcome<T>>,
) -> Result<T> {
    let Some((catalog, run)) = begin(context, description)? else {
        return work(&Context { catalog: None, ..*context }, None).map(|outcome| outcome.result);
    };
    let clock = context.control.clock;
    let recorder = Recorder { next: context.control.reporter, clock, catalog, run, state: Mutex::default() };
    let control = Control { reporter: &recorder, ..context.control };
    let result = work(&Context { control, ..*context }, Some(run));
    let failure = recorder.finish();
    match result {
        Ok(Outcome { result, backup, partial }) => {
            let status = if partial.is_some() { RunStatus::Partial } else { RunStatus::Completed };
            let error = partial.as_ref().map(RunError::from);
            let finished = catalog.finish_run(run, clock.now(), status, backup, error.as_ref());
            failure.map_or(finished, Err).map_err(|error| not_recorded(description.kind, error))?;
            Ok(result)
        }
        Err(error) => {
            let status = status_of(&error);
            let recorded =
                catalog.log(run, clock.now(), Level::Error, &error.to_string(), None).and_then(|()| {
                    catalog.finish_run(run, clock.now(), status, None, Some(&RunError::from(&error)))
                });
            match recorded {
                Ok(()) => Err(error),
                Err(second) => Err(error.context("not recorded", second)),
            }
        }
    }
}

/// How a run stands that ended with an error.
pub(crate) fn status_of(error: &Error) -> RunStatus {
    match error.kind() {
        ErrorKind::Cancelled => RunStatus::Cancelled,
        ErrorKind::Partial => RunStatus::Partial,
        _ => RunStatus::Failed,
    }
}

fn begin<'a>(
    context: &Context<'a>,
    description: &RunDescription<'_>,
) -> Result<Option<(&'a Catalog, RunId)>> {
    let Some(catalog) = context.catalog else { return Ok(None) };
    let begun = catalog.begin_run(&NewRun {
        kind: description.kind,
        database: description.database,
        trigger: description.trigger,
        initiator: context.initiator,
        ticket: context.ticket,
        options: &description.options,
        started_at: context.control.clock.now(),
        holder: context.holder,
    });
    match begun {
        Ok(run) => Ok(Some((catalog, run))),
        Err(error) if description.kind == RunKind::Restore => {
            let text = format!("this restore is not recorded: {error}");
            context.control.message(Level::Warning, &text);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn not_recorded(kind: RunKind, error: Error) -> Error {
    Error::new(
        ErrorKind::Partial,
        format!("the {} is done, but its record in the catalog is not whole", kind.as_str()),
    )
    .source(error)
    .hint("make room for the catalog; `cadangkan adopt <storage>` brings back what it must know")
}

/// Ends the runs in the catalog whose process is gone, and returns how many those were.
///
/// A run belongs to a process that is gone when it is recorded as running while nobody holds its database's lock.
/// The caller must not hold that lock itself.
pub fn reap(context: &Context<'_>) -> Result<usize> {
    let Some(catalog) = context.catalog else { return Ok(0) };
    let mut reaped = 0;
    for run in catalog.running(None)? {
        let Some(database) = run.database.as_deref().and_then(|name| Name::new(name).ok()) else { continue };
        if !DatabaseLock::is_held(context.locks, &database)? {
            end_abandoned(catalog, context.control.clock, run.id)?;
            reaped += 1;
        }
    }
    Ok(reaped)
}

/// Ends what is recorded as running for a database whose lock the caller has just taken.
pub(crate) fn reap_database(context: &Context<'_>, database: &Name) -> Result<()> {
    let Some(catalog) = context.catalog else { return Ok(()) };
    for run in catalog.running(Some(database))? {
        end_abandoned(catalog, context.control.clock, run.id)?;
    }
    Ok(())
}

fn end_abandoned(catalog: &Catalog, clock: &dyn Clock, run: RunId) -> Result<()> {
    let error = Error::new(ErrorKind::Cancelled, "the process of this run ended without a word")
        .hint("it was killed or the machine went down; `cadangkan cleanup <db>` shows what it left behind");
    match catalog.finish_run(run, clock.now(), RunStatus::Failed, None, Some(&RunError::from(&error))) {
        // Another process ended it first.
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
        result => result,
    }
}

/// Passes events on, and writes steps, messages and (once a second) progress to the catalog.
struct Recorder<'a> {
    next: &'a dyn Reporter,
    clock: &'a dyn Clock,
    catalog: &'a Catalog,
    run: RunId,
    state: Mutex<RecorderState>,
}

#[derive(Default)]
struct RecorderState {
    progress_written: Option<Timestamp>,
    /// How far the run has come.
    progress: RunProgress,
    /// Whether some of it came since it was last written.
    progress_waits: bool,
    failure: Option<Error>,
}

impl Recorder<'_> {
    /// Writes the last progress, and returns why the log could not be written, if so.
    fn finish(&self) -> Option<Error> {
        let mut state = self.state.lock().ok()?;
        let last = match state.progress_waits {
            true => self.catalog.set_progress(self.run, &state.progress),
            false => Ok(()),
        };
        state.failure.take().or(last.err())
    }

    fn write(&self, event: &Event<'_>, state: &mut RecorderState) -> Result<()> {
        let now = self.clock.now();
        match *event {
            Event::Step { name } => self.catalog.log_step(self.run, now, name),
            Event::Message { level, text } => self.catalog.log(self.run, now, level, text, None),
            Event::Progress(progress) => {
                let storages = std::mem::take(&mut state.progress.storages);
                state.progress = RunProgress { storages, ..RunProgress::from(&progress) };
                self.write_progress(now, state)
            }
            Event::Storages(storages) => {
                state.progress.storages = storages.iter().map(StoredProgress::from).collect();
                self.write_progress(now, state)
            }
        }
    }

    /// Writes how far the run has come, unless that was done lately.
    fn write_progress(&self, now: Timestamp, state: &mut RecorderState) -> Result<()> {
        let recent = |written: Timestamp| now.duration_since(written).unsigned_abs() < PROGRESS_INTERVAL;
        state.progress_waits = state.progress_written.is_some_and(recent);
        if state.progress_waits {
            return Ok(());
        }
        state.progress_written = Some(now);
        self.catalog.set_progress(self.run, &state.progress)
    }
}

impl Reporter for Recorder<'_> {
    fn report(&self, event: &Event<'_>) {
        self.next.report(event);
        let Ok(mut state) = self.state.lock() else { return };
        if state.failure.is_none() {
            // A reporter cannot fail: the first failure is kept and told when the run ends.
            state.failure = self.write(event, &mut state).err();
        }
    }
}
