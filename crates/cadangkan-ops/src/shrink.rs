//! A new backup beside the last good one: whether it looks wrong.

use std::collections::BTreeMap;

use cadangkan_archive::Manifest;
use cadangkan_catalog::{BackupFilter, BackupRecord, BackupStatus};
use cadangkan_core::{Level, ObjectKind, ObjectName, Result, format_bytes};
use cadangkan_storage::Key;

use crate::backup::BackupRequest;
use crate::manifests::read_manifest;
use crate::retention::Kind;
use crate::{Context, Database, Place, index_backup};

/// The most backups among which the last good one of the same contents is looked for.
const LOOKED_AT: u64 = 1000;

/// The most tables that are named for one reason.
const NAMED: usize = 5;

/// Tables with fewer rows, and all rows together where they are fewer, may come and go.
const FEW_ROWS: u64 = 1000;

/// Backups that are smaller before compression may shrink.
const SMALL_BYTES: u64 = 1_000_000;

/// A table with so many of a hundred rows of its database is a big one.
const BIG_PERCENT: u8 = 10;

/// What makes a backup look wrong beside the last good one of the same database with the same contents.
///
/// Rows count from 1000 on, of a table only where it had a tenth of all, or has none any more; size counts from 1 MB on. A table that
/// is gone counts always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShrinkGuard {
    /// Fewer rows than this percentage of those before.
    pub rows: u8,
    /// Less than this percentage of the size before, without compression.
    pub size: u8,
    /// A table that was there is gone.
    pub tables: bool,
}

impl Default for ShrinkGuard {
    fn default() -> Self {
        ShrinkGuard { rows: 50, size: 50, tables: true }
    }
}

/// Says why a new backup looks wrong, a sentence each; empty where it does not, and where there is nothing to compare it with.
///
/// `new` is as it is before anything is hidden. What cannot be read is told, and does not fail the backup.
pub(crate) fn look(
    context: &Context<'_>,
    database: Database<'_>,
    places: &[Place<'_>],
    request: &BackupRequest,
    new: &Manifest,
) -> Result<Vec<String>> {
    let hides_names = request.encryption.as_ref().is_some_and(|encryption| encryption.hide_names);
    let (Some(guard), Some(place)) = (request.shrink_guard, places.first()) else { return Ok(Vec::new()) };
    let archive = Key::new(new.archive.file.clone())?;
    let mut own = index_backup::record(place, &archive, new, None);
    own.selection = own.selection.filter(|_| !hides_names);
    let copies = last_good(context, database, &own)?;
    let Some(record) = copies.first() else { return Ok(Vec::new()) };
    let before = Before::of(record, read(context, places, &copies).as_ref());
    let now = Before::of(&own, Some(new));
    let findings = compare(guard, &before, &now);
    let reasons = sentences(&findings, !hides_names);
    if !reasons.is_empty() {
        let text = format!("this backup looks wrong beside {}: {}", record.id, reasons.join("; "));
        context.control.message(Level::Warning, &text);
    }
    Ok(reasons)
}

/// The copies of the newest backup that is good and does not look wrong, of the same contents.
fn last_good(context: &Context<'_>, database: Database<'_>, own: &BackupRecord) -> Result<Vec<BackupRecord>> {
    let Some(catalog) = context.catalog else { return Ok(Vec::new()) };
    let filter = BackupFilter {
        database: Some(database.name.clone()),
        original: database.one_of.map(str::to_owned),
        status: Some(BackupStatus::Good),
        suspect: Some(false),
        descending: true,
        limit: Some(LOOKED_AT),
        ..BackupFilter::default()
    };
    let is_server = database.one_of.is_some() || database.is_combined();
    let kind = Kind::of(own, is_server);
    let mut alike =
        catalog.backups(&filter)?.into_iter().filter(|record| Kind::of(record, is_server) == kind);
    let Some(newest) = alike.next() else { return Ok(Vec::new()) };
    let id = newest.id;
    Ok(std::iter::once(newest).chain(alike.take_while(|record| record.id == id)).collect())
}

/// Reads the manifest of one of the copies, from a storage that is at hand.
fn read(context: &Context<'_>, places: &[Place<'_>], copies: &[BackupRecord]) -> Option<Manifest> {
    for copy in copies {
        let Some(place) = places.iter().find(|place| *place.name == copy.storage) else { continue };
        let manifest = Key::new(copy.archive_key.clone()).and_then(|key| read_manifest(*place, &key));
        match manifest {
            Ok(manifest) if manifest.backup_id == copy.id => return Some(manifest),
            Ok(_) => {}
            Err(error) => {
                let text = format!(
                    "the rows of backup {} in {} cannot be compared with: {error}",
                    copy.id, place.name
                );
                context.control.message(Level::Warning, &text);
            }
        }
    }
    None
}

/// What can be compared of a backup.
#[derive(Debug, Default)]
struct Before {
    raw_bytes: u64,
    tables_count: u64,
    /// The tables with their rows where they were counted; none where names are hidden or nothing could be read.
    tables: Option<BTreeMap<ObjectName, Option<u64>>>,
}

impl Before {
    fn of(record: &BackupRecord, manifest: Option<&Manifest>) -> Self {
        let is_table = |kind: &ObjectKind| *kind == ObjectKind::TABLE;
        let tables: Option<BTreeMap<_, _>> = manifest.map(|manifest| {
            let tables = manifest.objects.iter().filter(|object| is_table(&object.kind));
            tables.map(|table| (table.name.clone(), table.rows)).collect()
        });
        let tables_count = record.tables.unwrap_or_default();
        // An engine may list more than people call tables, never none where there are some.
        let hidden = |tables: &BTreeMap<_, _>| tables.is_empty() && tables_count > 0;
        Before { raw_bytes: record.raw_bytes, tables_count, tables: tables.filter(|tables| !hidden(tables)) }
    }
}

/// What is wrong with a backup.
#[derive(Debug, PartialEq, Eq)]
enum Finding<'a> {
    Gone(&'a ObjectName),
    FewerTables(u64),
    FewerRows { table: &'a ObjectName, now: u64, before: u64 },
    FewerRowsInAll { now: u64, before: u64 },
    Smaller { now: u64, before: u64 },
}

fn compare<'a>(guard: ShrinkGuard, before: &'a Before, now: &'a Before) -> Vec<Finding<'a>> {
    let mut findings = Vec::new();
    match (&before.tables, &now.tables) {
        (Some(before), Some(now)) => {
            if guard.tables {
                findings.extend(before.keys().filter(|name| !now.contains_key(*name)).map(Finding::Gone));
            }
            findings.extend(fewer_rows(guard.rows, before, now));
        }
        _ if guard.tables && now.tables_count < before.tables_count => {
            findings.push(Finding::FewerTables(before.tables_count - now.tables_count));
        }
        _ => {}
    }
    if before.raw_bytes >= SMALL_BYTES && is_below(guard.size, now.raw_bytes, before.raw_bytes) {
        findings.push(Finding::Smaller { now: now.raw_bytes, before: before.raw_bytes });
    }
    findings
}

type Tables = BTreeMap<ObjectName, Option<u64>>;

fn fewer_rows<'a>(percent: u8, before: &'a Tables, now: &'a Tables) -> Vec<Finding<'a>> {
    // A table that is there, but not counted now, says nothing; what is gone has none.
    let counted: Vec<_> = before
        .iter()
        .filter_map(|(name, rows)| match now.get(name) {
            Some(None) => None,
            Some(Some(now)) => Some((name, (*rows)?, *now)),
            None => Some((name, (*rows)?, 0)),
        })
        .collect();
    let all_before = counted.iter().map(|(_, before, _)| *before).fold(0, u64::saturating_add);
    // Rows of tables that have another name now are not lost.
    let all_now = now.values().flatten().copied().fold(0, u64::saturating_add);
    let mut findings: Vec<_> = counted
        .into_iter()
        .filter(|(name, before, rows)| {
            let is_big = !is_below(BIG_PERCENT, *before, all_before);
            let matters = *before >= FEW_ROWS && (is_big || *rows == 0);
            matters && now.contains_key(*name) && is_below(percent, *rows, *before)
        })
        .map(|(table, before, now)| Finding::FewerRows { table, now, before })
        .collect();
    if all_before >= FEW_ROWS && is_below(percent, all_now, all_before) {
        findings.push(Finding::FewerRowsInAll { now: all_now, before: all_before });
    }
    findings
}

fn is_below(percent: u8, now: u64, before: u64) -> bool {
    u128::from(now) * 100 < u128::from(before) * u128::from(percent)
}

/// The findings in words; without names also without numbers of rows, since those are hidden, too.
fn sentences(findings: &[Finding<'_>], named: bool) -> Vec<String> {
    let (mut sentences, mut gone, mut shrunk) = (Vec::new(), 0, 0);
    for finding in findings {
        match finding {
            Finding::Gone(table) => {
                gone += 1;
                let text = || format!("table {table} is gone");
                sentences.extend((named && gone <= NAMED).then(text));
            }
            Finding::FewerTables(number) => sentences.push(format!("{} gone", tables(*number, ""))),
            Finding::FewerRows { table, now, before } => {
                shrunk += 1;
                let text = || format!("table {table} has {now} rows, not {before} as before");
                sentences.extend((named && shrunk <= NAMED).then(text));
            }
            Finding::FewerRowsInAll { now, before } => sentences.push(match named {
                true => format!("all tables together have {now} rows, not {before} as before"),
                false => "all tables together have far fewer rows than before".to_owned(),
            }),
            Finding::Smaller { now, before } => {
                let (now, before) = (format_bytes(*now), format_bytes(*before));
                sentences.push(format!("it is {now} before compression, not {before} as the last one"));
            }
        }
    }
    let said = if named { NAMED } else { 0 };
    let word = if named { "more " } else { "" };
    for (number, what) in [(gone, "gone"), (shrunk, "far smaller than before")] {
        if let Some(more) = number.checked_sub(said).filter(|more| *more > 0) {
            sentences.push(format!("{} {what}", tables(more as u64, word)));
        }
    }
    sentences
}

fn tables(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "table is" } else { "tables are" })
}

#[cfg(test)]
mod tests;
