//! The catalog rebuilt from what a storage holds.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use cadangkan_archive::Manifest;
use cadangkan_catalog::{BackupRecord, Catalog, RunKind};
use cadangkan_core::{BackupId, Error, ErrorKind, Event, Level, Name, Progress, Result};
use cadangkan_storage::Key;
use serde::Serialize;
use serde_json::json;

use crate::manifests::read_manifests;
use crate::naming::MANIFEST_SUFFIX;
use crate::run::{Outcome, RunDescription, record};
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
    /// What the manifests say of where the databases were.
    #[serde(skip)]
    pub known: Vec<KnownDatabase>,
}

/// Where a database was when it was last backed up; a user, options and secrets stand in no manifest.
#[derive(Clone, Debug)]
pub struct KnownDatabase {
    /// Its configured name.
    pub name: Name,
    /// Its engine.
    pub engine: String,
    /// Its server, if it has one.
    pub host: Option<String>,
    /// The server's port.
    pub port: Option<u16>,
    /// Its name on the server or its path; none where the configured name stands for several.
    pub database: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    newest: BackupId,
}

/// Keeps what the newest backup says; one of several databases makes the configured name a server.
fn note(known: &mut BTreeMap<Name, KnownDatabase>, manifest: Manifest) {
    let database = manifest.databases.is_empty().then_some(manifest.database);
    let found = KnownDatabase {
        name: manifest.database_name.clone(),
        engine: manifest.engine,
        host: manifest.host,
        port: manifest.port,
        database,
        labels: manifest.labels,
        newest: manifest.backup_id,
    };
    match known.entry(manifest.database_name) {
        Entry::Vacant(entry) => {
            entry.insert(found);
        }
        Entry::Occupied(mut entry) => {
            let several = entry.get().database != found.database && found.host.is_some();
            if found.newest > entry.get().newest {
                entry.insert(found);
            }
            if several {
                entry.get_mut().database = None;
            }
        }
    }
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
        let control = &context.control;
        control.step("read the manifests");
        let listed = place.storage.list("")?;
        let sizes: HashMap<&Key, u64> = listed.iter().map(|object| (&object.key, object.size)).collect();
        let total = listed.iter().filter(|object| object.key.as_str().ends_with(MANIFEST_SUFFIX)).count();
        let seen = |objects| {
            let total_objects = Some(total as u64);
            control.reporter.report(&Event::Progress(Progress {
                objects,
                total_objects,
                ..Progress::default()
            }));
            control.check()
        };
        let (mut report, mut records) = (AdoptReport::default(), Vec::new());
        let mut known = BTreeMap::new();
        for (archive, manifest) in read_manifests(place, &listed, &seen)? {
            let adopted = manifest.and_then(|manifest| {
                let record = examine(context, catalog, place, &archive, &manifest, &sizes)?;
                Ok((record, manifest))
            });
            match adopted {
                Ok((record, manifest)) => {
                    records.push(record);
                    note(&mut known, manifest);
                }
                Err(error) => {
                    control.message(Level::Warning, &format!("{archive}: {error}"));
                    report.refused.push(format!("{archive}: {error}"));
                }
            }
        }
        // All at once: one wait for the catalog's disk.
        catalog.record_backups(&records)?;
        report.adopted = records.len() as u64;
        report.databases = known.keys().map(Name::to_string).collect();
        report.known = known.into_values().collect();
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
    sizes: &HashMap<&Key, u64>,
) -> Result<BackupRecord> {
    let size = sizes.get(archive).copied();
    if size != Some(manifest.archive.size_bytes) {
        let found = size.map_or("is gone".to_owned(), |size| format!("has {size} bytes"));
        return Err(Error::new(ErrorKind::DamagedBackup, format!("the archive {found}"))
            .context("expected bytes", manifest.archive.size_bytes));
    }
    for side in side::keys(archive, manifest)? {
        if !sizes.contains_key(&side) {
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
