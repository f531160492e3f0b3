//! The catalog rebuilt from what a storage holds.

use cadangkan_archive::Manifest;
use cadangkan_catalog::{BackupRecord, Catalog, RunKind};
use cadangkan_core::{Error, ErrorKind, Event, Level, Progress, Result};
use cadangkan_storage::Key;
use serde::Serialize;
use serde_json::json;

use crate::run::{Outcome, RunDescription, record};
use crate::source::manifests;
use crate::{Context, Place, index_backup, side};

/// What adopting a storage gave.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AdoptReport {
    /// Backups that are in the catalog now.
    pub adopted: u64,
    /// Their databases.
    pub databases: Vec<String>,
    /// What looked like a backup and is none, with the reason.
    pub refused: Vec<String>,
}

/// Reads every manifest of a storage and records its backup in the catalog; needs nothing but the storage.
///
/// A manifest that is damaged, or whose archive is gone or has another size, is refused and named; the others
/// are adopted all the same.
pub fn adopt(context: &Context<'_>, place: Place<'_>) -> Result<AdoptReport> {
    let catalog =
        context.catalog.ok_or_else(|| Error::new(ErrorKind::Internal, "adopting needs a catalog"))?;
    let options = json!({ "storage": place.name });
    let description = RunDescription { kind: RunKind::Adopt, database: None, trigger: "manual", options };
    record(context, &description, |context, _| {
        context.control.step("read the manifests");
        let found = manifests(place, "")?;
        let (mut report, mut records) = (AdoptReport::default(), Vec::new());
        let mut progress = Progress { total_objects: Some(found.len() as u64), ..Progress::default() };
        for (archive, manifest) in found {
            context.control.check()?;
            let adopted = manifest.and_then(|manifest| examine(context, catalog, place, &archive, &manifest));
            match adopted {
                Ok(record) => records.push(record),
                Err(error) => {
                    context.control.message(Level::Warning, &format!("{archive}: {error}"));
                    report.refused.push(format!("{archive}: {error}"));
                }
            }
            progress.objects += 1;
            context.control.reporter.report(&Event::Progress(progress));
        }
        // All at once: one wait for the catalog's disk.
        catalog.record_backups(&records)?;
        report.adopted = records.len() as u64;
        report.databases = records.iter().map(|record| record.database.to_string()).collect();
        report.databases.sort();
        report.databases.dedup();
        Ok(Outcome::completed(report, None))
    })
}

/// Makes the catalog's record of a backup, unless something speaks against it.
fn examine(
    context: &Context<'_>,
    catalog: &Catalog,
    place: Place<'_>,
    archive: &Key,
    manifest: &Manifest,
) -> Result<BackupRecord> {
    let size = place.storage.stat(archive)?.map(|info| info.size);
    if size != Some(manifest.archive.size_bytes) {
        let found = size.map_or("is gone".to_owned(), |size| format!("has {size} bytes"));
        return Err(Error::new(ErrorKind::DamagedBackup, format!("the archive {found}"))
            .context("expected bytes", manifest.archive.size_bytes));
    }
    for side in side::keys(archive, manifest)? {
        if place.storage.stat(&side)?.is_none() {
            context.control.message(Level::Warning, &format!("{archive}: {} is gone", side.file_name()));
        }
    }
    let known = catalog.backup_copies(&manifest.database_name, manifest.backup_id)?;
    let mut record = index_backup::record(&place, archive, manifest, None);
    if let Some(copy) = known.into_iter().find(|copy| copy.storage == *place.name) {
        if copy.archive_key != record.archive_key {
            return Err(Error::new(ErrorKind::Conflict, "another archive has this id in this storage")
                .context("other", copy.archive_key));
        }
        // What verification found stays.
        (record.status, record.run) = (copy.status, copy.run);
        (record.verified_at, record.verified_level) = (copy.verified_at, copy.verified_level);
    }
    Ok(record)
}
