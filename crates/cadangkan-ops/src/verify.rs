//! Proof that a backup is still whole.

use cadangkan_catalog::{BackupStatus, RunKind};
use cadangkan_core::{BackupId, Error, ErrorKind, Name, Result, Timestamp};
use serde::Serialize;
use serde_json::json;

use crate::feed::{Order, checksum, feed};
use crate::find::find;
use crate::run::{Outcome, RunDescription, record};
use crate::source::{Source, Wanted};
use crate::{Context, Place};

/// How deep a verification looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VerifyLevel {
    /// Reads every stored byte of archive, index, manifest and side files, and compares checksums.
    Checksum,
    /// Also decodes every frame and compares it with the index.
    Read,
}

impl VerifyLevel {
    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            VerifyLevel::Checksum => "checksum",
            VerifyLevel::Read => "read",
        }
    }
}

/// What was verified, and found whole.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// The backup.
    pub backup_id: BackupId,
    /// The storage whose copy was read.
    pub storage: String,
    /// How deep.
    pub level: VerifyLevel,
    /// Stored bytes that were read.
    pub size_bytes: u64,
    /// Bytes that were decoded.
    pub raw_bytes: u64,
    /// Frames that were decoded.
    pub frames: u64,
    /// When.
    pub verified_at: Timestamp,
}

/// Verifies one copy of a backup, and records in the catalog what was found.
///
/// Fails with `DamagedBackup` and says what is damaged. A storage that cannot be reached says nothing about the
/// backup: then its recorded state stays.
pub fn verify(
    context: &Context<'_>,
    database: &Name,
    id: BackupId,
    place: Place<'_>,
    level: VerifyLevel,
) -> Result<VerifyReport> {
    let options = json!({ "level": level, "storage": place.name, "backup": id });
    let description =
        RunDescription { kind: RunKind::Verify, database: Some(database), trigger: "manual", options };
    record(context, &description, |context, _| {
        let checked = check(context, database, id, place, level);
        let now = context.control.clock.now();
        let status = match &checked {
            Ok(_) => Some(BackupStatus::Good),
            Err(error) if error.kind() == ErrorKind::DamagedBackup => Some(BackupStatus::Damaged),
            Err(error) if error.kind() == ErrorKind::NotFound => Some(BackupStatus::Missing),
            Err(_) => None,
        };
        if let (Some(catalog), Some(status)) = (context.catalog, status) {
            catalog.set_verified(database, id, place.name, status, now, level.as_str())?;
        }
        let report = checked?;
        Ok(Outcome::completed(report, Some(id)))
    })
}

fn check(
    context: &Context<'_>,
    database: &Name,
    id: BackupId,
    place: Place<'_>,
    level: VerifyLevel,
) -> Result<VerifyReport> {
    let control = &context.control;
    control.step("read the manifest");
    let (key, manifest) = find(context, database, Wanted::Id(id), place)?.ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            format!("storage {} has no backup {id} of \"{database}\"", place.name),
        )
        .hint(format!("`cadangkan backups list {database}` shows what there is"))
    })?;
    if (manifest.backup_id, &manifest.database_name) != (id, database) {
        return Err(Error::new(ErrorKind::DamagedBackup, "the manifest is that of another backup")
            .context("found", format!("{} {}", manifest.database_name, manifest.backup_id)));
    }
    // Checksums are of stored bytes, and need no key.
    let source = match level {
        VerifyLevel::Checksum => Source::closed(place, key, manifest, context)?,
        VerifyLevel::Read => Source::open_stored(place, key, manifest, context)
            .map_err(|error| error.hint("`--level checksum` needs no key"))?,
    };
    control.step("read the index");
    source.read_index().map_err(as_damage)?;
    for side in source.manifest().into_iter().flat_map(|manifest| &manifest.side_files) {
        source.read_side_file(side)?;
    }
    control.step("read the archive");
    let seen = match level {
        VerifyLevel::Checksum => checksum(&source, control)?,
        VerifyLevel::Read => feed(&source, Order::AsStored, context.workers, control, &|_, _| Ok(()))?,
    };
    Ok(VerifyReport {
        backup_id: id,
        storage: place.name.to_string(),
        level,
        size_bytes: seen.stored_bytes,
        raw_bytes: if level == VerifyLevel::Read { seen.raw_bytes } else { 0 },
        frames: source
            .index()
            .filter(|_| level == VerifyLevel::Read)
            .map_or(0, |index| index.entries().len() as u64),
        verified_at: control.clock.now(),
    })
}

/// An index that is gone is damage, though a restore does without it.
fn as_damage(error: Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => error.with_kind(ErrorKind::DamagedBackup),
        _ => error,
    }
    .hint("the archive may still be whole, and restores without its index: try `cadangkan restore --dry-run`")
}
