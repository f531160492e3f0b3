use std::collections::{BTreeMap, BTreeSet};

use cadangkan_catalog::{
    BackupFilter, BackupRecord, BackupStatus, Catalog, Job, JobFilter, JobState, Run, RunFilter, RunKind,
    RunStatus,
};
use cadangkan_core::{BackupId, Name, Result, Timestamp};
use serde::Serialize;

use super::Month;
use crate::app::Session;
use crate::commands::labels::LabelArgs;
use crate::inventory::DatabaseEntry;

/// What happened in a month.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) month: String,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) zone: String,
    pub(super) made_at: Timestamp,
    /// Whether the month is over.
    pub(super) is_whole: bool,
    pub(super) total: Total,
    pub(super) databases: Vec<Part>,
}

/// What happened to one database.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    pub(super) name: String,
    /// None where it is not configured any more.
    pub(super) engine: Option<&'static str>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) total: Total,
    pub(super) backups: Vec<Made>,
    pub(super) failures: Vec<Event>,
    /// What was due and not done: missed, or left out.
    pub(super) left_out: Vec<Event>,
    pub(super) verifications: Vec<Event>,
    pub(super) restores: Vec<Event>,
}

/// Numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Total {
    /// Backups that were made in the month, each once however many storages have it.
    pub(super) backups: u64,
    /// Their stored bytes, as far as they are there still.
    pub(super) size_bytes: u64,
    /// Runs that were to make a backup and failed.
    pub(super) failed: u64,
    /// Runs that left something undone: a storage that did not get its copy.
    pub(super) partial: u64,
    /// Runs that somebody stopped.
    pub(super) stopped: u64,
    /// Runs of schedules that were not made at their time, and not later either.
    pub(super) missed: u64,
    /// Runs of schedules that were left out for a reason.
    pub(super) skipped: u64,
    pub(super) verifications: u64,
    pub(super) verifications_failed: u64,
    pub(super) restores: u64,
    pub(super) restores_failed: u64,
    /// Copies that are there when the report is made, whenever they were made.
    pub(super) copies_now: u64,
    /// Their stored bytes.
    pub(super) bytes_now: u64,
}

impl Total {
    fn add(&mut self, other: &Total) {
        self.backups += other.backups;
        self.size_bytes += other.size_bytes;
        self.failed += other.failed;
        self.partial += other.partial;
        self.stopped += other.stopped;
        self.missed += other.missed;
        self.skipped += other.skipped;
        self.verifications += other.verifications;
        self.verifications_failed += other.verifications_failed;
        self.restores += other.restores;
        self.restores_failed += other.restores_failed;
        self.copies_now += other.copies_now;
        self.bytes_now += other.bytes_now;
    }
}

/// A backup that was made.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    pub(super) backup_id: BackupId,
    pub(super) at: Timestamp,
    /// Of a server: which database.
    pub(super) database: Option<String>,
    pub(super) trigger: String,
    /// `good`, `damaged`, `missing`, `suspect`, or `removed` where it is not there any more.
    pub(super) state: String,
    pub(super) size_bytes: Option<u64>,
    pub(super) storages: Vec<String>,
    pub(super) verified_at: Option<Timestamp>,
}

/// Something that was done or failed.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    pub(super) at: Timestamp,
    /// Of a run, or of a job that none was made of.
    pub(super) status: &'static str,
    pub(super) backup_id: Option<String>,
    /// Of a restore: where to. Of a verification: the storage. Of what was left out: the task and its schedule.
    pub(super) place: Option<String>,
    pub(super) message: Option<String>,
}

impl Report {
    /// Asks the catalog.
    pub(super) fn collect(
        session: &Session,
        labels: &LabelArgs,
        month: &Month,
        now: Timestamp,
    ) -> Result<Self> {
        let catalog = session.catalog()?;
        let filter = RunFilter { since: Some(month.from), until: Some(month.until), ..RunFilter::default() };
        let mut runs: BTreeMap<String, Vec<Run>> = BTreeMap::new();
        for run in catalog.runs(&filter)?.into_iter().rev() {
            runs.entry(about_which(&run)).or_default().push(run);
        }
        let filter =
            BackupFilter { since: Some(month.from), until: Some(month.until), ..BackupFilter::default() };
        let mut copies: BTreeMap<String, Vec<BackupRecord>> = BTreeMap::new();
        for copy in catalog.backups(&filter)? {
            copies.entry(copy.database.to_string()).or_default().push(copy);
        }
        let mut jobs: BTreeMap<String, Vec<Job>> = BTreeMap::new();
        for state in [JobState::Missed, JobState::Skipped] {
            let (since, until) = (Some(month.from), Some(month.until));
            for job in
                catalog.jobs(&JobFilter { state: Some(state), since, until, ..JobFilter::default() })?
            {
                jobs.entry(job.database.to_string()).or_default().push(job);
            }
        }
        let chosen = labels.choose(&session.inventory)?;
        let mut names: BTreeSet<String> = chosen.iter().map(|entry| entry.name.to_string()).collect();
        if labels.is_empty() {
            // Those that are not configured any more have a past all the same.
            let known = runs.keys().chain(copies.keys()).chain(jobs.keys());
            names.extend(known.filter(|name| !name.is_empty()).cloned());
        }
        let mut databases = Vec::new();
        let mut total = Total::default();
        for name in names {
            let entry = chosen.iter().find(|entry| entry.name.as_str() == name);
            let (runs, copies) =
                (runs.remove(&name).unwrap_or_default(), copies.remove(&name).unwrap_or_default());
            let jobs = jobs.remove(&name).unwrap_or_default();
            let part = part(catalog, name, entry.copied(), &runs, &copies, &jobs)?;
            total.add(&part.total);
            databases.push(part);
        }
        Ok(Report {
            month: month.name.clone(),
            from: month.from,
            until: month.until,
            zone: session.zone().iana_name().unwrap_or("local time").to_owned(),
            made_at: now,
            is_whole: now >= month.until,
            total,
            databases,
        })
    }
}

fn part(
    catalog: &Catalog,
    name: String,
    entry: Option<&DatabaseEntry>,
    runs: &[Run],
    copies: &[BackupRecord],
    jobs: &[Job],
) -> Result<Part> {
    let of = |kind, statuses: &'static [RunStatus]| {
        let meant = runs.iter().filter(move |run| run.kind == kind && statuses.contains(&run.status));
        meant.map(event).collect::<Vec<_>>()
    };
    use RunStatus::{Cancelled, Completed, Failed, Partial};
    let backups = made(runs, copies);
    let failures = of(RunKind::Backup, &[Failed, Partial, Cancelled]);
    let verifications = of(RunKind::Verify, &[Completed, Failed, Partial]);
    let restores = of(RunKind::Restore, &[Completed, Failed, Partial]);
    let count = |events: &[Event], status: RunStatus| {
        events.iter().filter(|event| event.status == status.as_str()).count() as u64
    };
    let not_done = |state| jobs.iter().filter(|job| job.state == state).map(|job| u64::from(job.count)).sum();
    let mut left_out: Vec<_> = jobs.iter().map(left_out).collect();
    left_out.sort_by_key(|event| event.at);
    let (copies_now, bytes_now) = match Name::new(name.as_str()) {
        Ok(database) => {
            catalog.count_backups(&BackupFilter { database: Some(database), ..BackupFilter::default() })?
        }
        Err(_) => (0, 0),
    };
    let total = Total {
        backups: backups.len() as u64,
        size_bytes: backups.iter().filter_map(|made| made.size_bytes).sum(),
        failed: count(&failures, Failed),
        partial: count(&failures, Partial),
        stopped: count(&failures, Cancelled),
        missed: not_done(JobState::Missed),
        skipped: not_done(JobState::Skipped),
        verifications: verifications.len() as u64,
        verifications_failed: verifications.len() as u64 - count(&verifications, Completed),
        restores: restores.len() as u64,
        restores_failed: restores.len() as u64 - count(&restores, Completed),
        copies_now,
        bytes_now,
    };
    Ok(Part {
        name,
        engine: entry.map(|entry| entry.engine.display_name),
        labels: entry.map(|entry| entry.options.labels()).unwrap_or_default(),
        total,
        backups,
        failures,
        left_out,
        verifications,
        restores,
    })
}

/// Every backup once: what the catalog has, and what runs made that is not there any more.
fn made(runs: &[Run], copies: &[BackupRecord]) -> Vec<Made> {
    let mut all: BTreeMap<BackupId, Made> = BTreeMap::new();
    for copy in copies {
        let made = all.entry(copy.id).or_insert_with(|| Made {
            backup_id: copy.id,
            at: copy.created_at,
            database: copy.original.clone(),
            trigger: copy.trigger.clone(),
            state: if copy.suspect.is_empty() { "good" } else { "suspect" }.to_owned(),
            size_bytes: Some(copy.size_bytes),
            storages: Vec::new(),
            verified_at: None,
        });
        made.storages.push(copy.storage.to_string());
        made.verified_at = made.verified_at.max(copy.verified_at);
        if copy.status != BackupStatus::Good {
            made.state = copy.status.as_str().to_owned();
        }
    }
    for run in runs.iter().filter(|run| run.kind == RunKind::Backup) {
        let Some(id) = run.backup_id else { continue };
        all.entry(id).or_insert_with(|| Made {
            backup_id: id,
            at: run.started_at,
            database: run.options.get("database").and_then(|name| name.as_str()).map(str::to_owned),
            trigger: run.trigger.clone(),
            state: "removed".to_owned(),
            size_bytes: None,
            storages: Vec::new(),
            verified_at: None,
        });
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by_key(|made| (made.at, made.backup_id));
    all
}

/// The database that a run is about: of a restore the one whose backup it was, wherever it went.
fn about_which(run: &Run) -> String {
    let source = run.options.get("source").and_then(|name| name.as_str()).map(str::to_owned);
    source.or_else(|| run.database.clone()).unwrap_or_default()
}

fn event(run: &Run) -> Event {
    let option = |key: &str| run.options.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    Event {
        at: run.started_at,
        status: run.status.as_str(),
        backup_id: run.backup_id.map(|id| id.to_string()).or_else(|| option("backup")),
        place: option("target").or_else(|| option("storage")),
        message: run.error.as_ref().map(|error| error.message.clone()),
    }
}

fn left_out(job: &Job) -> Event {
    let several = (job.count > 1).then(|| format!("{} runs until {}", job.count, job.last_due_at));
    let parts: Vec<_> = several.into_iter().chain(job.reason.clone()).collect();
    Event {
        at: job.due_at,
        status: job.state.as_str(),
        backup_id: None,
        place: Some(format!("{} ({})", job.task, job.schedule)),
        message: (!parts.is_empty()).then(|| parts.join(": ")),
    }
}
