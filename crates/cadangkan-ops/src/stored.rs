//! Backups as they lie in storages: looked at, marked, deleted.

use std::time::Duration;

use cadangkan_archive::Manifest;
use cadangkan_catalog::RunKind;
use cadangkan_core::{BackupId, Error, ErrorKind, Name, Result, ResultExt};
use cadangkan_storage::{Key, Storage, WriteOptions};
use serde::Serialize;
use serde_json::json;

use crate::find::find;
use crate::lock::ReadingLock;
use crate::naming::{INDEX_SUFFIX, MANIFEST_SUFFIX};
use crate::run::{Outcome, RunDescription, reap_database, record};
use crate::source::Wanted;
use crate::{Context, Place, index_backup, side};

/// One copy of a backup in one storage.
#[derive(Clone, Debug, Serialize)]
pub struct StoredBackup {
    /// The storage's name.
    pub storage: String,
    /// The archive's key there.
    pub archive_key: String,
    /// Where the archive lies, for people.
    pub location: String,
    /// Its manifest.
    pub manifest: Manifest,
}

/// Storages that did not do what they were asked, and why.
type Away<'a> = Vec<(Place<'a>, Error)>;

/// Finds the backup that is wanted in each of `places` that has it.
///
/// Fails with `NotFound` when none has, and with the first storage's error when none could be asked.
pub fn locate(
    context: &Context<'_>,
    database: &Name,
    wanted: Wanted<'_>,
    places: &[Place<'_>],
) -> Result<Vec<StoredBackup>> {
    let (copies, away) = look(context, database, wanted, places);
    if copies.is_empty() {
        return Err(none(database, wanted, away));
    }
    Ok(copies)
}

/// Why there is no copy.
fn none(database: &Name, wanted: Wanted<'_>, away: Away<'_>) -> Error {
    let first = away.into_iter().next().map(|(_, error)| error);
    first.unwrap_or_else(|| crate::wanted::not_found(database, wanted))
}

/// The copies in each of `places`, and those places that could not be asked.
fn look<'a>(
    context: &Context<'_>,
    database: &Name,
    wanted: Wanted<'_>,
    places: &[Place<'a>],
) -> (Vec<StoredBackup>, Away<'a>) {
    let (mut copies, mut away) = (Vec::new(), Vec::new());
    for place in places {
        match find(context, database, wanted, *place).context("storage", place.name) {
            Ok(Some((key, manifest))) => copies.push(StoredBackup {
                storage: place.name.to_string(),
                location: index_backup::location(place.storage, &key),
                archive_key: key.to_string(),
                manifest,
            }),
            Ok(None) => {}
            Err(error) => away.push((*place, error)),
        }
    }
    (copies, away)
}

/// The copies as [`locate`] finds them, and why those could not be looked at that the catalog knows besides.
fn locate_all<'a>(
    context: &Context<'_>,
    database: &Name,
    id: BackupId,
    places: &[Place<'a>],
) -> Result<(Vec<StoredBackup>, Away<'a>)> {
    let (copies, mut away) = look(context, database, Wanted::Id(id), places);
    if copies.is_empty() {
        return Err(none(database, Wanted::Id(id), away));
    }
    if let Some(catalog) = context.catalog {
        let known = catalog.backup_copies(database, id)?;
        away.retain(|(place, _)| known.iter().any(|copy| copy.storage == *place.name));
    }
    Ok((copies, away))
}

/// Marks a backup as preserved, so that nothing deletes it, or takes the mark away.
///
/// The mark stands in the manifest, so it survives the loss of the catalog. The audit trail says who changed it.
///
/// Returns the storages whose copies the catalog knows and whose manifests could not be reached: they are as they were.
pub fn preserve(
    context: &Context<'_>,
    database: &Name,
    id: BackupId,
    places: &[Place<'_>],
    preserved: bool,
) -> Result<Vec<Name>> {
    let _lock = context.lock(database, Duration::ZERO)?;
    let (copies, away) = locate_all(context, database, id, places)?;
    for copy in copies {
        let place = place_of(places, &copy)?;
        rewrite(place, copy.archive_key, &Manifest { preserved, ..copy.manifest })?;
        if let Some(catalog) = context.catalog {
            catalog.set_preserved(database, id, preserved)?;
        }
    }
    let action = if preserved { "preserve backup" } else { "stop preserving backup" };
    audit(context, action, &format!("{database} {id}"), places)?;
    Ok(away.into_iter().map(|(place, _)| place.name.clone()).collect())
}

/// Says that a backup which looked wrong is right: the mark goes, so that retention counts it and goes on.
///
/// Returns the storages whose copies the catalog knows and whose manifests could not be reached: they keep the mark. Fails with `Usage` when
/// it does not look wrong.
pub fn accept(
    context: &Context<'_>,
    database: &Name,
    id: BackupId,
    places: &[Place<'_>],
) -> Result<Vec<Name>> {
    let _lock = context.lock(database, Duration::ZERO)?;
    let copies = locate(context, database, Wanted::Id(id), places)?;
    let records = context.catalog.map(|catalog| catalog.backup_copies(database, id)).transpose()?;
    let records = records.unwrap_or_default();
    let is_suspect = copies.iter().any(|copy| !copy.manifest.suspect.is_empty())
        || records.iter().any(|record| !record.suspect.is_empty());
    if !is_suspect {
        return Err(Error::new(ErrorKind::Usage, format!("backup {id} does not look wrong"))
            .hint(format!("`cadangkan backups list {database} --status suspect` shows those that do")));
    }
    let mut reasons: Vec<String> = Vec::new();
    let mut reached = Vec::new();
    for copy in copies {
        let place = place_of(places, &copy)?;
        reached.push(place.name);
        if reasons.is_empty() {
            reasons.clone_from(&copy.manifest.suspect);
        }
        rewrite(place, copy.archive_key, &Manifest { suspect: Vec::new(), ..copy.manifest })?;
    }
    let left = records.iter().map(|record| &record.storage).filter(|name| !reached.contains(name)).cloned();
    let left: Vec<_> = left.collect();
    if let Some(catalog) = context.catalog {
        catalog.set_accepted(database, id)?;
        let detail = json!({ "storages": reached, "reasons": reasons });
        let subject = format!("{database} {id}");
        let now = context.control.clock.now();
        catalog.audit(now, context.initiator, "accept backup", &subject, context.ticket, Some(&detail))?;
    }
    Ok(left)
}

/// Writes a changed manifest in the place of the one that is there.
fn rewrite(place: Place<'_>, archive: String, manifest: &Manifest) -> Result<()> {
    let key = Key::new(archive)?.with_suffix(MANIFEST_SUFFIX)?;
    let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
    let mut writer = place.storage.begin_write(&key, options)?;
    writer.write(&manifest.to_bytes()?)?;
    writer.close().context("storage", place.name).map(drop)
}

/// A copy that was shredded.
#[derive(Clone, Debug, Serialize)]
pub struct Shredded {
    /// What it was.
    #[serde(flatten)]
    pub copy: StoredBackup,
    /// What was done, and what it does not reach.
    pub shredded: String,
}

/// Deletes a backup from `places`: manifest first, so that what is left after a crash is no backup but a
/// leftover.
///
/// Refuses a preserved backup with `Conflict`.
pub fn delete(
    context: &Context<'_>,
    database: &Name,
    id: BackupId,
    places: &[Place<'_>],
) -> Result<Vec<StoredBackup>> {
    delete_by(context, database, id, places, |storage, key| storage.delete(key))
}

/// Deletes a backup alike, and leaves as little of its bytes as each storage can.
pub fn shred(
    context: &Context<'_>,
    database: &Name,
    id: BackupId,
    places: &[Place<'_>],
) -> Result<Vec<Shredded>> {
    let copies = delete_by(context, database, id, places, |storage, key| storage.shred(key))?;
    let told = |copy| {
        let shredded = place_of(places, &copy)?.storage.about_shredding();
        Ok(Shredded { copy, shredded })
    };
    copies.into_iter().map(told).collect()
}

fn delete_by(
    context: &Context<'_>,
    database: &Name,
    id: BackupId,
    places: &[Place<'_>],
    delete: impl Fn(&dyn Storage, &Key) -> Result<()>,
) -> Result<Vec<StoredBackup>> {
    let _lock = context.lock(database, Duration::ZERO)?;
    let _alone = ReadingLock::alone(context.locks, database)?;
    reap_database(context, database)?;
    let storages: Vec<_> = places.iter().map(|place| place.name.as_str()).collect();
    let options = json!({ "backup_id": id, "storages": storages });
    let description =
        RunDescription { kind: RunKind::Delete, database: Some(database), trigger: "manual", options };
    record(context, &description, |context, _| {
        let (copies, mut left) = locate_all(context, database, id, places)?;
        if copies.iter().any(|copy| copy.manifest.preserved) {
            return Err(Error::new(ErrorKind::Conflict, format!("backup {id} is preserved")).hint(format!(
                "take the mark away first: cadangkan backups preserve {database} {id} --off"
            )));
        }
        let mut deleted = Vec::new();
        for copy in copies {
            context.control.check()?;
            let place = place_of(places, &copy)?;
            match remove_by(context, place, &copy, &delete).context("storage", place.name) {
                Ok(()) => deleted.push(copy),
                Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
                Err(error) => left.push((place, error)),
            }
        }
        if !deleted.is_empty() {
            audit(context, "delete backup", &format!("{database} {id}"), places)?;
        }
        match still_there(id, deleted.len(), left) {
            Some(error) => Err(error),
            None => Ok(Outcome::completed(deleted, Some(id))),
        }
    })
}

/// The error of those storages whose copies are not deleted.
fn still_there(id: BackupId, deleted: usize, mut left: Away<'_>) -> Option<Error> {
    let again = "run it again; what is left is named by `cadangkan cleanup --dry-run`";
    if left.is_empty() {
        return None;
    }
    if deleted == 0 {
        return Some(left.swap_remove(0).1.hint(again));
    }
    let message = format!("backup {id} is still in {} of {} storages", left.len(), left.len() + deleted);
    let failed = left.iter().fold(Error::new(ErrorKind::Partial, message), |error, (place, why)| {
        error.context("failed", format!("{}: {}", place.name, why.chain().join(": ")))
    });
    Some(
        failed.hint("run it again when that is repaired; until then `cadangkan backups sync` copies it back"),
    )
}

pub(crate) fn audit(context: &Context<'_>, action: &str, subject: &str, places: &[Place<'_>]) -> Result<()> {
    let Some(catalog) = context.catalog else { return Ok(()) };
    let storages: Vec<_> = places.iter().map(|place| place.name.as_str()).collect();
    let (now, detail) = (context.control.clock.now(), json!({ "storages": storages }));
    catalog.audit(now, context.initiator, action, subject, context.ticket, Some(&detail))
}

/// Deletes one copy, manifest first, and looks whether it is gone.
pub(crate) fn remove(context: &Context<'_>, place: Place<'_>, copy: &StoredBackup) -> Result<()> {
    remove_by(context, place, copy, &|storage, key| storage.delete(key))
}

fn remove_by(
    context: &Context<'_>,
    place: Place<'_>,
    copy: &StoredBackup,
    delete: &dyn Fn(&dyn Storage, &Key) -> Result<()>,
) -> Result<()> {
    let (archive, manifest) = (Key::new(copy.archive_key.clone())?, &copy.manifest);
    let delete = |key: &Key| delete(place.storage, key);
    delete(&archive.with_suffix(MANIFEST_SUFFIX)?)?;
    side::keys(&archive, manifest)?.iter().try_for_each(delete)?;
    delete(&archive.with_suffix(INDEX_SUFFIX)?)?;
    delete(&archive)?;
    // A storage may say that it has deleted what it keeps.
    for key in [archive.with_suffix(MANIFEST_SUFFIX)?, archive.clone()] {
        if place.storage.stat(&key)?.is_some() {
            return Err(Error::new(ErrorKind::Io, "an object is still there after it was deleted")
                .context("key", key)
                .hint("look whether the storage holds it by a lock or a retention of its own, and run it again then"));
        }
    }
    let Some(catalog) = context.catalog else { return Ok(()) };
    catalog.forget_backup(&manifest.database_name, manifest.backup_id, place.name).map(drop)
}

fn place_of<'a>(places: &[Place<'a>], copy: &StoredBackup) -> Result<Place<'a>> {
    let found = places.iter().find(|place| place.name.as_str() == copy.storage);
    found.copied().ok_or_else(|| Error::new(ErrorKind::Internal, "a copy in a storage that was not asked"))
}
