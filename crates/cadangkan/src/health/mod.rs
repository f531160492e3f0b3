//! How databases and their backups are: facts of the catalog, what is wrong in words, and one number.

mod planned;
mod problems;
mod room;
mod score;

use std::collections::BTreeMap;
use std::time::Duration;

use cadangkan_catalog::{
    BackupFilter, BackupRecord, BackupStatus, Catalog, Run, RunFilter, RunKind, RunStatus,
};
use cadangkan_core::{Name, Result, Timestamp};
use jiff::SignedDuration;
use serde_json::Value;

use crate::inventory::{DatabaseEntry, Inventory};
use crate::schedules::Known;

pub(crate) use planned::Planned;
pub(crate) use problems::{Grade, Problem};
pub(crate) use room::Room;
pub(crate) use score::Score;

/// The most copies of backups that are looked at for one database, the newest first.
const COPIES_LOOKED_AT: u64 = 1000;

/// The most runs that are looked at for one database, the newest first.
const RUNS_LOOKED_AT: u64 = 1000;

/// The days that success and consistency are reckoned over.
pub(crate) const DAYS: i64 = 30;

/// How one database is.
pub(crate) struct Health<'a> {
    pub(crate) entry: &'a DatabaseEntry,
    /// The newest backup, whatever is known of it.
    pub(crate) newest: Option<BackupRecord>,
    /// The newest one that is good and does not look wrong.
    pub(crate) last_good: Option<BackupRecord>,
    /// The storages that have a good copy of that.
    pub(crate) copies: Vec<Name>,
    /// When a good copy of any was last verified.
    pub(crate) verified_at: Option<Timestamp>,
    /// Copies of backups that the catalog knows, and the sum of their stored sizes.
    pub(crate) stored: (u64, u64),
    /// The last run of any kind that is over.
    pub(crate) last_run: Option<Run>,
    /// A run that has begun and is not over.
    pub(crate) running: Option<Run>,
    /// Backups that were tried in the last days and are over, the newest first; without those that a person stopped.
    pub(crate) tried: Vec<Run>,
    /// The last such one, however long ago.
    pub(crate) last_try: Option<Run>,
    /// Whether that one had left storages out, and they have its backup by now.
    made_up_for: bool,
    /// What is planned.
    pub(crate) planned: Planned,
    /// How far apart its backups are, half of them less and half of them more; none where there are fewer than three.
    pub(crate) usual_interval: Option<Duration>,
    /// What is to be said of it.
    pub(crate) score: Score,
    /// What is wrong, the worst first.
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Health<'a> {
    /// Looks at what the catalog knows of a database.
    pub(crate) fn look(
        catalog: &Catalog,
        inventory: &Inventory,
        schedules: &Known,
        entry: &'a DatabaseEntry,
        now: Timestamp,
    ) -> Result<Self> {
        let database = Some(entry.name.clone());
        let all = BackupFilter { database: database.clone(), ..BackupFilter::default() };
        let stored = catalog.count_backups(&all)?;
        let known =
            catalog.backups(&BackupFilter { descending: true, limit: Some(COPIES_LOOKED_AT), ..all })?;
        let good = || known.iter().filter(|copy| copy.status == BackupStatus::Good);
        let last_good = good().find(|copy| copy.suspect.is_empty()).cloned();
        let copies = last_good.iter().flat_map(|last| good().filter(|copy| copy.id == last.id));
        let copies = copies.map(|copy| copy.storage.clone()).collect();
        let verified_at = good().filter_map(|copy| copy.verified_at).max();
        let newest = catalog.newest_backup(&entry.name, false)?;
        let tries = backups_tried(catalog, entry)?;
        let since = now.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(Timestamp::MIN);
        let last_try = tries.first().cloned();
        let made_up_for = last_try.as_ref().is_some_and(|run| is_made_up_for(run, &known));
        let tried: Vec<_> = tries.into_iter().filter(|run| run.started_at >= since).collect();
        let filter = RunFilter { database, limit: Some(20), ..RunFilter::default() };
        let last_run = catalog.runs(&filter)?.into_iter().find(|run| run.status != RunStatus::Running);
        let planned = Planned::of(
            schedules,
            inventory,
            entry,
            last_good.as_ref().map(|backup| backup.created_at),
            now,
        )?;
        let intervals = intervals(&known, since);
        let mut health = Health {
            entry,
            newest,
            copies,
            verified_at,
            stored,
            last_run,
            running: catalog.running(Some(&entry.name))?.into_iter().next(),
            usual_interval: (intervals.len() > 1).then(|| median(&intervals)).flatten(),
            score: Score::of(&tried, last_try.as_ref(), last_good.as_ref(), &planned, &intervals, now),
            tried,
            last_try,
            made_up_for,
            last_good,
            planned,
            problems: Vec::new(),
        };
        health.problems = problems::problems(&health, now);
        Ok(health)
    }

    /// The last backup that was tried, when it came to nothing, or not to all, and nobody made up for it.
    pub(crate) fn failed(&self) -> Option<&Run> {
        self.last_try.as_ref().filter(|run| run.status != RunStatus::Completed && !self.made_up_for)
    }

    /// The newest backup, when it was found damaged or missing.
    pub(crate) fn bad(&self) -> Option<&BackupRecord> {
        self.newest.as_ref().filter(|backup| backup.status != BackupStatus::Good)
    }

    /// The newest backup, when it looks wrong.
    pub(crate) fn suspect(&self) -> Option<&BackupRecord> {
        self.newest.as_ref().filter(|backup| !backup.suspect.is_empty())
    }

    /// The worst of what is wrong.
    pub(crate) fn grade(&self) -> Grade {
        self.problems.iter().map(|problem| problem.grade).max().unwrap_or(Grade::Good)
    }

    /// Whether the next backup should be there by now.
    pub(crate) fn is_overdue(&self) -> bool {
        self.problems.iter().any(|problem| problem.code == "overdue")
    }
}

/// Whether storages that a run had left out have its backup by now, from a sync.
fn is_made_up_for(run: &Run, known: &[BackupRecord]) -> bool {
    let (RunStatus::Partial, Some(id)) = (run.status, run.backup_id) else { return false };
    let Some(storages) = run.options.get("storages").and_then(Value::as_array) else { return false };
    let good: Vec<_> =
        known.iter().filter(|copy| copy.id == id && copy.status == BackupStatus::Good).collect();
    let in_all = |is_meant: &dyn Fn(&BackupRecord) -> bool| {
        storages.iter().all(|storage| {
            let is_there = |copy: &&BackupRecord| Some(copy.storage.as_str()) == storage.as_str();
            good.iter().any(|copy| is_there(copy) && is_meant(copy))
        })
    };
    // Where the run itself had reached them all, something else was wrong with it.
    in_all(&|_| true) && !in_all(&|copy| copy.run == Some(run.id))
}

/// Backups that were tried and are over, the newest first. What a person stopped says nothing.
fn backups_tried(catalog: &Catalog, entry: &DatabaseEntry) -> Result<Vec<Run>> {
    let filter = RunFilter {
        database: Some(entry.name.clone()),
        kind: Some(RunKind::Backup),
        limit: Some(RUNS_LOOKED_AT),
        ..RunFilter::default()
    };
    let mut runs = catalog.runs(&filter)?;
    runs.retain(|run| !matches!(run.status, RunStatus::Running | RunStatus::Cancelled));
    Ok(runs)
}

/// How far apart backups are that began since then: of a server with many databases those of each by itself.
fn intervals(known: &[BackupRecord], since: Timestamp) -> Vec<Duration> {
    let mut begun: BTreeMap<_, Vec<Timestamp>> = BTreeMap::new();
    for copy in known.iter().filter(|copy| copy.created_at >= since) {
        begun.entry((&copy.original, &copy.databases)).or_default().push(copy.created_at);
    }
    let mut intervals = Vec::new();
    for times in begun.values_mut() {
        times.sort_unstable();
        times.dedup();
        let pairs = times.windows(2).filter_map(|pair| Some(pair.last()?.duration_since(*pair.first()?)));
        intervals.extend(pairs.map(SignedDuration::unsigned_abs));
    }
    intervals
}

fn median(intervals: &[Duration]) -> Option<Duration> {
    let mut sorted = intervals.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}
