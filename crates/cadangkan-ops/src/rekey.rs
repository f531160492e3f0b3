//! Who may open the backups of a database: changed in their manifests, without touching the archives.

use std::time::Duration;

use cadangkan_archive::{Manifest, Recipients, Wrap, WrapKind};
use cadangkan_core::{BackupId, Error, ErrorKind, Event, Level, Name, Progress, Result, ResultExt};
use cadangkan_storage::{Key, WriteOptions};
use serde::Serialize;

use crate::manifests::{manifests, read_manifest};
use crate::naming::{MANIFEST_SUFFIX, database_folder};
use crate::stored::audit;
use crate::{Context, Place};

/// What is changed.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// They open for these, and for nobody else.
    Rotate(&'a Recipients),
    /// They open for these, too.
    Add(&'a Recipients),
    /// They open no more for these.
    Remove(&'a Recipients),
}

/// What a change did, or would do.
#[derive(Debug, Default, Serialize)]
pub struct RekeyReport {
    /// Copies of backups that were changed.
    pub changed: Vec<Rekeyed>,
    /// Copies that were already as they should be.
    pub unchanged: u64,
    /// Copies that are not encrypted.
    pub plain: u64,
    /// Copies that could not be changed, with the reason.
    #[serde(skip)]
    pub failed: Vec<(String, Error)>,
    /// Storages whose backups could not be looked at, with the reason.
    #[serde(skip)]
    pub away: Vec<(Name, Error)>,
}

/// A copy of a backup whose manifest was written anew.
#[derive(Clone, Debug, Serialize)]
pub struct Rekeyed {
    /// The backup.
    pub backup_id: BackupId,
    /// The storage.
    pub storage: String,
    /// Whom it opens for now.
    pub opens_with: Vec<String>,
}

/// Changes for whom all backups of `database` in `places` open: each manifest gets new wraps of its data key, and is
/// written in one step. What was done stays done, so that a change that was stopped goes on when it is asked for again.
///
/// A storage that cannot be looked at does not keep the others from it; the report names it.
///
/// Whoever had a key that is taken away, and has the archive, can still open it by the wraps in the archive's own header.
pub fn rekey(
    context: &Context<'_>,
    database: &Name,
    places: &[Place<'_>],
    change: Change<'_>,
    dry_run: bool,
) -> Result<RekeyReport> {
    let _lock = context.lock(database, Duration::ZERO)?;
    context.control.step("read the manifests");
    let mut report = RekeyReport::default();
    let mut each = places.iter();
    let done = each.try_for_each(|place| in_storage(context, database, *place, change, dry_run, &mut report));
    // What was changed before somebody asked to stop is told, too.
    if !dry_run && !report.changed.is_empty() {
        let action = match change {
            Change::Rotate(_) => "rotate keys",
            Change::Add(_) => "add a key",
            Change::Remove(_) => "remove a key",
        };
        audit(context, action, &format!("{database}, {} backups", report.changed.len()), places)?;
    }
    done.map(|()| report)
}

/// Changes all backups in one storage. Fails only when somebody asked to stop.
fn in_storage(
    context: &Context<'_>,
    database: &Name,
    place: Place<'_>,
    change: Change<'_>,
    dry_run: bool,
    report: &mut RekeyReport,
) -> Result<()> {
    context.control.check()?;
    let found = match manifests(place, &database_folder(database)) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
        Err(error) => {
            report.away.push((place.name.clone(), error.context("storage", place.name)));
            return Ok(());
        }
    };
    let mut progress = Progress { total_objects: Some(found.len() as u64), ..Progress::default() };
    for (archive, manifest) in found {
        context.control.check()?;
        match manifest.and_then(|manifest| one(context, place, &archive, manifest, change, dry_run)) {
            Ok(Outcome::Plain) => report.plain += 1,
            Ok(Outcome::Unchanged) => report.unchanged += 1,
            Ok(Outcome::Changed(rekeyed)) => report.changed.push(rekeyed),
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => report.failed.push((archive.to_string(), error.context("storage", place.name))),
        }
        progress.objects += 1;
        context.control.reporter.report(&Event::Progress(progress));
    }
    Ok(())
}

/// Who opens a copy of a backup.
#[derive(Clone, Debug)]
pub struct Holder {
    /// For people.
    pub opens_with: String,
    /// The backup.
    pub backup_id: BackupId,
}

/// Lists who opens the backups of a database: one item for each key of each copy. A storage that cannot be looked at is
/// told by a message; fails when none can.
pub fn holders(context: &Context<'_>, database: &Name, places: &[Place<'_>]) -> Result<Vec<Holder>> {
    let (mut holders, mut away) = (Vec::new(), Vec::new());
    for place in places {
        let found = match manifests(*place, &database_folder(database)).context("storage", place.name) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => {
                away.push(error);
                continue;
            }
        };
        for (archive, manifest) in found {
            context.control.check()?;
            let Manifest { backup_id, encryption, .. } = match manifest {
                Ok(manifest) => manifest,
                Err(error) => {
                    context.control.message(Level::Warning, &format!("{archive}: {error}"));
                    continue;
                }
            };
            let mut whom: Vec<_> = encryption.keys.iter().map(|wrap| wrap.kind.describe()).collect();
            if !encryption.is_encrypted() {
                whom.push("everybody: not encrypted".to_owned());
            }
            holders.extend(whom.into_iter().map(|opens_with| Holder { opens_with, backup_id }));
        }
    }
    if away.len() == places.len()
        && let Some(error) = away.pop()
    {
        return Err(error);
    }
    for error in away {
        context.control.message(Level::Warning, &format!("not listed: {error}"));
    }
    Ok(holders)
}

enum Outcome {
    Plain,
    Unchanged,
    Changed(Rekeyed),
}

fn one(
    context: &Context<'_>,
    place: Place<'_>,
    archive: &Key,
    mut manifest: Manifest,
    change: Change<'_>,
    dry_run: bool,
) -> Result<Outcome> {
    if !manifest.encryption.is_encrypted() {
        return Ok(Outcome::Plain);
    }
    let Some(keys) = new_keys(context, &manifest, change)? else { return Ok(Outcome::Unchanged) };
    let rekeyed = Rekeyed {
        backup_id: manifest.backup_id,
        storage: place.name.to_string(),
        opens_with: keys.iter().map(|wrap| WrapKind::describe(&wrap.kind)).collect(),
    };
    manifest.encryption.keys = keys;
    if !dry_run {
        let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
        let mut writer = place.storage.begin_write(&archive.with_suffix(MANIFEST_SUFFIX)?, options)?;
        let bytes = manifest.to_bytes()?;
        writer.write(&bytes)?;
        writer.close()?;
        if read_manifest(place, archive)?.to_bytes()? != bytes {
            return Err(Error::new(
                ErrorKind::DamagedBackup,
                "the storage gave back another manifest than was written",
            )
            .hint("check the disk or the network of this storage, and run it again"));
        }
    }
    Ok(Outcome::Changed(rekeyed))
}

/// The wraps that a manifest is to have; `None` where it has them.
fn new_keys(context: &Context<'_>, manifest: &Manifest, change: Change<'_>) -> Result<Option<Vec<Wrap>>> {
    let present = &manifest.encryption.keys;
    let unlock = || context.keys.unlock(Some(&manifest.database_name), present);
    let others = |recipients: &Recipients| -> Result<Vec<Wrap>> {
        let mut others = Vec::new();
        for wrap in present {
            if !recipients.have(wrap)? {
                others.push(wrap.clone());
            }
        }
        Ok(others)
    };
    Ok(match change {
        Change::Rotate(recipients) if recipients.are_those_of(present)? => None,
        Change::Rotate(recipients) => Some(recipients.wrap(&unlock()?)?),
        Change::Add(recipients) if recipients.are_among(present)? => None,
        Change::Add(recipients) => Some(recipients.wrap_beside(others(recipients)?, &unlock()?)?),
        Change::Remove(recipients) => match others(recipients)? {
            others if others.is_empty() => {
                return Err(Error::new(ErrorKind::Conflict, "nobody could open the backup any more")
                    .context("backup", manifest.backup_id)
                    .hint("add another key first: `cadangkan key add`"));
            }
            others if others.len() == present.len() => None,
            others => Some(others),
        },
    })
}
