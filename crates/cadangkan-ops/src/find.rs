//! Where a backup lies, by the catalog or by a look into the storages.

use cadangkan_archive::Manifest;
use cadangkan_catalog::{BackupFilter, BackupStatus};
use cadangkan_core::{BackupId, ErrorKind, Level, Name, Result};
use cadangkan_storage::Key;

use crate::manifests::{manifests, read_manifest};
use crate::naming::database_folder;
use crate::wanted::Wanted;
use crate::{Context, Place};

/// Finds the manifest of a backup in one storage: by the catalog, or without it by looking through the storage.
pub(crate) fn find(
    context: &Context<'_>,
    database: &Name,
    wanted: Wanted<'_>,
    place: Place<'_>,
) -> Result<Option<(Key, Manifest)>> {
    if let Some(key) = known_key(context, database, wanted, place)? {
        match read_manifest(place, &key) {
            Ok(manifest) => return Ok(Some((key, manifest))),
            // The catalog remembers what is gone; the storage may still have it elsewhere.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let all = manifests(place, &database_folder(database))?;
    // It may be the newest one.
    for error in
        all.iter().filter(|_| wanted.id().is_none()).filter_map(|(_, manifest)| manifest.as_ref().err())
    {
        context.control.message(Level::Warning, &format!("a backup in {} is left out: {error}", place.name));
    }
    let found = all.into_iter().filter_map(|(key, manifest)| {
        manifest.ok().filter(|manifest| wanted.fits(manifest)).map(|manifest| (key, manifest))
    });
    Ok(found.max_by_key(|(_, manifest)| manifest.backup_id))
}

/// The newest backup that the catalog knows as good in any of `places`.
pub(crate) fn newest_good(
    context: &Context<'_>,
    database: &Name,
    wanted: Wanted<'_>,
    places: &[Place<'_>],
) -> Result<Option<BackupId>> {
    newest_known(context, database, wanted, places, Some(BackupStatus::Good))
}

/// Says when the catalog knows a newer backup than `taken` in these places, which was found damaged or missing there.
pub(crate) fn tell_of_newer(
    context: &Context<'_>,
    database: &Name,
    wanted: Wanted<'_>,
    places: &[Place<'_>],
    taken: BackupId,
) {
    // A catalog that cannot be read keeps nobody from a restore.
    let newest = newest_known(context, database, wanted, places, None).unwrap_or_default();
    if let Some(newer) = newest.filter(|newest| *newest > taken) {
        let text = format!("backup {newer} is newer, and was found damaged or missing; {taken} is taken");
        context.control.message(Level::Warning, &text);
    }
}

fn newest_known(
    context: &Context<'_>,
    database: &Name,
    wanted: Wanted<'_>,
    places: &[Place<'_>],
    status: Option<BackupStatus>,
) -> Result<Option<BackupId>> {
    let Some(catalog) = context.catalog else { return Ok(None) };
    let mut newest = None;
    for place in places {
        let filter = BackupFilter { storage: Some(place.name.clone()), status, ..wanted.newest(database) };
        newest = newest.max(catalog.backups(&filter)?.first().map(|backup| backup.id));
    }
    Ok(newest)
}

/// The storages whose copy of a backup was found damaged or missing when it was last looked at.
pub(crate) fn damaged_copies(context: &Context<'_>, database: &Name, id: BackupId) -> Result<Vec<Name>> {
    let Some(catalog) = context.catalog else { return Ok(Vec::new()) };
    let copies = catalog.backup_copies(database, id)?;
    Ok(copies.into_iter().filter(|copy| copy.status != BackupStatus::Good).map(|copy| copy.storage).collect())
}

/// Looks up in the catalog where a backup, or the newest one, lies in a storage.
fn known_key(
    context: &Context<'_>,
    database: &Name,
    wanted: Wanted<'_>,
    place: Place<'_>,
) -> Result<Option<Key>> {
    let Some(catalog) = context.catalog else { return Ok(None) };
    let id = match wanted {
        Wanted::Id(id) => Some(id),
        Wanted::Newest => catalog.newest_backup(database, true)?.map(|newest| newest.id),
        Wanted::NewestOf(_) | Wanted::NewestCombined => newest_good(context, database, wanted, &[place])?,
    };
    let Some(id) = id else { return Ok(None) };
    let copies = catalog.backup_copies(database, id)?;
    let copy = copies.into_iter().find(|copy| copy.storage == *place.name);
    copy.map(|copy| Key::new(copy.archive_key)).transpose()
}
