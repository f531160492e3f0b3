//! Copies that are missing in storages, made from those that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cadangkan_archive::Manifest;
use cadangkan_catalog::{BackupFilter, BackupRecord, BackupStatus, RunKind};
use cadangkan_core::{BackupId, Error, ErrorKind, Level, Name, Result, ResultExt, Timestamp};
use cadangkan_retention::Rules;
use cadangkan_storage::Key;
use serde::Serialize;
use serde_json::json;

use crate::backup::FailedCopy;
use crate::draft::check_place;
use crate::manifests::read_manifest;
use crate::naming::{MANIFEST_SUFFIX, database_folder};
use crate::retention::not_kept;
use crate::run::{Outcome, RunDescription, record};
use crate::source::Wanted;
use crate::transfer::{Fault, refuse_another, transfer};
use crate::wanted::not_found;
use crate::{Context, Place, index_backup};

/// A storage that should hold every backup of a database.
#[derive(Clone, Copy)]
pub struct Goal<'a> {
    /// The storage.
    pub place: Place<'a>,
    /// How old a backup has to be before it goes there.
    pub after: Option<Duration>,
    /// What stays there: what that would let go at once is not copied.
    pub rules: Option<&'a Rules>,
}

/// A copy that is to be made.
#[derive(Clone, Debug, Serialize)]
pub struct MissingCopy {
    /// The backup.
    pub backup_id: BackupId,
    /// Of which database it is, where the configured name stands for many.
    pub database: String,
    /// The archive's key in every storage.
    pub archive_key: String,
    /// The storages that have it, in the order in which they are tried.
    pub from: Vec<String>,
    /// The storage that has not.
    pub to: String,
    /// Size of the archive.
    pub size_bytes: u64,
}

/// What is missing where.
#[derive(Debug, Default, Serialize)]
pub struct SyncPlan {
    /// The copies that are to be made, oldest first.
    pub missing: Vec<MissingCopy>,
    /// Those whose time has not come, with the moment when it will.
    pub waiting: Vec<WaitingCopy>,
    /// Those that the policy of the storage would let go at once.
    pub not_kept: Vec<MissingCopy>,
    /// Copies that are there and stand in no catalog: a sync that was killed had made them. Each with its archive's key.
    #[serde(skip)]
    pub unrecorded: Vec<(Name, String)>,
    /// Storages that cannot be asked, and why.
    pub failed: Vec<FailedCopy>,
}

/// A copy that is made later.
#[derive(Clone, Debug, Serialize)]
pub struct WaitingCopy {
    /// The backup.
    pub backup_id: BackupId,
    /// The storage.
    pub to: String,
    /// From when on.
    pub due_at: Timestamp,
}

/// What was copied.
#[derive(Debug, Default, Serialize)]
pub struct SyncReport {
    /// The copies that were made.
    pub copied: Vec<MissingCopy>,
    /// How many wait for their time.
    pub waiting: usize,
    /// How many the policy of their storage would let go at once.
    pub not_kept: usize,
    /// The storages that failed, and why.
    pub failed: Vec<FailedCopy>,
}

impl SyncReport {
    /// The error that all failures make together.
    pub fn error(&self) -> Option<Error> {
        let first = self.failed.first()?;
        let message = format!("not every copy was made: {} failed", self.failed.len());
        let mut error = Error::new(ErrorKind::Partial, message);
        for failed in &self.failed {
            error = error.context("failed", format!("{}: {}", failed.storage, failed.message));
        }
        let again = "run it again when that is repaired: what was copied is not copied again";
        Some(error.hint(first.hint.as_deref().map_or(again.to_owned(), |hint| format!("{hint}\n{again}"))))
    }
}

/// Looks what is missing, of one backup or of all; a copy that was found damaged is missing where there is a whole one.
/// Writes nothing.
pub fn plan(
    context: &Context<'_>,
    database: &Name,
    sources: &[Place<'_>],
    goals: &[Goal<'_>],
    only: Option<BackupId>,
) -> Result<SyncPlan> {
    let mut plan = SyncPlan::default();
    let held = look(context, database, sources, goals, &mut plan)?;
    let known = known_keys(context, database, only)?;
    let keys: BTreeSet<&String> = held.values().flatten().filter(|key| is_meant(key, &known)).collect();
    let filter = BackupFilter { database: Some(database.clone()), ..BackupFilter::default() };
    let copies = context.catalog.map(|catalog| catalog.backups(&filter)).transpose()?.unwrap_or_default();
    plan.unrecorded = unrecorded(&copies, &held);
    let damaged = known_damaged(&copies);
    let (mut found, mut due) = (only.is_none(), Vec::new());
    for archive in keys {
        context.control.check()?;
        let holders: Vec<Place<'_>> =
            sources.iter().filter(|place| holds(&held, place.name, archive)).copied().collect();
        let lacking: Vec<&Goal<'_>> = goals
            .iter()
            .filter(|goal| held.contains_key(goal.place.name))
            .filter(|goal| {
                !holds(&held, goal.place.name, archive)
                    || is_replaced(&damaged, goal.place.name, &holders, archive)
            })
            .collect();
        if lacking.is_empty() && found {
            continue;
        }
        let key = Key::new(archive.clone())?;
        let Some(manifest) = first_manifest(context, &holders, &key)? else { continue };
        if only.is_some_and(|id| id != manifest.backup_id) {
            continue;
        }
        found = true;
        let from = in_order(context, &manifest, &holders)?;
        for goal in lacking {
            match waits(goal, &manifest, context.control.clock.now())? {
                Some(waiting) => plan.waiting.push(waiting),
                None => due.push(Due::new(goal, &manifest, &key, &from)),
            }
        }
    }
    for goal in goals {
        let its: Vec<_> = due.extract_if(.., |one| one.copy.to == goal.place.name.as_str()).collect();
        keep(context, &mut plan, goal, its)?;
    }
    if let (Some(id), false) = (only, found) {
        return Err(not_found(database, Wanted::Id(id)));
    }
    plan.missing.sort_by_key(|copy| copy.backup_id);
    Ok(plan)
}

/// The archives with a manifest that each storage has, by its name. A storage that is not there yet has none.
fn look(
    context: &Context<'_>,
    database: &Name,
    sources: &[Place<'_>],
    goals: &[Goal<'_>],
    plan: &mut SyncPlan,
) -> Result<BTreeMap<Name, BTreeSet<String>>> {
    let mut held = BTreeMap::new();
    for place in goals.iter().map(|goal| &goal.place).chain(sources) {
        context.control.check()?;
        if held.contains_key(place.name)
            || plan.failed.iter().any(|failed| failed.storage == place.name.as_str())
        {
            continue;
        }
        match place.storage.list(&database_folder(database)) {
            Ok(objects) => {
                let keys: BTreeSet<&str> = objects.iter().map(|object| object.key.as_str()).collect();
                let archives = keys.iter().filter_map(|key| key.strip_suffix(MANIFEST_SUFFIX));
                let whole = archives.filter(|archive| keys.contains(archive)).map(str::to_owned).collect();
                held.insert(place.name.clone(), whole);
            }
            // Before its first backup the place of a storage is not there; `sync` makes it.
            Err(error) if error.kind() == ErrorKind::Unreachable && is_unused(context, place.name)? => {
                held.insert(place.name.clone(), BTreeSet::new());
            }
            Err(error) if goals.iter().any(|goal| goal.place.name == place.name) => {
                plan.failed.push(FailedCopy::new((*place, &error)));
            }
            // What only this one has shows itself when it is back.
            Err(error) => {
                let text = format!("storage {} cannot be looked at: {error}", place.name);
                context.control.message(Level::Warning, &text);
            }
        }
    }
    Ok(held)
}

fn is_unused(context: &Context<'_>, storage: &Name) -> Result<bool> {
    let Some(catalog) = context.catalog else { return Ok(false) };
    let filter = BackupFilter { storage: Some(storage.clone()), limit: Some(1), ..BackupFilter::default() };
    Ok(catalog.backups(&filter)?.is_empty())
}

fn holds(held: &BTreeMap<Name, BTreeSet<String>>, storage: &Name, archive: &String) -> bool {
    held.get(storage).is_some_and(|archives| archives.contains(archive))
}

/// Where the catalog knows a backup; empty when it does not help.
fn known_keys(context: &Context<'_>, database: &Name, only: Option<BackupId>) -> Result<Vec<String>> {
    let (Some(catalog), Some(id)) = (context.catalog, only) else { return Ok(Vec::new()) };
    Ok(catalog.backup_copies(database, id)?.into_iter().map(|copy| copy.archive_key).collect())
}

fn is_meant(key: &String, known: &[String]) -> bool {
    known.is_empty() || known.contains(key)
}

/// The copies in `held` of backups that the catalog knows in another storage, and not in this one.
fn unrecorded(known: &[BackupRecord], held: &BTreeMap<Name, BTreeSet<String>>) -> Vec<(Name, String)> {
    let mut storages: BTreeMap<&str, Vec<&Name>> = BTreeMap::new();
    for copy in known {
        storages.entry(&copy.archive_key).or_default().push(&copy.storage);
    }
    let all = held.iter().flat_map(|(name, archives)| archives.iter().map(move |archive| (name, archive)));
    let unrecorded =
        all.filter(|(name, archive)| storages.get(archive.as_str()).is_some_and(|at| !at.contains(name)));
    unrecorded.map(|(name, archive)| (name.clone(), archive.clone())).collect()
}

/// Gives the catalog what a sync that was killed had copied and not recorded.
fn record_those(context: &Context<'_>, unrecorded: &[(Name, String)], places: &[Place<'_>]) -> Result<()> {
    let Some(catalog) = context.catalog else { return Ok(()) };
    for (storage, archive) in unrecorded {
        let Some(place) = places.iter().find(|place| place.name == storage) else { continue };
        let key = Key::new(archive.clone())?;
        match read_manifest(*place, &key) {
            Ok(manifest) => {
                let copies = catalog.backup_copies(&manifest.database_name, manifest.backup_id)?;
                if !copies.iter().any(|copy| &copy.storage == storage) {
                    catalog.record_backup(&index_backup::record(place, &key, &manifest, None))?;
                }
            }
            Err(error) => context.control.message(Level::Warning, &format!("storage {storage}: {error}")),
        }
    }
    Ok(())
}

/// The copies that were found damaged, each by its storage and its archive's key.
type Damaged = BTreeSet<(Name, String)>;

fn known_damaged(known: &[BackupRecord]) -> Damaged {
    let damaged = known.iter().filter(|copy| copy.status == BackupStatus::Damaged);
    damaged.map(|copy| (copy.storage.clone(), copy.archive_key.clone())).collect()
}

/// Tells whether a copy was found damaged, and another one was not.
fn is_replaced(damaged: &Damaged, storage: &Name, holders: &[Place<'_>], archive: &str) -> bool {
    let is_damaged = |name: &Name| damaged.contains(&(name.clone(), archive.to_owned()));
    is_damaged(storage) && holders.iter().any(|place| place.name != storage && !is_damaged(place.name))
}

/// The manifest of the first storage that gives it.
fn first_manifest(context: &Context<'_>, holders: &[Place<'_>], key: &Key) -> Result<Option<Manifest>> {
    for place in holders {
        match read_manifest(*place, key) {
            Ok(manifest) => return Ok(Some(manifest)),
            Err(error) => {
                context.control.message(Level::Warning, &format!("storage {}: {error}", place.name));
            }
        }
    }
    Ok(None)
}

/// The storages to copy from: first those whose copy is not known to be damaged.
fn in_order(context: &Context<'_>, manifest: &Manifest, holders: &[Place<'_>]) -> Result<Vec<String>> {
    let mut bad = Vec::new();
    if let Some(catalog) = context.catalog {
        let copies = catalog.backup_copies(&manifest.database_name, manifest.backup_id)?;
        let not_good = copies.into_iter().filter(|copy| copy.status != BackupStatus::Good);
        bad.extend(not_good.map(|copy| copy.storage));
    }
    let mut ordered: Vec<_> = holders.iter().collect();
    ordered.sort_by_key(|place| (bad.contains(place.name), !place.storage.capabilities().local));
    Ok(ordered.into_iter().map(|place| place.name.to_string()).collect())
}

/// A copy that is not to wait, with what the catalog will know of it.
struct Due {
    copy: MissingCopy,
    record: BackupRecord,
}

impl Due {
    fn new(goal: &Goal<'_>, manifest: &Manifest, archive: &Key, from: &[String]) -> Self {
        let copy = MissingCopy {
            backup_id: manifest.backup_id,
            database: manifest.database.clone(),
            archive_key: archive.to_string(),
            from: from.iter().filter(|name| name.as_str() != goal.place.name.as_str()).cloned().collect(),
            to: goal.place.name.to_string(),
            size_bytes: manifest.archive.size_bytes,
        };
        Due { copy, record: index_backup::record(&goal.place, archive, manifest, None) }
    }
}

/// Until when a copy waits, where it does.
fn waits(goal: &Goal<'_>, manifest: &Manifest, now: Timestamp) -> Result<Option<WaitingCopy>> {
    let Some(after) = goal.after else { return Ok(None) };
    let due_at = manifest
        .created_at
        .checked_add(after)
        .map_err(|source| Error::new(ErrorKind::Usage, "`upload_after` is too long").source(source))?;
    let waiting = WaitingCopy { backup_id: manifest.backup_id, to: goal.place.name.to_string(), due_at };
    Ok((due_at > now).then_some(waiting))
}

/// Takes up what stays in its storage, so that nothing is copied only to be deleted again.
fn keep(context: &Context<'_>, plan: &mut SyncPlan, goal: &Goal<'_>, due: Vec<Due>) -> Result<()> {
    let (copies, records): (Vec<_>, Vec<_>) = due.into_iter().map(|one| (one.copy, one.record)).unzip();
    let gone = match goal.rules {
        Some(rules) => not_kept(context, goal.place, rules, &records)?,
        None => BTreeSet::new(),
    };
    let (not_kept, missing): (Vec<_>, Vec<_>) =
        copies.into_iter().partition(|copy| gone.contains(&copy.backup_id));
    plan.not_kept.extend(not_kept);
    plan.missing.extend(missing);
    Ok(())
}

/// Copies what is missing. Each copy is compared with its manifest while it is read, read back, and counts with its
/// manifest, which is written last; when this is stopped, what was copied by then stays.
///
/// A storage that fails does not end it for the others; the report names it.
pub fn sync(
    context: &Context<'_>,
    database: &Name,
    sources: &[Place<'_>],
    goals: &[Goal<'_>],
    only: Option<BackupId>,
) -> Result<SyncReport> {
    let storages: Vec<_> = goals.iter().map(|goal| goal.place.name.as_str()).collect();
    let options = json!({ "storages": storages, "backup_id": only });
    let description =
        RunDescription { kind: RunKind::Sync, database: Some(database), trigger: "manual", options };
    record(context, &description, |context, _| {
        context.control.step("compare the storages");
        let mut away = Vec::new();
        for goal in goals {
            if let Err(error) = check_place(context, goal.place, None) {
                away.push(FailedCopy::new((goal.place, &error)));
            }
        }
        let is_away = |place: &Place<'_>| away.iter().any(|failed| failed.storage == place.name.as_str());
        let goals: Vec<_> = goals.iter().filter(|goal| !is_away(&goal.place)).copied().collect();
        let sources: Vec<_> = sources.iter().filter(|place| !is_away(place)).copied().collect();
        let plan = plan(context, database, &sources, &goals, only)?;
        let (waiting, not_kept) = (plan.waiting.len(), plan.not_kept.len());
        let mut report = SyncReport { waiting, not_kept, ..SyncReport::default() };
        report.failed.extend(away.into_iter().chain(plan.failed));
        let places: Vec<_> = goals.iter().map(|goal| goal.place).chain(sources.iter().copied()).collect();
        record_those(context, &plan.unrecorded, &places)?;
        let mut given_up = BTreeSet::new();
        for copy in plan.missing.into_iter() {
            if !given_up.contains(&copy.to) {
                copy_one(context, database, copy, &sources, &goals, &mut report, &mut given_up)?;
            }
        }
        for failed in &report.failed {
            let text = format!("storage {} does not get every copy: {}", failed.storage, failed.message);
            context.control.message(Level::Warning, &text);
        }
        let partial = report.error();
        Ok(Outcome { partial, ..Outcome::completed(report, only) })
    })
}

/// Makes one copy, from the first storage that gives it whole. Fails only when somebody asked to stop.
fn copy_one(
    context: &Context<'_>,
    database: &Name,
    copy: MissingCopy,
    sources: &[Place<'_>],
    goals: &[Goal<'_>],
    report: &mut SyncReport,
    given_up: &mut BTreeSet<String>,
) -> Result<()> {
    let control = &context.control;
    let Some(goal) = goals.iter().find(|goal| goal.place.name.as_str() == copy.to) else { return Ok(()) };
    let key = Key::new(copy.archive_key.clone())?;
    let mut failure = None;
    for place in copy.from.iter().filter_map(|name| sources.iter().find(|place| place.name.as_str() == name))
    {
        control.step(&format!("copy {} to {}", copy.backup_id, copy.to));
        // Between two copies others may have the database.
        let _lock = context.lock(database, Duration::ZERO)?;
        match transfer((*place, &key), (goal.place, &key), control) {
            Ok(manifest) => {
                if let Some(catalog) = context.catalog {
                    catalog.record_backup(&index_backup::record(&goal.place, &key, &manifest, None))?;
                }
                report.copied.push(copy);
                return Ok(());
            }
            Err(Fault::Target(error)) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(Fault::Target(error)) => {
                given_up.insert(copy.to.clone());
                failure = Some(error);
                break;
            }
            Err(Fault::Source(error)) => {
                note_damage(context, database, &copy, *place, &error)?;
                failure = failure.or(Some(error));
            }
        }
    }
    let failure = failure.map(|error| error.context("backup", copy.backup_id));
    report.failed.extend(failure.map(|error| FailedCopy::new((goal.place, &error))));
    Ok(())
}

/// Keeps in the catalog that a copy turned out to be damaged.
fn note_damage(
    context: &Context<'_>,
    database: &Name,
    copy: &MissingCopy,
    place: Place<'_>,
    error: &Error,
) -> Result<()> {
    let Some(catalog) = context.catalog.filter(|_| error.kind() == ErrorKind::DamagedBackup) else {
        return Ok(());
    };
    let now = context.control.clock.now();
    match catalog.set_verified(database, copy.backup_id, place.name, BackupStatus::Damaged, now, "checksum") {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Copies one backup into a place that is not configured, a folder for example, as files beside each other. What is there
/// under the archive's name and is something else is not touched.
pub fn copy_out(
    context: &Context<'_>,
    database: &Name,
    id: BackupId,
    sources: &[Place<'_>],
    to: Place<'_>,
) -> Result<Key> {
    let copies = crate::stored::locate(context, database, Wanted::Id(id), sources)?;
    let mut failure = None;
    for copy in copies {
        let Some(place) = sources.iter().find(|place| place.name.as_str() == copy.storage) else { continue };
        let key = Key::new(copy.archive_key)?;
        let to_key = Key::new(key.file_name())?;
        to.storage.check()?;
        refuse_another(to, &to_key, copy.manifest.archive.checksum, &context.control)?;
        match transfer((*place, &key), (to, &to_key), &context.control) {
            Ok(_) => return Ok(to_key),
            Err(Fault::Target(error)) => return Err(error),
            Err(Fault::Source(error)) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| not_found(database, Wanted::Id(id)))).operation("copy a backup")
}
