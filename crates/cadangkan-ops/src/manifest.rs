//! The manifest, put together from what each part of a backup knows.

use std::time::Duration;

use cadangkan_archive::{
    ArchiveInfo, ArchiveSummary, BackupType, Checksum, DatabasePart, EncryptionInfo, IndexInfo, Manifest,
    ToolInfo,
};
use cadangkan_core::{
    BackupId, ObjectKind, ObjectName, ObjectReport, Result, Ticket, Timestamp, format_bytes, format_some,
};
use cadangkan_engine::{DumpRequest, Layout, Users};
use cadangkan_storage::Key;
use serde_json::{Map, Value};

use crate::Database;
use crate::backup::BackupRequest;
use crate::content::{Seen, SeenDatabase};
use crate::naming::INDEX_SUFFIX;
use crate::side::BesideArchive;

/// Databases that are named where an archive holds several.
const SHOWN: usize = 5;

/// What the run itself knows.
pub(crate) struct Facts<'a> {
    pub(crate) database: Database<'a>,
    pub(crate) request: &'a BackupRequest,
    pub(crate) backup_id: BackupId,
    pub(crate) created_at: Timestamp,
    pub(crate) completed_at: Timestamp,
    pub(crate) duration: Duration,
    pub(crate) archive: &'a Key,
    pub(crate) ticket: Option<&'a Ticket>,
    pub(crate) beside: &'a [BesideArchive],
}

/// Puts a manifest together.
pub(crate) fn manifest(
    facts: &Facts<'_>,
    seen: Seen,
    summary: &ArchiveSummary,
    mut objects: Vec<ObjectReport>,
) -> Result<Manifest> {
    let Seen { start, end, databases } = seen;
    let Facts { database, request, .. } = *facts;
    let (descriptor, location) = (database.engine.descriptor(), database.engine.location());
    objects.extend(end.objects);
    let tables = tables(&objects, |_| true);
    let databases: Vec<_> = databases.into_iter().map(|seen| part(seen, summary, &objects)).collect();
    let mut warnings = start.warnings;
    warnings.extend(end.warnings);
    let mut position = start.position;
    position.extend(end.measured);
    Ok(Manifest {
        format_version: Manifest::FORMAT_VERSION,
        backup_id: facts.backup_id,
        backup_type: BackupType::Full,
        trigger: request.trigger.clone(),
        schedule: request.origin.schedule.clone(),
        status: Manifest::COMPLETE.to_owned(),
        engine: descriptor.id.to_owned(),
        server_version: start.server.version,
        host: location.host,
        port: location.port,
        database_name: database.name.clone(),
        database: match databases.as_slice() {
            [] => location.database,
            several => format_some(&several.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), SHOWN),
        },
        created_at: facts.created_at,
        completed_at: facts.completed_at,
        duration_seconds: facts.duration.as_secs_f64(),
        archive: archive_info(facts, descriptor.layout, summary),
        index: IndexInfo {
            file: facts.archive.with_suffix(INDEX_SUFFIX)?.file_name().to_owned(),
            size_bytes: summary.index.len() as u64,
            checksum: Checksum::of(&summary.index),
            other: Map::new(),
        },
        side_files: facts.beside.iter().map(BesideArchive::info).collect(),
        encryption: EncryptionInfo::none(),
        options: options(&request.dump),
        selection: request.dump.selection.clone(),
        databases,
        position,
        attributes: start.attributes,
        tables_count: tables,
        objects,
        check: end.check,
        tool: ToolInfo { name: "cadangkan".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
        tool_versions: start
            .tool_versions
            .into_iter()
            .map(|(tool, version)| (tool, Value::from(version)))
            .collect(),
        ticket: facts.ticket.map(Ticket::to_string),
        tags: request.tags.clone(),
        labels: request.origin.labels.clone(),
        git: request.origin.git.clone(),
        preserved: false,
        keep_until: keep_until(facts),
        suspect: Vec::new(),
        warnings,
        other: Map::new(),
    })
}

/// Until when it stays by the wish of who asks for it; what reaches beyond the calendar is its end.
fn keep_until(facts: &Facts<'_>) -> Option<Timestamp> {
    let time = facts.request.keep_for?;
    Some(facts.created_at.checked_add(time).unwrap_or(Timestamp::MAX))
}

fn tables(objects: &[ObjectReport], is_meant: impl Fn(&ObjectName) -> bool) -> u64 {
    let tables = objects.iter().filter(|object| object.kind == ObjectKind::TABLE && is_meant(&object.name));
    tables.count() as u64
}

/// What the manifest says of one of several databases.
fn part(seen: SeenDatabase, summary: &ArchiveSummary, objects: &[ObjectReport]) -> DatabasePart {
    let SeenDatabase { name, selection, attributes } = seen;
    let is_its = |object: &ObjectName| object.database.as_deref() == Some(&name);
    let totals = || summary.objects.iter().filter(|total| is_its(&total.name));
    DatabasePart {
        tables_count: tables(objects, is_its),
        raw_bytes: totals().map(|total| total.raw_bytes).sum(),
        stored_bytes: totals().map(|total| total.stored_bytes).sum(),
        selection,
        attributes,
        other: Map::new(),
        name: name.clone(),
    }
}

/// What was asked for besides the selection; wishes that only servers know stand there when they were made.
fn options(dump: &DumpRequest) -> Map<String, Value> {
    let servers = [
        ("globals", dump.options.globals),
        ("row_security", dump.options.row_security),
        ("users", dump.options.users == Users::Required),
        ("exclude_users", dump.options.users == Users::Excluded),
        ("capture_position", dump.options.capture_position),
    ];
    let wished = servers.into_iter().filter(|(_, wished)| *wished);
    [("check", dump.check), ("fingerprints", dump.fingerprints)]
        .into_iter()
        .chain(wished)
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect()
}

fn archive_info(facts: &Facts<'_>, layout: Layout, summary: &ArchiveSummary) -> ArchiveInfo {
    let codec = facts.request.codec;
    ArchiveInfo {
        file: facts.archive.file_name().to_owned(),
        size_bytes: summary.stored_bytes,
        size_human: format_bytes(summary.stored_bytes),
        raw_bytes: summary.raw_bytes,
        frames: summary.frames,
        codec: codec.kind(),
        level: codec.level(),
        layout: match layout {
            Layout::Image => "image",
            Layout::Statements => "statements",
        }
        .to_owned(),
        checksum: summary.checksum,
        other: Map::new(),
    }
}
