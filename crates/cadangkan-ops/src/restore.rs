//! One restore: planned, shown, then carried out as it was shown.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cadangkan_catalog::RunKind;
use cadangkan_core::{
    BackupId, Control, Error, ErrorKind, Level, Name, ObjectName, Result, ResultExt, Selection, Timestamp,
};
use cadangkan_engine::{Engine, Later, Layout, Load, LoadMode, LoadOptions, LoadPlan, LoadRequest, Piece};
use serde::Serialize;
use serde_json::json;

use crate::backup::{BackupReport, BackupRequest, backup_locked};
use crate::feed::{Order, feed_all, feed_objects};
use crate::prove::prove;
use crate::run::{Outcome, RunDescription, reap_database, record};
use crate::source::Source;
use crate::{Context, Database, Place, side};

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
    /// The databases that are restored out of one archive of several, this one among them.
    pub together: Vec<String>,
    /// What servers can do besides.
    pub options: LoadOptions,
    /// Whether a target that has something in it is backed up before anything else.
    pub backup_first: bool,
    /// Trusts the archive where a mode that changes the target in place would have it read and checked first.
    pub skip_verify: bool,
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
    /// Which database it is, where the configured name stands for many.
    pub one_of: Option<&'a str>,
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
    /// Whether the target is backed up before anything else.
    pub backup_first: bool,
    /// Whether what is to be loaded is read and checked before the target is touched.
    pub verify_first: bool,
    /// Whether everything is loaded in one transaction.
    pub single_transaction: bool,
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
    /// What it holds, where that is not the whole database.
    #[serde(skip_serializing_if = "Selection::is_everything")]
    pub selection: Selection,
    /// Why it looks wrong beside the one before it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suspect: Vec<String>,
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
    if request.backup_first && target.name.is_none() {
        return Err(cannot_back_up());
    }
    side::refuse_unknown_load(descriptor, &request.options)?;
    let load = LoadRequest {
        selection: request.selection.clone(),
        mode: request.mode,
        raw_bytes: source.raw_bytes(),
        attributes: manifest.map(|manifest| manifest.attributes.clone()).unwrap_or_default(),
        objects: manifest.map(|manifest| manifest.objects.clone()).unwrap_or_default(),
        position: manifest.map(|manifest| manifest.position.clone()).unwrap_or_default(),
        side_files: side_files(source, &request.options)?,
        check: request.check,
        drop_old: request.drop_old,
        together: request.together.clone(),
        options: request.options.clone(),
    };
    let mut load = target.engine.plan_load(&load, &context.control)?;
    let whole = manifest.is_none_or(|manifest| manifest.selection.is_everything());
    if !whole && load.destructive && matches!(request.mode, LoadMode::Replace | LoadMode::Recreate) {
        let text =
            "this backup holds a selection only: whatever else is in the target will not be in it any more";
        load.warnings.push(text.to_owned());
    }
    Ok(RestorePlan {
        backup: manifest.map(|manifest| BackupSummary {
            backup_id: manifest.backup_id,
            database: manifest.database_name.to_string(),
            created_at: manifest.created_at,
            size_bytes: manifest.archive.size_bytes,
            tables_count: manifest.tables_count,
            selection: manifest.selection.clone(),
            suspect: manifest.suspect.clone(),
        }),
        archive: source.location(),
        archive_bytes: manifest.map_or(source.size(), |manifest| manifest.archive.size_bytes),
        engine: descriptor.id,
        target: target.engine.location().to_string(),
        mode: request.mode,
        backup_first: request.backup_first && load.present.is_some(),
        single_transaction: request.options.single_transaction,
        verify_first: is_in_place(request.mode) && !request.skip_verify,
        load,
    })
}

/// Reads what lies beside the archive and is needed for what was asked for.
fn side_files(source: &Source<'_>, options: &LoadOptions) -> Result<BTreeMap<String, Vec<u8>>> {
    let all = source.manifest().into_iter().flat_map(|manifest| &manifest.side_files);
    let needed = all.filter(|side| options.side_files().contains(&side.kind.as_str()));
    needed.map(|side| Ok((side.kind.clone(), source.read_side_file(side)?))).collect()
}

/// Tells whether a mode changes what the target holds, where others make something beside it.
fn is_in_place(mode: LoadMode) -> bool {
    matches!(mode, LoadMode::Clean | LoadMode::Recreate | LoadMode::Data)
}

/// Reads and checks the whole archive, and loads nothing: what a dry run can prove.
pub fn read_through(context: &Context<'_>, source: &Source<'_>) -> Result<()> {
    feed_all(source, Order::AsStored, context.workers, &context.control, &|_, _| Ok(())).map(drop)
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
    let restored = restore_locked(context, source, target, plan, safety);
    drop(lock);
    restored.map(|(report, _)| report)
}

/// Carries out a plan for a target whose lock the caller holds; gives what waits for other databases too.
pub(crate) fn restore_locked(
    context: &Context<'_>,
    source: &Source<'_>,
    target: Target<'_>,
    plan: &RestorePlan,
    safety: Option<Safety<'_>>,
) -> Result<(RestoreReport, Option<Box<dyn Later>>)> {
    if let Some(Err(error)) = target.name.map(|name| reap_database(context, name)) {
        context.control.message(Level::Warning, &format!("the catalog does not take part: {error}"));
    }
    let safety = if plan.backup_first { Some(back_up_first(context, target, safety)?) } else { None };
    let source_name = plan.backup.as_ref().map(|backup| &backup.database);
    let options =
        json!({ "archive": plan.archive, "source": source_name, "target": plan.target, "mode": plan.mode });
    let description =
        RunDescription { kind: RunKind::Restore, database: target.name, trigger: "manual", options };
    record(context, &description, |context, _| {
        let carried_out = carry_out(context, source, target, plan);
        let told = carried_out.map_err(|failure| failure.told(safety.as_ref()));
        let (mut report, later) = told.operation("restore")?;
        report.safety = safety.map(Box::new);
        let backup = report.backup_id;
        Ok(Outcome::completed((report, later), backup))
    })
}

/// Makes the backup that the plan promised.
fn back_up_first(
    context: &Context<'_>,
    target: Target<'_>,
    safety: Option<Safety<'_>>,
) -> Result<BackupReport> {
    let (Some(safety), Some(name)) = (safety, target.name) else {
        return Err(cannot_back_up());
    };
    let database = Database { name, engine: target.engine, one_of: safety.one_of };
    backup_locked(context, database, safety.places, &safety.request)
        .hint("nothing was restored; use --no-backup-first when the target is past saving")
}

fn cannot_back_up() -> Error {
    Error::new(ErrorKind::Usage, "only a configured database can be backed up first")
        .hint("add the target with `cadangkan add`, or leave --backup-first out")
}

/// Why a restore failed, and what that did to the target.
struct Failure {
    cause: Error,
    /// Whether the target may have lost something, or got a part only.
    incomplete: bool,
}

impl Failure {
    fn harmless(cause: Error) -> Self {
        Failure { cause, incomplete: false }
    }

    /// The error for people: when the target is not what it was, it says so, and what to do.
    fn told(self, safety: Option<&BackupReport>) -> Error {
        if !self.incomplete {
            return self.cause;
        }
        // An engine that knows it better has said it.
        if self.cause.facts().iter().any(|(fact, _)| *fact == "target") {
            return match safety {
                Some(report) => self.cause.context("safety backup", report.manifest.backup_id),
                None => self.cause,
            };
        }
        let or = safety.map(|report| format!(", or restore the safety backup {}", report.manifest.backup_id));
        self.cause.context(TARGET_FACT, format!("it is incomplete: restore again{}", or.unwrap_or_default()))
    }
}

/// The fact of an error that says that the target is not what it was before.
pub const TARGET_FACT: &str = "state of the target";

/// Tells whether a load that fails leaves a part of it in the target. Images are made beside the target and
/// transactions are rolled back; a database that was dropped does not come back.
fn may_leave_a_part(target: Target<'_>, plan: &RestorePlan) -> bool {
    let statements = target.engine.descriptor().layout == Layout::Statements;
    statements && is_in_place(plan.mode) && (plan.mode == LoadMode::Recreate || !plan.single_transaction)
}

fn carry_out(
    context: &Context<'_>,
    source: &Source<'_>,
    target: Target<'_>,
    plan: &RestorePlan,
) -> Result<(RestoreReport, Option<Box<dyn Later>>), Failure> {
    let control = &context.control;
    let began = Instant::now();
    let incomplete = may_leave_a_part(target, plan);
    let failed = |cause| Failure { cause, incomplete };
    // 1. What changes the target in place begins only when nothing of the archive can turn out to be damaged.
    if plan.verify_first {
        control.step("check the archive");
        check_archive(context, source, plan).map_err(Failure::harmless)?;
    }
    // 2. Begin beside what is there.
    control.step("begin load");
    let mut load = target.engine.begin_load(&plan.load, control).map_err(failed)?;
    // 3. Read, decode, load; 4. complete, durable, checked; 5. equal to what was backed up.
    let proved = fill(context, source, plan.load.needs.as_deref(), load.as_mut()).and_then(|raw_bytes| {
        control.step("finish load");
        let report = load.finish(control)?;
        let proofs = prove(source, plan, &report)?;
        control.check()?;
        Ok((raw_bytes, report, proofs))
    });
    let (raw_bytes, loaded, proofs) = match proved {
        Ok(proved) => proved,
        Err(error) => return Err(failed(abort(load, error))),
    };
    let later = load.later();
    // 6. In its place: from here on it is the target's content.
    control.step("commit");
    let notes = load.commit().map_err(failed)?;
    let report = RestoreReport {
        backup_id: source.manifest().map(|manifest| manifest.backup_id),
        target: plan.target.clone(),
        tables: loaded.tables,
        raw_bytes,
        duration_seconds: began.elapsed().as_secs_f64(),
        proofs,
        notes,
        safety: None,
    };
    Ok((report, later))
}

/// Reads and checks all that will be loaded: the whole archive, or the frames of the selected objects.
fn check_archive(context: &Context<'_>, source: &Source<'_>, plan: &RestorePlan) -> Result<()> {
    let (threads, control) = (context.workers.max(1), &context.control);
    match &plan.load.needs {
        Some(objects) => {
            feed_objects(source, objects, Order::AsStored, threads, control, &|_, _| Ok(())).map(drop)
        }
        None => read_through(context, source),
    }
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
    let order = if load.definitions_first() { Order::DefinitionsFirst } else { Order::AsStored };
    let load: &dyn Load = load;
    let take = |piece: &Piece<'_>, control: &Control<'_>| load.load(piece, control);
    match needs {
        Some(objects) => feed_objects(source, objects, order, threads, control, &take),
        None => feed_all(source, order, threads, control, &take),
    }
}

fn abort(load: Box<dyn Load>, cause: Error) -> Error {
    match load.abort() {
        Ok(()) => cause,
        Err(error) => cause.context("not removed", error),
    }
}
