//! Old backups go by a plan: made for each series in each storage, shown, carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cadangkan_archive::Manifest;
use cadangkan_catalog::{BackupFilter, BackupRecord, BackupStatus, Catalog, RunFilter, RunKind, RunStatus};
use cadangkan_core::{BackupId, Error, ErrorKind, Level, Name, Result, ResultExt, Timestamp};
use cadangkan_retention::{Candidate, Decision, Plan, Rules};
use cadangkan_storage::Key;
use serde::Serialize;
use serde_json::{Value, json};

use crate::index_backup::{COMBINED_TAG, SELECTION_TAG};
use crate::lock::ReadingLock;
use crate::manifests::read_manifest;
use crate::run::{Outcome, RunDescription, reap_database, record};
use crate::stored::{self, StoredBackup};
use crate::{Context, Database, Place, index_backup};

/// The most runs that are looked at for one that failed.
const RUNS_LOOKED_AT: u64 = 1000;

/// What counts for the backups of a database in one storage.
#[derive(Clone, Copy)]
pub struct PlaceRules<'a> {
    /// The storage.
    pub place: Place<'a>,
    /// What stays there.
    pub rules: &'a Rules,
}

/// What is to happen to the backups of a database.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RetentionPlan {
    /// One for each series in each storage.
    pub series: Vec<SeriesPlan>,
}

/// What is to happen to one series: backups of the same database with the same contents, in one storage.
#[derive(Clone, Debug, Serialize)]
pub struct SeriesPlan {
    /// The storage.
    pub storage: Name,
    /// The database, where the configured name stands for a server with many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// What the backups hold, where that is not everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<&'static str>,
    /// The policy in words.
    pub policy: String,
    /// Those of schedules that have one of their own and backups here, in words.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub schedules: BTreeMap<String, String>,
    /// Why nothing is deleted although the plan says so; none where it will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
    /// What is to happen to each backup, the newest first.
    #[serde(flatten)]
    pub plan: Plan,
}

impl RetentionPlan {
    /// Those that will be deleted, each with its storage.
    pub fn removals(&self) -> impl Iterator<Item = (&Name, &Decision)> {
        let due = self.series.iter().filter(|series| series.halted.is_none());
        due.flat_map(|series| series.plan.removals().map(|decision| (&series.storage, decision)))
    }
}

/// What was deleted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Removed {
    /// The plan that was carried out.
    pub plan: RetentionPlan,
    /// Each copy that is gone.
    pub removed: Vec<RemovedCopy>,
}

/// One copy that is gone.
#[derive(Clone, Debug, Serialize)]
pub struct RemovedCopy {
    /// The backup.
    pub backup_id: BackupId,
    /// The storage.
    pub storage: Name,
    /// What its archive took.
    pub size_bytes: u64,
}

/// Judges the backups of a database by what the catalog knows of them; looks at nothing else.
pub fn plan(
    context: &Context<'_>,
    database: Database<'_>,
    rules: &[PlaceRules<'_>],
) -> Result<RetentionPlan> {
    let Some(catalog) = context.catalog else { return Ok(RetentionPlan::default()) };
    let failed = databases_whose_last_run_failed(catalog, database.name)?;
    let suspects = suspects(catalog, database)?;
    let mut series = Vec::new();
    for rule in rules {
        let present = series_of(catalog, database, Some(rule.place.name))?;
        series.extend(present.iter().map(|(kind, records)| {
            let locked = rule.place.storage.locked_for();
            let candidates: Vec<_> = records.iter().map(|record| candidate(record, locked)).collect();
            let halted = halted(kind, &failed).or_else(|| looks_wrong(database.name, suspects.get(kind)?));
            let plan = cadangkan_retention::plan(rule.rules, context.control.clock.now(), &candidates);
            let own = rule.rules.of_schedules.iter();
            let own =
                own.filter(|(name, _)| plan.decisions.iter().any(|one| one.schedule.as_ref() == Some(name)));
            SeriesPlan {
                storage: rule.place.name.clone(),
                original: kind.original.clone(),
                holds: kind.holds(),
                policy: rule.rules.usual.policy.to_string(),
                schedules: own.map(|(name, rule)| (name.clone(), rule.policy.to_string())).collect(),
                halted,
                plan,
            }
        }));
    }
    Ok(RetentionPlan { series })
}

/// The backups of each series of a database in one storage, as retention sees them: what a simulation begins with.
pub fn candidates(
    catalog: &Catalog,
    database: Database<'_>,
    place: Place<'_>,
) -> Result<Vec<Vec<Candidate>>> {
    let (series, locked) = (series_of(catalog, database, Some(place.name))?, place.storage.locked_for());
    Ok(series
        .into_values()
        .map(|records| records.iter().map(|record| candidate(record, locked)).collect())
        .collect())
}

/// Those of `coming` that `rules` would let go as soon as they were in a storage.
///
/// What the configured name stands for is not looked at: where that changed, more is kept here than [`plan`] keeps.
pub(crate) fn not_kept(
    context: &Context<'_>,
    place: Place<'_>,
    rules: &Rules,
    coming: &[BackupRecord],
) -> Result<BTreeSet<BackupId>> {
    let (Some(catalog), Some(first)) = (context.catalog, coming.first()) else { return Ok(BTreeSet::new()) };
    let filter = BackupFilter {
        database: Some(first.database.clone()),
        storage: Some(place.name.clone()),
        ..BackupFilter::default()
    };
    let ids: BTreeSet<_> = coming.iter().map(|record| record.id).collect();
    let present = catalog.backups(&filter)?.into_iter();
    let present =
        present.filter(|record| record.status != BackupStatus::Missing && !ids.contains(&record.id));
    let present: Vec<_> = present.collect();
    let mut series: BTreeMap<Kind, Vec<Candidate>> = BTreeMap::new();
    let locked = place.storage.locked_for();
    let present = present.iter().map(|record| (record, locked));
    // Nothing locks what is not there.
    for (record, locked) in present.chain(coming.iter().map(|record| (record, None))) {
        series.entry(Kind::of(record, true)).or_default().push(candidate(record, locked));
    }
    let plans = series.into_values();
    let plans = plans.map(|all| cadangkan_retention::plan(rules, context.control.clock.now(), &all));
    let gone = plans.flat_map(|plan| plan.removals().map(|decision| decision.id).collect::<Vec<_>>());
    Ok(gone.filter(|id| ids.contains(id)).collect())
}

/// Deletes what [`plan`] says, the oldest first, manifest before archive: a stop at any moment leaves whole backups, and
/// leftovers that `cleanup` names.
///
/// Before each one its manifest is read: a mark that another machine put there counts. Fails with `Locked` while another
/// run has the database or reads one of its backups.
pub fn apply(
    context: &Context<'_>,
    database: Database<'_>,
    rules: &[PlaceRules<'_>],
    trigger: &str,
) -> Result<Removed> {
    let looked_at = plan(context, database, rules)?;
    if looked_at.removals().next().is_none() {
        return Ok(Removed { plan: looked_at, removed: Vec::new() });
    }
    let _lock = context.lock(database.name, Duration::ZERO)?;
    let _alone = ReadingLock::alone(context.locks, database.name)?;
    reap_database(context, database.name)?;
    let description = RunDescription {
        kind: RunKind::Cleanup,
        database: Some(database.name),
        trigger,
        options: options(rules),
    };
    record(context, &description, |context, _| {
        // Made anew under the lock: this is what is carried out.
        let plan = plan(context, database, rules)?;
        let mut removed = Vec::new();
        for (storage, decision) in plan.removals() {
            context.control.check()?;
            let Some(rule) = rules.iter().find(|rule| rule.place.name == storage) else { continue };
            let gone = remove(context, database.name, rule.place, decision)
                .context("storage", storage)
                .context("backup", decision.id)
                .hint("run `cadangkan cleanup` again; what is left of it is named by its --dry-run")?;
            removed.extend(gone);
        }
        Ok(Outcome::completed(Removed { plan, removed }, None))
    })
}

/// Deletes one copy, unless its manifest says that it must stay.
fn remove(
    context: &Context<'_>,
    database: &Name,
    place: Place<'_>,
    decision: &Decision,
) -> Result<Option<RemovedCopy>> {
    let catalog = context.catalog.ok_or_else(|| Error::new(ErrorKind::Internal, "no catalog is open"))?;
    let copies = catalog.backup_copies(database, decision.id)?;
    let Some(record) = copies.into_iter().find(|copy| &copy.storage == place.name) else { return Ok(None) };
    let archive = Key::new(record.archive_key.clone())?;
    let manifest = match read_manifest(place, &archive) {
        Ok(manifest) => manifest,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Somebody deleted it by other means; what is left of it is a leftover.
            catalog.forget_backup(database, decision.id, place.name)?;
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if let Some(why) = must_stay(&manifest, &record, context.control.clock.now()) {
        let text = format!("backup {} stays in {}: {why}", decision.id, place.name);
        context.control.message(Level::Warning, &text);
        catalog.record_backup(&BackupRecord {
            preserved: manifest.preserved,
            keep_until: manifest.keep_until,
            ..record
        })?;
        return Ok(None);
    }
    let location = index_backup::location(place.storage, &archive);
    context.control.step("delete an old backup");
    let text = format!("{} ({})", decision.id, decision.because());
    context.control.message(Level::Info, &text);
    let copy =
        StoredBackup { storage: place.name.to_string(), archive_key: record.archive_key, location, manifest };
    stored::remove(context, place, &copy)?;
    Ok(Some(RemovedCopy {
        backup_id: decision.id,
        storage: place.name.clone(),
        size_bytes: decision.size_bytes,
    }))
}

/// Why a backup stays although the plan says otherwise: its manifest knows more than the catalog, or is of another one.
fn must_stay(manifest: &Manifest, record: &BackupRecord, now: Timestamp) -> Option<&'static str> {
    if (&manifest.database_name, manifest.backup_id) != (&record.database, record.id) {
        return Some("under its name lies another one");
    }
    if manifest.preserved {
        return Some("it was marked as preserved elsewhere");
    }
    manifest.keep_until.filter(|until| *until > now).map(|_| "it was asked to stay longer elsewhere")
}

/// What makes a series: the same database, with the same contents.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    original: Option<String>,
    combined: bool,
    selected: bool,
    selection: Option<String>,
}

impl Kind {
    /// The configured name tells the database, but where it stands for a server with many.
    pub(crate) fn of(record: &BackupRecord, is_server: bool) -> Self {
        let tagged = |tag: &str| record.tags.iter().any(|known| known == tag);
        Kind {
            original: record.original.clone().filter(|_| is_server),
            combined: tagged(COMBINED_TAG) || !record.databases.is_empty(),
            selected: tagged(SELECTION_TAG) || record.selection.is_some(),
            selection: record.selection.clone(),
        }
    }

    fn holds(&self) -> Option<&'static str> {
        match (self.combined, self.selected) {
            (true, false) => Some("several databases"),
            (true, true) => Some("a selection of several databases"),
            (false, true) => Some("a selection"),
            (false, false) => None,
        }
    }
}

fn series_of(
    catalog: &Catalog,
    database: Database<'_>,
    storage: Option<&Name>,
) -> Result<BTreeMap<Kind, Vec<BackupRecord>>> {
    let is_server = database.engine.server().is_some();
    let filter = BackupFilter {
        database: Some(database.name.clone()),
        storage: storage.cloned(),
        ..BackupFilter::default()
    };
    let mut series: BTreeMap<Kind, Vec<BackupRecord>> = BTreeMap::new();
    // What is missing has no copy to delete, and is no copy that would stand for another.
    for record in
        catalog.backups(&filter)?.into_iter().filter(|record| record.status != BackupStatus::Missing)
    {
        series.entry(Kind::of(&record, is_server)).or_default().push(record);
    }
    Ok(series)
}

/// A copy as retention sees it, in a storage that holds what it gets for so long.
fn candidate(record: &BackupRecord, locked: Option<Duration>) -> Candidate {
    let BackupRecord { id, created_at, size_bytes, preserved, verified_at, keep_until, .. } = *record;
    // The lock counts from when the object was made, which was after the backup began.
    let locked_until = locked.map(|time| record.completed_at.checked_add(time).unwrap_or(Timestamp::MAX));
    let damaged = (record.status == BackupStatus::Damaged).then_some("damaged");
    let doubt = damaged.or((!record.suspect.is_empty()).then_some("suspect"));
    let schedule = record.schedule.clone();
    Candidate {
        id,
        created_at,
        size_bytes,
        doubt,
        preserved,
        verified_at,
        locked_until,
        keep_until,
        schedule,
    }
}

/// Why nothing of a series is deleted.
fn halted(kind: &Kind, failed: &BTreeSet<Option<String>>) -> Option<String> {
    let concerns = failed.contains(&None) || (kind.original.is_some() && failed.contains(&kind.original));
    concerns.then(|| "the last backup failed: nothing is deleted until one is good again".to_owned())
}

fn looks_wrong(database: &Name, suspects: &[BackupId]) -> Option<String> {
    let newest = suspects.first()?;
    Some(format!(
        "backup {newest} looks wrong: nothing is deleted until one is right again, or `cadangkan backups accept {database}` says that it is"
    ))
}

/// The backups that look wrong and are the newest of their series, in any storage; so they stop its retention.
pub fn halting(context: &Context<'_>, database: Database<'_>) -> Result<Vec<BackupId>> {
    let Some(catalog) = context.catalog else { return Ok(Vec::new()) };
    Ok(suspects(catalog, database)?.into_values().flatten().collect())
}

fn suspects(catalog: &Catalog, database: Database<'_>) -> Result<BTreeMap<Kind, Vec<BackupId>>> {
    let newest_suspects = |records: Vec<BackupRecord>| {
        // The oldest come first.
        let suspects = records.iter().rev().take_while(|record| !record.suspect.is_empty());
        let mut ids: Vec<_> = suspects.map(|record| record.id).collect();
        ids.dedup();
        ids
    };
    let series = series_of(catalog, database, None)?.into_iter();
    Ok(series.map(|(kind, records)| (kind, newest_suspects(records))).collect())
}

/// The databases whose last backup failed, where the configured name stands for many; `None` stands for all of them.
fn databases_whose_last_run_failed(catalog: &Catalog, database: &Name) -> Result<BTreeSet<Option<String>>> {
    let filter = RunFilter {
        database: Some(database.clone()),
        kind: Some(RunKind::Backup),
        limit: Some(RUNS_LOOKED_AT),
        ..RunFilter::default()
    };
    let (mut seen, mut failed) = (BTreeSet::new(), BTreeSet::new());
    for run in catalog.runs(&filter)? {
        let one = run.options.get("database").and_then(Value::as_str).map(str::to_owned);
        // One that runs, or that a person stopped, says nothing.
        if matches!(run.status, RunStatus::Running | RunStatus::Cancelled) || !seen.insert(one.clone()) {
            continue;
        }
        if run.status == RunStatus::Failed {
            failed.insert(one);
        }
    }
    Ok(failed)
}

fn options(rules: &[PlaceRules<'_>]) -> Value {
    let words = |PlaceRules { place, rules }: &PlaceRules<'_>| {
        let own = rules.of_schedules.iter().map(|(name, rule)| format!("{name}: {}", rule.policy));
        let all: Vec<_> = std::iter::once(rules.usual.policy.to_string()).chain(own).collect();
        (place.name.to_string(), Value::from(all.join("; ")))
    };
    json!({ "retention": rules.iter().map(words).collect::<serde_json::Map<_, _>>() })
}
