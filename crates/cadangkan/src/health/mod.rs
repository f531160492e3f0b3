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
use cadangkan_core::{BackupId, Name, Result, Timestamp};
use jiff::SignedDuration;
use serde_json::Value;

use crate::inventory::{DatabaseEntry, Inventory};
use crate::schedules::Known;

pub(crate) use planned::Planned;
pub(crate) use problems::{Grade, Problem};
pub(crate) use room::Room;
pub(crate) use score::Score;

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
    /// The copies of it that were found damaged or missing.
    pub(crate) lost: Vec<BackupRecord>,
    /// When a good copy of any was last verified.
    pub(crate) verified_at: Option<Timestamp>,
    /// Copies of backups that the catalog knows, and the sum of their stored sizes.
    pub(crate) stored: (u64, u64),
    /// The last run of any kind that is over.
    pub(crate) last_run: Option<Run>,
    /// A run that has begun and is not over.
    pub(crate) running: Option<Run>,
    /// Backups that were tried in the last days and are over; without those that a person stopped.
    pub(crate) tried: Tried,
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

/// How many backups were tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tried {
    /// All of them.
    pub(crate) all: u64,
    /// Those that went well.
    pub(crate) good: u64,
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
        let last_good = last_good(catalog, all, now)?;
        let known = last_good.as_ref().map(|last| catalog.backup_copies(&entry.name, last.id)).transpose()?;
        let (good, lost): (Vec<_>, Vec<_>) =
            known.unwrap_or_default().into_iter().partition(|copy| copy.status == BackupStatus::Good);
        let since = now.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(Timestamp::MIN);
        let over =
            RunFilter { database, without: &[RunStatus::Running], limit: Some(1), ..RunFilter::default() };
        // What a person stopped says nothing.
        let tries = RunFilter {
            kind: Some(RunKind::Backup),
            without: &[RunStatus::Running, RunStatus::Cancelled],
            ..over.clone()
        };
        let last_try = catalog.runs(&tries)?.into_iter().next();
        let made_up_for = last_try
            .as_ref()
            .map(|run| is_made_up_for(catalog, &entry.name, run))
            .transpose()?
            .unwrap_or_default();
        let tried = Tried::of(&catalog.count_by_status(&RunFilter { since: Some(since), ..tries })?);
        let planned = Planned::of(
            schedules,
            inventory,
            entry,
            last_good.as_ref().map(|backup| backup.created_at),
            now,
        )?;
        let intervals = intervals(catalog.begun_since(&entry.name, since)?);
        let mut health = Health {
            entry,
            newest: catalog.newest_backup(&entry.name, false)?,
            copies: good.into_iter().map(|copy| copy.storage).collect(),
            lost,
            verified_at: catalog.last_verified(&entry.name)?,
            stored,
            last_run: catalog.runs(&over)?.into_iter().next(),
            running: catalog.running(Some(&entry.name))?.into_iter().next(),
            usual_interval: (intervals.len() > 1).then(|| median(&intervals)).flatten(),
            score: Score::of(tried, last_try.as_ref(), last_good.as_ref(), &planned, &intervals, now),
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

impl Tried {
    fn of(counts: &[(RunStatus, u64)]) -> Self {
        let good = counts.iter().filter(|(status, _)| *status == RunStatus::Completed);
        Tried { all: counts.iter().map(|(_, count)| count).sum(), good: good.map(|(_, count)| count).sum() }
    }
}

/// The newest good backup that does not look wrong. What a wrong clock put into the future is fresh for as long, so that it
/// counts only where there is nothing else.
fn last_good(catalog: &Catalog, of: BackupFilter, now: Timestamp) -> Result<Option<BackupRecord>> {
    let (status, suspect) = (Some(BackupStatus::Good), Some(false));
    let all = BackupFilter { status, suspect, descending: true, limit: Some(1), ..of };
    let past = BackupFilter { until: Some(soon(now)), ..all.clone() };
    match catalog.backups(&past)?.pop() {
        Some(last) => Ok(Some(last)),
        None => Ok(catalog.backups(&all)?.pop()),
    }
}

/// Clocks of two machines may differ so much.
fn soon(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_mins(10)).unwrap_or(Timestamp::MAX)
}

fn good_copies(catalog: &Catalog, database: &Name, id: BackupId) -> Result<Vec<BackupRecord>> {
    let mut copies = catalog.backup_copies(database, id)?;
    copies.retain(|copy| copy.status == BackupStatus::Good);
    Ok(copies)
}

/// Whether storages that a run had left out have its backup by now, from a sync.
fn is_made_up_for(catalog: &Catalog, database: &Name, run: &Run) -> Result<bool> {
    let (RunStatus::Partial, Some(id)) = (run.status, run.backup_id) else { return Ok(false) };
    let Some(storages) = run.options.get("storages").and_then(Value::as_array) else { return Ok(false) };
    let good = good_copies(catalog, database, id)?;
    let in_all = |is_meant: &dyn Fn(&BackupRecord) -> bool| {
        storages.iter().all(|storage| {
            let is_there = |copy: &&BackupRecord| Some(copy.storage.as_str()) == storage.as_str();
            good.iter().any(|copy| is_there(&copy) && is_meant(copy))
        })
    };
    // Where the run itself had reached them all, something else was wrong with it.
    Ok(in_all(&|_| true) && !in_all(&|copy| copy.run == Some(run.id)))
}

/// How far apart backups are: of a server with many databases those of each by itself.
fn intervals(begun: Vec<(String, Timestamp)>) -> Vec<Duration> {
    let mut last: BTreeMap<String, Timestamp> = BTreeMap::new();
    let apart = begun.into_iter().filter_map(|(series, at)| {
        let before = last.insert(series, at)?;
        Some(at.duration_since(before).unsigned_abs())
    });
    apart.collect()
}

fn median(intervals: &[Duration]) -> Option<Duration> {
    let mut sorted = intervals.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}
