//! One backup, from the lock to the commit.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cadangkan_archive::{ArchiveSummary, Codec, FileRole, GitState, Manifest, Trigger};
use cadangkan_catalog::RunKind;
use cadangkan_core::{
    BackupId, Control, Error, ErrorKind, Event, Fingerprint, Level, ObjectName, ObjectReport, Progress,
    Result, ResultExt, RunId, Selection, Ticket, format_bytes,
};
use cadangkan_engine::{DumpPlan, DumpRequest, FrameSink, Unit, UnitReport};
use cadangkan_storage::{Key, WriteOptions};
use serde::Serialize;
use serde_json::json;

use crate::around::{AroundRun, Made, around};
use crate::content::{Content, Single};
use crate::copy::{self, CopyDraft};
use crate::draft::Draft;
use crate::encrypt::{Encryption, Sealing};
use crate::index_backup::{self, COMBINED_TAG};
use crate::manifest::{Facts, manifest};
use crate::naming::{ArchiveName, FileNameFields, INDEX_SUFFIX, MANIFEST_SUFFIX, side_key};
use crate::pace;
use crate::pipeline::{self, Limits, Meter};
use crate::read_back::Expected;
use crate::run::{Outcome, RunDescription, reap_database, record};
use crate::shrink::{self, ShrinkGuard};
use crate::side::{self, BesideArchive};
use crate::tee;
use crate::{Context, Database, Place};

/// What a backup is asked for.
#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// What is dumped, and how it is checked.
    pub dump: DumpRequest,
    /// How the archive is compressed.
    pub codec: Codec,
    /// Where it goes in a storage, and what it is called there.
    pub name: ArchiveName,
    /// Why it is made: `manual`, `safety` …
    pub trigger: Trigger,
    /// Free words to find it by.
    pub tags: Vec<String>,
    /// How long it stays whatever the policy says; the policy does not count it then.
    pub keep_for: Option<Duration>,
    /// What it says of where it comes from.
    pub origin: Origin,
    /// How it is encrypted, where it is.
    pub encryption: Option<Encryption>,
    /// What makes it look wrong beside the last good one; none: nothing.
    pub shrink_guard: Option<ShrinkGuard>,
    /// How long to wait for another run of the same database.
    pub wait: Duration,
}

/// What a backup says of where it comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The labels of its database.
    pub labels: BTreeMap<String, String>,
    /// Where the working folder stood, from which something risky was to be done.
    pub git: Option<GitState>,
    /// The schedule that makes it, where one does.
    pub schedule: Option<String>,
}

/// What `--dry-run` shows.
#[derive(Clone, Debug, Serialize)]
pub struct BackupPlan {
    /// The database, by its own name.
    pub database: String,
    /// What would be dumped.
    #[serde(flatten)]
    pub dump: DumpPlan,
    /// Which objects are meant, where that is not all of them.
    #[serde(skip_serializing_if = "Selection::is_everything")]
    pub selection: Selection,
    /// Where the archive would go; time and six random digits will be others.
    pub archive: String,
    /// All files that would be made in each storage.
    pub files: Vec<String>,
    /// The ticket that asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// The storages.
    pub storages: Vec<String>,
    /// Codec and level.
    pub codec: String,
    /// The cipher, where it is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<&'static str>,
    /// Whether the database's own check runs.
    pub check: bool,
    /// Whether rows are counted and fingerprinted.
    pub fingerprints: bool,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The size of the last archive; this one may be like it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_size_bytes: Option<u64>,
    /// The most bytes that frames under way take.
    pub memory_bytes: u64,
}

/// A backup that was made.
#[derive(Clone, Debug, Serialize)]
pub struct BackupReport {
    /// Its manifest.
    #[serde(flatten)]
    pub manifest: Manifest,
    /// The storages that hold it, with the archive's key there.
    pub copies: Vec<Copy>,
    /// The storages that should hold it too, and why they do not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_copies: Vec<FailedCopy>,
}

impl BackupReport {
    /// The error that the storages make together which failed while others got their copies.
    pub fn error(&self) -> Option<Error> {
        let first = self.failed_copies.first()?;
        let (id, good) = (self.manifest.backup_id, self.copies.len());
        let message = format!("backup {id} is in {good} of {} storages", good + self.failed_copies.len());
        let mut error = Error::new(ErrorKind::Partial, message);
        for failed in &self.failed_copies {
            error = error.context("failed", format!("{}: {}", failed.storage, failed.message));
        }
        let sync = format!("`cadangkan backups sync {}` copies what is missing", self.manifest.database_name);
        Some(error.hint(match &first.hint {
            Some(hint) => format!("{}: {hint}\n{sync}", first.storage),
            None => sync,
        }))
    }
}

/// One copy of a backup.
#[derive(Clone, Debug, Serialize)]
pub struct Copy {
    /// The storage's name.
    pub storage: String,
    /// Where the archive lies, for people.
    pub location: String,
    /// What it takes there.
    pub size_bytes: u64,
    /// How long the storage worked on taking it, while it was still being made.
    pub write_seconds: f64,
    /// How long it worked on giving it back.
    pub read_back_seconds: f64,
}

/// A storage that got no copy.
#[derive(Clone, Debug, Serialize)]
pub struct FailedCopy {
    /// The storage's name.
    pub storage: String,
    /// The kind of failure.
    pub code: &'static str,
    /// Why.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// Says what a backup would do. Looks at the database and at the storages, and writes nothing that stays.
pub fn plan(
    context: &Context<'_>,
    database: Database<'_>,
    places: &[Place<'_>],
    request: &BackupRequest,
) -> Result<BackupPlan> {
    side::refuse_unknown(database.engine.descriptor(), &request.dump.options)?;
    let dump = database.engine.plan_dump(&request.dump, &context.control)?;
    let key = archive_key(context, database, request, BackupId::new(context.control.clock.now()))?;
    let last = last_size(context, database)?;
    check_without_making(context, places, &key, last.map(with_room))?;
    let mut plan = BackupPlan {
        database: database.engine.location().database,
        dump,
        selection: request.dump.selection.clone(),
        archive: String::new(),
        files: Vec::new(),
        ticket: context.ticket.cloned(),
        storages: places.iter().map(|place| place.name.to_string()).collect(),
        codec: format!("{} level {}", request.codec.kind(), request.codec.level()),
        encryption: request.encryption.as_ref().map(|encryption| encryption.cipher.as_str()),
        check: request.dump.check,
        fingerprints: request.dump.fingerprints,
        tags: request.tags.clone(),
        last_size_bytes: last,
        memory_bytes: limits(context, places.len()).1,
    };
    plan.name_files(&key, &extension(database, request))?;
    Ok(plan)
}

impl BackupPlan {
    /// Names all files; `extension` is the archive's.
    pub(crate) fn name_files(&mut self, archive: &Key, extension: &str) -> Result<()> {
        self.archive = archive.to_string();
        self.files = vec![self.archive.clone()];
        self.files.extend([INDEX_SUFFIX, MANIFEST_SUFFIX].map(|suffix| format!("{archive}{suffix}")));
        for kind in &self.dump.side_files {
            self.files.push(side_key(archive, extension, kind.ending)?.to_string());
        }
        Ok(())
    }
}

/// Checks the storages that are there; one that is not is named, and left for the backup to make.
fn check_without_making(
    context: &Context<'_>,
    places: &[Place<'_>],
    key: &Key,
    expected: Option<u64>,
) -> Result<()> {
    let mut present = Vec::new();
    for place in places {
        match place.storage.stat(key) {
            Err(error) if error.kind() == ErrorKind::Unreachable => {
                let text = format!("storage {} is not there yet, or cannot be reached: {error}", place.name);
                context.control.message(Level::Warning, &text);
            }
            _ => present.push(*place),
        }
    }
    if present.is_empty() && !places.is_empty() {
        return Ok(());
    }
    Draft::new(&present).check(context, expected)
}

/// Backs up a database into every one of `places`.
///
/// The backup exists when this returns it, and not before; a storage that failed is named in the report, while the
/// others hold their copies. Fails when no storage holds one: with `Locked` while another run has the
/// database, `NoSpace`, `DamagedSource`, `Cancelled` and whatever engine and storages fail with; then nothing of
/// it stays, or `cleanup` finds what does.
pub fn backup(
    context: &Context<'_>,
    database: Database<'_>,
    places: &[Place<'_>],
    request: &BackupRequest,
) -> Result<BackupReport> {
    let lock = context.lock(database.name, request.wait)?;
    let report = backup_locked(context, database, places, request);
    drop(lock);
    report
}

/// Backs up a database whose lock the caller holds.
pub(crate) fn backup_locked(
    context: &Context<'_>,
    database: Database<'_>,
    places: &[Place<'_>],
    request: &BackupRequest,
) -> Result<BackupReport> {
    let begin = |control: &Control<'_>| {
        Ok(Single::of(database.engine.begin_snapshot(&request.dump, control)?, control))
    };
    backup_from(context, database, places, request, &begin)
}

/// How what is dumped begins: the view of a database by itself, or as one of several of the same moment, or all of these.
pub(crate) type Begin<'a> = &'a dyn Fn(&Control<'_>) -> Result<Box<dyn Content + 'a>>;

/// Backs up a database whose lock the caller holds, from a view that begins as the caller says.
pub(crate) fn backup_from(
    context: &Context<'_>,
    database: Database<'_>,
    places: &[Place<'_>],
    request: &BackupRequest,
    begin: Begin<'_>,
) -> Result<BackupReport> {
    reap_database(context, database.name)?;
    let storages: Vec<_> = places.iter().map(|place| place.name.as_str()).collect();
    let options = json!({ "storages": storages, "codec": request.codec.kind(), "level": request.codec.level(),
        "selection": request.dump.selection, "database": database.one_of });
    let description = RunDescription {
        kind: RunKind::Backup,
        database: Some(database.name),
        trigger: request.trigger.as_str(),
        options,
    };
    record(context, &description, |context, run| {
        let (kind, trigger) = (description.kind, description.trigger);
        let about = AroundRun { kind, database: database.name, trigger, id: run };
        let made = |report: &BackupReport| (vec![Made::of(report)], report.error());
        let (report, after) = around(context, &about, made, |context| {
            make(context, database, places, request, begin, run).operation("back up")
        })?;
        let (id, partial) = (report.manifest.backup_id, report.error().or(after));
        Ok(Outcome { partial, ..Outcome::completed(report, Some(id)) })
    })
}

/// The backup itself. Every step is announced before it begins; the numbers are those of ARCHITECTURE.md.
fn make(
    context: &Context<'_>,
    database: Database<'_>,
    places: &[Place<'_>],
    request: &BackupRequest,
    begin: Begin<'_>,
    run: Option<RunId>,
) -> Result<BackupReport> {
    let control = &context.control;
    // 1. Whatever can be known to fail fails before the database is touched.
    control.step("check storages");
    side::refuse_unknown(database.engine.descriptor(), &request.dump.options)?;
    let mut draft = Draft::new(places);
    let expected = last_size(context, database)?.map(with_room);
    draft.check(context, expected)?;
    let (created_at, began) = (control.clock.now(), Instant::now());
    let backup_id = free_id(context, database, BackupId::new(created_at))?;
    let archive = archive_key(context, database, request, backup_id)?;
    let extension = extension(database, request);
    let mut keys = vec![archive.clone()];
    for kind in database.engine.descriptor().side_files {
        keys.push(side_key(&archive, &extension, kind.ending)?);
    }
    draft.refuse_taken(&keys, control)?;

    // 2. One consistent view.
    control.step("begin snapshot");
    let content = begin(control)?;

    // 3. Dump, encode, store: all at once, in bounded memory.
    control.step("begin draft");
    let sealing = request.encryption.as_ref().map(Sealing::begin).transpose()?;
    let sealing = sealing.as_ref();
    let tags = copy::tags(database.name, request.trigger.as_str(), created_at);
    let options = WriteOptions { expected_size: expected, tags, ..WriteOptions::default() };
    draft.begin(&archive, &options, control)?;
    control.step("dump");
    let stored = store(context, request, sealing, content.as_ref(), &mut draft);

    // 4. The view held to the end, and the database is sound.
    let ended = stored.and_then(|(mut summary, objects)| {
        control.step(if request.dump.check { "check the snapshot" } else { "end snapshot" });
        let mut seen = content.end(control)?;
        let files = std::mem::take(&mut seen.start.side_files);
        if let Some(sealing) = sealing {
            summary.index = sealing.envelope.seal(FileRole::Index, &summary.index)?;
        }
        Ok((summary, objects, seen, BesideArchive::name(&archive, &extension, files, sealing)?))
    });

    // 5.-7. Durable, read back, sealed: only then it counts.
    let sealed = ended.and_then(|(summary, objects, seen, beside)| {
        control.step("close archive");
        draft.close(control)?;
        control.step("read back");
        let data_key = sealing.map(|sealing| sealing.envelope.data_key());
        draft.read_back(&archive, Expected { summary: &summary, data_key }, &beside, control)?;
        control.step("seal manifest");
        let (completed_at, duration) =
            (control.clock.now(), Duration::from_millis(began.elapsed().as_millis() as u64));
        let (archive, beside, ticket) = (&archive, &beside[..], context.ticket);
        let facts = Facts {
            database,
            request,
            backup_id,
            created_at,
            completed_at,
            duration,
            archive,
            beside,
            ticket,
        };
        let mut manifest = manifest(&facts, seen, &summary, objects)?;
        manifest.suspect = shrink::look(context, database, places, request, &manifest)?;
        if let Some(sealing) = sealing {
            sealing.finish(&mut manifest, summary.plain_bytes)?;
        }
        Ok(manifest)
    });
    let committed = sealed.and_then(|manifest| {
        control.check()?;
        control.step("commit");
        draft.commit(&archive, &manifest, control).map(|()| manifest)
    });
    let manifest = match committed {
        Ok(manifest) => manifest,
        Err(error) => return Err(draft.abandon(error)),
    };
    control.step("record");
    let failed_copies = draft.failed().into_iter().map(FailedCopy::new).collect();
    tell_end(&draft, &manifest, control);
    let copies = record_copies(context, &draft, &archive, &manifest, run).map_err(|error| {
        Error::new(ErrorKind::Partial, format!("backup {backup_id} is whole, but is not in the catalog"))
            .source(error)
            .hint("`cadangkan adopt <storage>` brings it into the catalog")
    })?;
    Ok(BackupReport { manifest, copies, failed_copies })
}

/// Says last of all what was done, and how each storage took it: that is what the run's record keeps.
fn tell_end(draft: &Draft<'_>, manifest: &Manifest, control: &Control<'_>) {
    let (bytes, objects) = (manifest.archive.raw_bytes, manifest.objects.len() as u64);
    let done = Progress { bytes, total_bytes: Some(bytes), objects, total_objects: Some(objects) };
    control.reporter.report(&Event::Progress(done));
    let paces: Vec<_> = draft.good().map(CopyDraft::writing).collect();
    pace::tell(&paces, control);
}

/// Reckons how much runs at once, and the most bytes that frames under way take; what waits for several storages is
/// part of it.
fn limits(context: &Context<'_>, storages: usize) -> (Limits, u64) {
    let waiting = if storages > 1 { tee::MEMORY } else { 0 };
    let limits = Limits::of(&Context { memory: context.memory.saturating_sub(waiting), ..*context });
    (limits, limits.memory() + waiting)
}

/// Runs the pipeline from the snapshot into the draft.
fn store(
    context: &Context<'_>,
    request: &BackupRequest,
    sealing: Option<&Sealing<'_>>,
    content: &dyn Content,
    draft: &mut Draft<'_>,
) -> Result<(ArchiveSummary, Vec<ObjectReport>)> {
    let control = &context.control;
    let (limits, memory) = limits(context, draft.count());
    let memory = format_bytes(memory);
    control.message(
        Level::Debug,
        &format!("{} workers, frames take at most {memory} of memory", limits.workers),
    );
    let (bytes, objects) = content.total();
    let meter = Meter::new(bytes, objects);
    let reports = Mutex::new(Vec::new());
    let produce = |sink: &dyn FrameSink, control: &Control<'_>| {
        content.dump(limits.workers, sink, control, &|unit, report| {
            if let Ok(mut reports) = reports.lock() {
                reports.push((unit.clone(), report));
            }
            meter.object_done();
        })
    };
    let sealer = || sealing.map(|sealing| sealing.envelope.sealer(FileRole::Archive)).transpose();
    let summary = draft.stream(control, |sink| {
        pipeline::run(request.codec, sealer, limits, &meter, control, produce, |bytes| sink(bytes))
    })?;
    let reports = reports.into_inner().map_err(|_| Error::new(ErrorKind::Internal, "a dump panicked"))?;
    let objects = add_up(&summary, reports)?;
    Ok((summary, objects))
}

/// Adds up what the units of each object gave, and holds it against what was stored: rows that were dumped and
/// not stored, or stored and not dumped, fail the backup.
fn add_up(summary: &ArchiveSummary, reports: Vec<(Unit, UnitReport)>) -> Result<Vec<ObjectReport>> {
    let mut objects: BTreeMap<ObjectName, (ObjectReport, u64, Option<Fingerprint>)> = BTreeMap::new();
    for (unit, report) in reports {
        let fresh = || (ObjectReport::new(unit.kind, unit.object.clone()), 0, None);
        let (_, rows, fingerprint) = objects.entry(unit.object.clone()).or_insert_with(fresh);
        *rows += report.rows;
        if let Some(part) = report.fingerprint {
            fingerprint.get_or_insert_default().merge(part);
        }
    }
    for total in &summary.objects {
        let (report, rows, _) = objects.get_mut(&total.name).ok_or_else(|| mismatch(&total.name))?;
        if *rows != total.rows {
            return Err(mismatch(&total.name));
        }
        report.raw_bytes = Some(total.raw_bytes);
        report.stored_bytes = Some(total.stored_bytes);
    }
    objects
        .into_values()
        .map(|(report, rows, fingerprint)| {
            let counted = fingerprint.is_none_or(|fingerprint| fingerprint.rows() == rows);
            let stored = rows == 0 || report.raw_bytes.is_some();
            if !counted || !stored {
                return Err(mismatch(&report.name));
            }
            Ok(ObjectReport { rows: Some(rows), fingerprint, ..report })
        })
        .collect()
}

fn mismatch(object: &ObjectName) -> Error {
    Error::new(ErrorKind::Internal, "the rows dumped and the rows stored do not add up")
        .context("object", object)
}

pub(crate) fn archive_key(
    context: &Context<'_>,
    database: Database<'_>,
    request: &BackupRequest,
    backup_id: BackupId,
) -> Result<Key> {
    let host = database.engine.location().host;
    let fields = FileNameFields {
        database: database.name,
        one_of: database.one_of,
        combined: database.is_combined(),
        trigger: request.trigger.as_str(),
        backup_id,
        ticket: context.ticket,
        server: host.as_deref(),
        profile: context.profile,
    };
    request.name.key(&fields, &extension(database, request))
}

/// What the name of an archive ends in, without the dot before it.
pub(crate) fn extension(database: Database<'_>, request: &BackupRequest) -> String {
    let cipher = request.encryption.as_ref().map_or("", |encryption| encryption.cipher.extension());
    let endings = [database.engine.descriptor().extension, request.codec.kind().extension(), cipher];
    endings.into_iter().filter(|ending| !ending.is_empty()).collect::<Vec<_>>().join(".")
}

/// Returns an id from `id` on that no backup of this database has; after those of its second, so that none of them comes
/// again when it is deleted. The caller holds the database's lock.
fn free_id(context: &Context<'_>, database: Database<'_>, mut id: BackupId) -> Result<BackupId> {
    let Some(catalog) = context.catalog else { return Ok(id) };
    match catalog.newest_backup(database.name, false)?.map(|newest| newest.id) {
        Some(newest) if newest.is_of_second(id) => id = newest.next(),
        Some(newest) if newest > id => {
            let text = format!("the clock seems to be set back: backup {newest} is newer than now");
            context.control.message(Level::Warning, &text);
        }
        _ => {}
    }
    while catalog.backup_exists(database.name, id)? {
        id = id.next();
    }
    Ok(id)
}

/// What the last backup took.
pub(crate) fn last_size(context: &Context<'_>, database: Database<'_>) -> Result<Option<u64>> {
    let Some(catalog) = context.catalog else { return Ok(None) };
    let tag = database.is_combined().then_some(COMBINED_TAG);
    Ok(catalog.last_size(database.name, database.one_of, tag)?.map(|(stored, _)| stored))
}

/// A tenth more.
fn with_room(size: u64) -> u64 {
    size.saturating_add(size / 10)
}

impl FailedCopy {
    pub(crate) fn new((place, error): (Place<'_>, &Error)) -> Self {
        FailedCopy {
            storage: place.name.to_string(),
            code: error.kind().code(),
            message: error.chain().join(": "),
            hint: error.advice().map(str::to_owned),
        }
    }
}

fn record_copies(
    context: &Context<'_>,
    draft: &Draft<'_>,
    archive: &Key,
    manifest: &Manifest,
    run: Option<RunId>,
) -> Result<Vec<Copy>> {
    draft
        .good()
        .map(|copy| {
            let place = copy.place();
            if let Some(catalog) = context.catalog {
                catalog.record_backup(&index_backup::record(&place, archive, manifest, run))?;
            }
            let written = copy.writing().so_far();
            Ok(Copy {
                storage: place.name.to_string(),
                location: index_backup::location(place.storage, archive),
                size_bytes: written.bytes,
                write_seconds: written.took.as_secs_f64(),
                read_back_seconds: copy.reading().so_far().took.as_secs_f64(),
            })
        })
        .collect()
}
