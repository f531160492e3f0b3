//! One restore: planned, shown, then carried out as it was shown.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cadangkan_catalog::RunKind;
use cadangkan_core::{
    BackupId, Control, Error, ErrorKind, Fingerprint, Level, Name, ObjectKind, ObjectName, ObjectReport, Result,
    ResultExt,
    Selection, Timestamp,
};
use cadangkan_engine::{Engine, Load, LoadMode, LoadOptions, LoadPlan, LoadReport, LoadRequest, Piece};
use serde::Serialize;
use serde_json::json;

use crate::backup::{BackupReport, BackupRequest, backup_locked};
use crate::feed::{feed, feed_objects};
use crate::run::{Outcome, RunDescription, reap_database, record};
use crate::source::Source;
use crate::{Context, Database, Place};

/// What a restore is asked for.
#[derive(Clone, Debug, Default)]
pub struct RestoreRequest {
    /// Which objects.
    pub selection: Selection,
    /// What happens to what the target holds.
    pub mode: LoadMode,
    /// Whether the database's own check runs on the restored database before it is put in place.
    pub check: bool,
    /// Whether what was replaced is removed at once.
    pub drop_old: bool,
    /// What servers can do besides.
    pub options: LoadOptions,
}

/// The database that is restored into.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Its configured name, when it has one; then its lock is taken.
    pub name: Option<&'a Name>,
    /// Its engine.
    pub engine: &'a dyn Engine,
}

/// A backup of the target that is made before anything else.
pub struct Safety<'a> {
    /// Where to.
    pub places: &'a [Place<'a>],
    /// How.
    pub request: BackupRequest,
}

/// What a restore will do: what `--dry-run` prints and a person confirms.
#[derive(Clone, Serialize)]
pub struct RestorePlan {
    /// The backup, unless a file stands alone.
    pub backup: Option<BackupSummary>,
    /// Where the archive is.
    pub archive: String,
    /// Its stored bytes.
    pub archive_bytes: u64,
    /// The engine.
    pub engine: &'static str,
    /// Where the restored database will be.
    pub target: String,
    /// What happens to what is there.
    pub mode: LoadMode,
    /// The engine's part.
    #[serde(flatten)]
    pub load: LoadPlan,
}

/// What a person must know of a backup before it is restored.
#[derive(Clone, Debug, Serialize)]
pub struct BackupSummary {
    /// Its id.
    pub backup_id: BackupId,
    /// Of which database.
    pub database: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Its stored bytes.
    pub size_bytes: u64,
    /// Number of tables in it.
    pub tables_count: u64,
}

/// A restore that was done.
#[derive(Clone, Debug, Serialize)]
pub struct RestoreReport {
    /// The backup, unless a file stood alone.
    pub backup_id: Option<BackupId>,
    /// Where the restored database is.
    pub target: String,
    /// Number of tables in it.
    pub tables: u64,
    /// Uncompressed bytes that were loaded.
    pub raw_bytes: u64,
    /// Seconds from begin to end.
    pub duration_seconds: f64,
    /// What proves it: `image fingerprint equal` …
    pub proofs: Vec<String>,
    /// What a person should know: where the old database is kept.
    pub notes: Vec<String>,
    /// The backup of the target that was made first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety: Option<Box<BackupReport>>,
}

/// Says what a restore would do. Looks at the backup's manifest and at the target; changes nothing.
pub fn plan(
    context: &Context<'_>,
    source: &Source<'_>,
    target: Target<'_>,
    request: &RestoreRequest,
) -> Result<RestorePlan> {
    let manifest = source.manifest();
    let descriptor = target.engine.descriptor();
    if let Some(manifest) = manifest.filter(|manifest| manifest.engine != descriptor.id) {
        let message = format!("a backup of {} cannot be restored into {}", manifest.engine, descriptor.id);
        return Err(
            Error::new(ErrorKind::Unsupported, message).hint("name a target of the same engine with --to")
        );
    }
    let load = LoadRequest {
        selection: request.selection.clone(),
        mode: request.mode,
        raw_bytes: source.raw_bytes(),
        attributes: manifest.map(|manifest| manifest.attributes.clone()).unwrap_or_default(),
        objects: manifest.map(|manifest| manifest.objects.clone()).unwrap_or_default(),
        check: request.check,
        drop_old: request.drop_old,
        options: request.options.clone(),
    };
    Ok(RestorePlan {
        backup: manifest.map(|manifest| BackupSummary {
            backup_id: manifest.backup_id,
            database: manifest.database_name.to_string(),
            created_at: manifest.created_at,
            size_bytes: manifest.archive.size_bytes,
            tables_count: manifest.tables_count,
        }),
        archive: source.location(),
        archive_bytes: source.size(),
        engine: descriptor.id,
        target: target.engine.location().to_string(),
        mode: request.mode,
        load: target.engine.plan_load(&load, &context.control)?,
    })
}

/// Reads and checks the whole archive, and loads nothing: what a dry run can prove.
pub fn read_through(context: &Context<'_>, source: &Source<'_>) -> Result<()> {
    feed(source, context.workers, &context.control, &|_, _| Ok(())).map(drop)
}

/// Carries out a plan. Until the last step the target's present content stays as it is, unless the plan says
/// otherwise.
///
/// Fails with `DamagedBackup` when the archive is not what it was, `NotEqual` when the restored database is not
/// equal to its backup, `Locked`, `NoSpace`, `Cancelled`; what was loaded is then removed.
pub fn restore(
    context: &Context<'_>,
    source: &Source<'_>,
    target: Target<'_>,
    plan: &RestorePlan,
    safety: Option<Safety<'_>>,
    wait: Duration,
) -> Result<RestoreReport> {
    let lock = target.name.map(|name| context.lock(name, wait)).transpose()?;
    if let Some(Err(error)) = target.name.map(|name| reap_database(context, name)) {
        context.control.message(Level::Warning, &format!("the catalog does not take part: {error}"));
    }
    let safety = match (safety, target.name) {
        (Some(safety), Some(name)) if plan.load.present.is_some() => {
            let database = Database { name, engine: target.engine };
            let report = backup_locked(context, database, safety.places, &safety.request);
            Some(
                report
                    .hint("nothing was restored; leave --backup-first out when the target is past saving")?,
            )
        }
        _ => None,
    };
    let options = json!({ "archive": plan.archive, "target": plan.target, "mode": plan.mode });
    let description =
        RunDescription { kind: RunKind::Restore, database: target.name, trigger: "manual", options };
    let report = record(context, &description, |context, _| {
        let mut report = carry_out(context, source, target, plan).operation("restore")?;
        report.safety = safety.map(Box::new);
        let backup = report.backup_id;
        Ok(Outcome::completed(report, backup))
    });
    drop(lock);
    report
}

fn carry_out(
    context: &Context<'_>,
    source: &Source<'_>,
    target: Target<'_>,
    plan: &RestorePlan,
) -> Result<RestoreReport> {
    let control = &context.control;
    let began = Instant::now();
    // 1. Begin beside what is there.
    control.step("begin load");
    let mut load = target.engine.begin_load(&plan.load, control)?;
    // 2. Read, decode, load; 3. complete, durable, checked; 4. equal to what was backed up.
    let proved = fill(context, source, plan.load.needs.as_deref(), load.as_mut()).and_then(|raw_bytes| {
        control.step("finish load");
        let report = load.finish(control)?;
        let proofs = prove(source, plan, &report)?;
        control.check()?;
        Ok((raw_bytes, report, proofs))
    });
    let (raw_bytes, loaded, proofs) = match proved {
        Ok(proved) => proved,
        Err(error) => return Err(abort(load, error)),
    };
    // 5. In its place: from here on it is the target's content.
    control.step("commit");
    let notes = load.commit()?;
    Ok(RestoreReport {
        backup_id: source.manifest().map(|manifest| manifest.backup_id),
        target: plan.target.clone(),
        tables: loaded.tables,
        raw_bytes,
        duration_seconds: began.elapsed().as_secs_f64(),
        proofs,
        notes,
        safety: None,
    })
}

fn fill(
    context: &Context<'_>,
    source: &Source<'_>,
    needs: Option<&[ObjectName]>,
    load: &mut dyn Load,
) -> Result<u64> {
    let control = &context.control;
    if source.manifest().is_none() {
        let text =
            "no manifest beside the archive: it proves itself by its own checksums and the database's check";
        control.message(Level::Info, text);
    }
    control.step("load");
    let threads = load.connections().min(context.workers.max(1));
    let load: &dyn Load = load;
    let take = |piece: &Piece<'_>, control: &Control<'_>| load.load(piece, control);
    match needs {
        Some(objects) => feed_objects(source, objects, threads, control, &take),
        None => Ok(feed(source, threads, control, &take)?.raw_bytes),
    }
}

/// Holds what was loaded against what was backed up; returns what was proved, for people.
fn prove(source: &Source<'_>, plan: &RestorePlan, loaded: &LoadReport) -> Result<Vec<String>> {
    let mut proofs = Vec::new();
    if source.manifest().is_some() {
        proofs.push(match plan.load.needs {
            None => "every stored byte is the one that was backed up (SHA-256)".to_owned(),
            Some(_) => "every frame that was read is the one that was backed up (BLAKE3)".to_owned(),
        });
    }
    if let (Some(expected), Some(found)) = (image_fingerprint(source), loaded.image) {
        if expected != found {
            return Err(Error::new(ErrorKind::NotEqual, "the restored database is not equal to its backup")
                .context("expected", expected)
                .context("found", found)
                .hint("the target was left as it was; check the disk it lies on, then try again"));
        }
        proofs.push(format!("all {} pages read back equal (fingerprint)", found.rows()));
    }
    proofs.extend(prove_tables(source, &loaded.objects)?);
    proofs.extend(loaded.check.as_ref().map(|check| format!("{check} found no fault")));
    Ok(proofs)
}

/// Holds every table that was loaded against what the backup says of it; returns what was proved, for people.
fn prove_tables(source: &Source<'_>, loaded: &[ObjectReport]) -> Result<Option<String>> {
    let Some(manifest) = source.manifest().filter(|_| !loaded.is_empty()) else { return Ok(None) };
    let backed_up: HashMap<_, _> = manifest.objects.iter().map(|object| (&object.name, object)).collect();
    let (mut rows, mut fingerprints) = (0, 0);
    for found in loaded {
        let expected = backed_up.get(&found.name).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "a table was loaded that the backup does not name")
                .context("table", &found.name)
        })?;
        if expected.rows.is_some() && expected.rows != found.rows {
            let count = |rows: Option<u64>| rows.map_or_else(|| "unknown".to_owned(), |rows| rows.to_string());
            return Err(unequal(&found.name, count(expected.rows), count(found.rows)));
        }
        if let (Some(expected), Some(fingerprint)) = (expected.fingerprint, found.fingerprint) {
            if expected != fingerprint {
                return Err(unequal(&found.name, expected.to_string(), fingerprint.to_string()));
            }
            fingerprints += 1;
        }
        rows += found.rows.unwrap_or_default();
    }
    Ok(Some(if fingerprints == loaded.len() {
        format!("all {rows} rows of {} tables read back equal (fingerprints)", loaded.len())
    } else {
        format!("{rows} rows in {} tables, as many as were backed up", loaded.len())
    }))
}

fn unequal(table: &ObjectName, expected: String, found: String) -> Error {
    Error::new(ErrorKind::NotEqual, "a restored table is not equal to its backup")
        .context("table", table)
        .context("expected", expected)
        .context("found", found)
}

fn image_fingerprint(source: &Source<'_>) -> Option<Fingerprint> {
    let objects = &source.manifest()?.objects;
    objects.iter().find(|object| object.kind == ObjectKind::IMAGE)?.fingerprint
}

fn abort(load: Box<dyn Load>, cause: Error) -> Error {
    match load.abort() {
        Ok(()) => cause,
        Err(error) => cause.context("not removed", error),
    }
}
