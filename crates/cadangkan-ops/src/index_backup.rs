//! What the catalog keeps of a manifest.

use cadangkan_archive::Manifest;
use cadangkan_catalog::{BackupRecord, BackupStatus};
use cadangkan_core::RunId;
use cadangkan_storage::{Key, Storage};

use crate::Place;

/// The tag that the catalog gives to a backup that does not hold the whole database, so that every list shows it.
pub(crate) const SELECTION_TAG: &str = "selection";

/// The tag that the catalog gives to a backup that holds several databases.
pub const COMBINED_TAG: &str = "combined";

/// Makes the catalog's record of one copy.
pub(crate) fn record(
    place: &Place<'_>,
    archive: &Key,
    manifest: &Manifest,
    run: Option<RunId>,
) -> BackupRecord {
    BackupRecord {
        database: manifest.database_name.clone(),
        original: manifest.databases.is_empty().then(|| manifest.database.clone()),
        databases: manifest.databases.iter().map(|part| part.name.clone()).collect(),
        id: manifest.backup_id,
        storage: place.name.clone(),
        archive_key: archive.to_string(),
        engine: manifest.engine.clone(),
        kind: manifest.backup_type.as_str().to_owned(),
        trigger: manifest.trigger.to_string(),
        schedule: manifest.schedule.clone(),
        status: BackupStatus::Good,
        created_at: manifest.created_at,
        completed_at: manifest.completed_at,
        size_bytes: manifest.archive.size_bytes,
        raw_bytes: manifest.archive.raw_bytes,
        tables: Some(manifest.tables_count),
        codec: manifest.archive.codec.to_string(),
        selection: selection(manifest),
        preserved: manifest.preserved,
        keep_until: manifest.keep_until,
        suspect: manifest.suspect.clone(),
        tags: tags(manifest),
        ticket: manifest.ticket.clone(),
        verified_at: None,
        verified_level: None,
        checksum: manifest.archive.checksum.to_string(),
        run,
    }
}

/// Tells whether a backup holds all of its databases.
pub(crate) fn is_whole(manifest: &Manifest) -> bool {
    manifest.selection.is_everything() && manifest.databases.iter().all(|part| part.selection.is_everything())
}

/// What a backup holds, where that is not everything.
fn selection(manifest: &Manifest) -> Option<String> {
    let parts = manifest.databases.iter().filter(|part| !part.selection.is_everything());
    let parts: Vec<_> = parts.map(|part| (&part.name, &part.selection)).collect();
    (!is_whole(manifest)).then(|| serde_json::json!([manifest.selection, parts]).to_string())
}

fn tags(manifest: &Manifest) -> Vec<String> {
    let mut tags = manifest.tags.clone();
    for (tag, counts) in
        [(COMBINED_TAG, !manifest.databases.is_empty()), (SELECTION_TAG, !is_whole(manifest))]
    {
        if counts && !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags
}

/// Says where an object lies, for people.
pub(crate) fn location(storage: &dyn Storage, key: &Key) -> String {
    let path = storage.local_path(key).map(|path| path.display().to_string());
    path.unwrap_or_else(|| format!("{}/{key}", storage.location()))
}
