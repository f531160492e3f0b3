//! What a person wants done before and after a run, within its lock and its log.

use cadangkan_catalog::{RunKind, RunStatus};
use cadangkan_core::{BackupId, Control, Error, Name, Result, RunId};
use serde::Serialize;

use crate::Context;
use crate::backup::BackupReport;
use crate::run;

/// Does what a person wants done around a run.
pub trait Around: Sync {
    /// Called before anything of the run is done. A failure stops the run.
    fn before(&self, run: &AroundRun<'_>, control: &Control<'_>) -> Result<()>;

    /// Called when the run has ended, whichever way, also where `before` stopped it. A failure changes nothing of what the run
    /// made; it makes the run partial.
    ///
    /// Somebody may have asked to stop: what has to be undone is done all the same.
    fn after(&self, run: &AroundRun<'_>, end: &End<'_>, control: &Control<'_>) -> Result<()>;
}

/// A run that something is done around.
#[derive(Clone, Copy, Debug)]
pub struct AroundRun<'a> {
    /// What it does.
    pub kind: RunKind,
    /// The configured name of its database.
    pub database: &'a Name,
    /// Why it runs.
    pub trigger: &'a str,
    /// Its number, where it is one run.
    pub id: Option<RunId>,
}

/// How a run ended.
#[derive(Debug)]
pub struct End<'a> {
    /// In one word.
    pub status: RunStatus,
    /// The backups that it made: of a server one for each database.
    pub made: Vec<Made>,
    /// Why it did not do all of it.
    pub error: Option<&'a Error>,
}

/// A backup that a run made.
#[derive(Clone, Debug, Serialize)]
pub struct Made {
    /// Its id.
    pub backup_id: BackupId,
    /// The database, by its own name.
    pub database: String,
    /// Stored bytes.
    pub size_bytes: u64,
    /// The storages that hold it.
    pub storages: Vec<String>,
    /// The storages that should hold it too.
    pub failed_storages: Vec<String>,
}

impl Made {
    pub(crate) fn of(report: &BackupReport) -> Self {
        Made {
            backup_id: report.manifest.backup_id,
            database: report.manifest.database.clone(),
            size_bytes: report.manifest.archive.size_bytes,
            storages: report.copies.iter().map(|copy| copy.storage.clone()).collect(),
            failed_storages: report.failed_copies.iter().map(|copy| copy.storage.clone()).collect(),
        }
    }
}

/// Does `work` with what belongs around it; `made` says what came of it, and what was left undone. Besides the result the
/// failure of what was done afterwards is returned.
pub(crate) fn around<T>(
    context: &Context<'_>,
    about: &AroundRun<'_>,
    made: impl FnOnce(&T) -> (Vec<Made>, Option<Error>),
    work: impl FnOnce(&Context<'_>) -> Result<T>,
) -> Result<(T, Option<Error>)> {
    let Some(hooks) = context.around else { return work(context).map(|done| (done, None)) };
    let control = &context.control;
    // What the run itself does in other runs has nothing around it.
    let within = Context { around: None, ..*context };
    let result = hooks.before(about, control).and_then(|()| work(&within));
    let (made, left_undone) = result.as_ref().map_or((Vec::new(), None), made);
    let error = left_undone.as_ref().or(result.as_ref().err());
    let status = match error {
        Some(_) if !made.is_empty() => RunStatus::Partial,
        Some(error) => run::status_of(error),
        None => RunStatus::Completed,
    };
    let after = hooks.after(about, &End { status, made, error }, control);
    match (result, after) {
        (Ok(done), after) => Ok((done, after.err())),
        (Err(error), Ok(())) => Err(error),
        (Err(error), Err(second)) => Err(error.context("failed too", second)),
    }
}
