//! Runs: what was done, by whom, how it went.

mod log;
mod read;
mod words;

use cadangkan_core::{
    BackupId, Error, ErrorKind, Name, Progress, Result, RunId, StorageProgress, Ticket, Timestamp,
};
use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::next_number;
use crate::{Catalog, convert};

pub use log::LogLine;
pub use words::{RunKind, RunStatus};

/// A run that is about to begin.
#[derive(Clone, Copy, Debug)]
pub struct NewRun<'a> {
    /// What it will do.
    pub kind: RunKind,
    /// The database, when it is about one.
    pub database: Option<&'a Name>,
    /// Why it runs: `manual`, `daily`.
    pub trigger: &'a str,
    /// Who started it: `cli:root@host`.
    pub initiator: &'a str,
    /// The ticket that asked for it.
    pub ticket: Option<&'a Ticket>,
    /// What was asked for, without secrets.
    pub options: &'a Value,
    /// When it begins.
    pub started_at: Timestamp,
    /// The process that does it: `pid@host`.
    pub holder: &'a str,
}

/// A run, as it is or was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Its number; rises with each run.
    pub id: RunId,
    /// What it does.
    pub kind: RunKind,
    /// The database, when it is about one.
    pub database: Option<String>,
    /// Why it runs.
    pub trigger: String,
    /// Who started it.
    pub initiator: String,
    /// The ticket that asked for it.
    pub ticket: Option<String>,
    /// What was asked for.
    pub options: Value,
    /// How it stands.
    pub status: RunStatus,
    /// When it began, by the wall clock.
    pub started_at: Timestamp,
    /// When it was over, by the wall clock: may lie before the start when the clock was set back.
    pub finished_at: Option<Timestamp>,
    /// The backup that it made or used.
    pub backup_id: Option<BackupId>,
    /// How far it has come, as last told.
    pub progress: Option<RunProgress>,
    /// Why it did not do all of it.
    pub error: Option<RunError>,
    /// The process that does or did it.
    pub holder: String,
}

/// How far a run has come; see [`Progress`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunProgress {
    /// Uncompressed bytes done.
    pub bytes: u64,
    /// Uncompressed bytes to do, when known.
    pub total_bytes: Option<u64>,
    /// Objects done.
    pub objects: u64,
    /// Objects to do, when known.
    pub total_objects: Option<u64>,
    /// How far each of several storages has come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub storages: Vec<StoredProgress>,
}

/// How far one of several storages has come; see [`StorageProgress`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredProgress {
    /// Its name.
    pub storage: String,
    /// Stored bytes that it has taken or given back.
    pub bytes: u64,
    /// How long it worked on that.
    pub seconds: f64,
}

impl From<&StorageProgress<'_>> for StoredProgress {
    fn from(progress: &StorageProgress<'_>) -> Self {
        let StorageProgress { storage, bytes, took } = *progress;
        StoredProgress { storage: storage.to_string(), bytes, seconds: took.as_secs_f64() }
    }
}

impl From<&Progress> for RunProgress {
    fn from(progress: &Progress) -> Self {
        let Progress { bytes, total_bytes, objects, total_objects } = *progress;
        RunProgress { bytes, total_bytes, objects, total_objects, storages: Vec::new() }
    }
}

/// An error, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// The stable name of its kind, see [`ErrorKind::code`].
    pub code: String,
    /// What happened.
    pub message: String,
    /// What happened and why, outermost first.
    pub chain: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl From<&Error> for RunError {
    fn from(error: &Error) -> Self {
        RunError {
            code: error.kind().code().into(),
            message: error.message().into(),
            chain: error.chain(),
            hint: error.advice().map(Into::into),
        }
    }
}

/// How many runs of one kind ended in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunCount {
    /// The database, when they are about one.
    pub database: Option<String>,
    /// What they did.
    pub kind: RunKind,
    /// How they stand.
    pub status: RunStatus,
    /// How many there are.
    pub runs: u64,
}

/// Which runs are meant. Empty: all.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Only those about this database.
    pub database: Option<Name>,
    /// Only this kind.
    pub kind: Option<RunKind>,
    /// Only those that stand so.
    pub status: Option<RunStatus>,
    /// Only those that stand in none of these ways.
    pub without: &'static [RunStatus],
    /// Only those that began at this time or later.
    pub since: Option<Timestamp>,
    /// Only those that began before this time.
    pub until: Option<Timestamp>,
    /// At most so many.
    pub limit: Option<u64>,
}

impl Catalog {
    /// Records that a run begins.
    pub fn begin_run(&self, run: &NewRun<'_>) -> Result<RunId> {
        let options = run.options.to_string();
        self.transaction("cannot record a run", |transaction| {
            let id = next_number(transaction, "runs")?;
            transaction
                .prepare_cached(
                    "INSERT INTO runs (id, kind, database, cause, initiator, ticket, options, holder, status, started_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'running', $9)",
                )?
                .execute(params![
                    id,
                    run.kind.as_str(),
                    run.database.map(Name::as_str),
                    run.trigger,
                    run.initiator,
                    run.ticket.map(Ticket::as_str),
                    options,
                    run.holder,
                    convert::micros(run.started_at),
                ])?;
            Ok(RunId(id))
        })
    }

    /// Records how a run ended. Fails with `Conflict` when it is over already, and with `NotFound` when there is
    /// no such run.
    pub fn finish_run(
        &self,
        id: RunId,
        at: Timestamp,
        status: RunStatus,
        backup: Option<BackupId>,
        error: Option<&RunError>,
    ) -> Result<()> {
        if status == RunStatus::Running {
            return Err(Error::new(ErrorKind::Internal, "a run cannot end as running").context("run", id));
        }
        let error = error.map(serde_json::to_string).transpose().map_err(|source| {
            Error::new(ErrorKind::Internal, "cannot write an error as JSON").source(source)
        })?;
        let sql = "UPDATE runs SET finished_at = $1, status = $2, backup_id = $3, error = $4
                   WHERE id = $5 AND status = 'running'";
        let backup = backup.map(|backup| backup.to_string());
        let parameters = params![convert::micros(at), status.as_str(), backup, error, id.0];
        self.only_running(id, self.execute("cannot record the end of a run", sql, parameters)?)
    }

    /// Records how far a run has come: once a second is often enough.
    pub fn set_progress(&self, id: RunId, progress: &RunProgress) -> Result<()> {
        let progress = serde_json::to_string(progress).map_err(|source| {
            Error::new(ErrorKind::Internal, "cannot write progress as JSON").source(source)
        })?;
        let sql = "UPDATE runs SET progress = $1 WHERE id = $2 AND status = 'running'";
        let changed =
            self.execute_soon("cannot record the progress of a run", sql, params![progress, id.0])?;
        self.only_running(id, changed)
    }

    fn only_running(&self, id: RunId, changed: usize) -> Result<()> {
        if changed == 1 {
            return Ok(());
        }
        Err(match self.run(id)? {
            Some(run) => Error::new(ErrorKind::Conflict, "the run is over already")
                .context("run", id)
                .context("status", run.status),
            None => Error::new(ErrorKind::NotFound, "no such run").context("run", id),
        })
    }
}
