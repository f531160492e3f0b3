//! Many databases, one after the other or some at once, and one table at the end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cadangkan_catalog::{BackupFilter, BackupRecord};
use cadangkan_core::{
    Clock, Control, Error, ErrorKind, Level, Name, Result, Timestamp, format_bytes, format_duration,
};
use cadangkan_ops::server::ServerReport;
use serde_json::{Value, json};

use super::{BackupArgs, back_up};
use crate::app::{App, CatalogNeed, Session};
use crate::commands::labels::LabelArgs;
use crate::ui::count::count;
use crate::ui::table::{Align, Cell, Table};
use crate::ui::{Paint, escape};

/// Flags that choose several databases.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Many databases")]
pub(crate) struct ManyArgs {
    #[command(flatten)]
    pub(super) labels: LabelArgs,
    /// How many are backed up at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 1, conflicts_with_all = ["database", "url"], value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
}

/// One database, when it was its turn.
struct Turn {
    name: Name,
    began: Timestamp,
    took: Duration,
    result: Result<()>,
}

/// Backs up every database that is meant and takes part. One that fails does not stop the others.
pub(super) fn run(app: &App, session: &Session, args: &BackupArgs) -> Result<()> {
    let mut entries = args.many.labels.choose(&session.inventory)?;
    entries.retain(|entry| entry.enabled);
    let names: Vec<_> = entries.iter().map(|entry| entry.name.clone()).collect();
    if names.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "there is no database that takes part")
            .hint("`cadangkan list` shows all, `cadangkan edit <database> --enable` lets one take part"));
    }
    // What chooses among all databases says nothing of those of one server.
    let args = &BackupArgs { databases: super::DatabaseArgs::default(), ..args.clone() };
    let turns = back_up_all(app, &names, args);
    let mut report = ServerReport { done: Vec::new(), failed: Vec::new() };
    let (mut values, mut table) = (Vec::new(), Table::new(COLUMNS));
    let catalog = session.catalog()?;
    for Turn { name, began, took, result } in turns {
        let filter =
            BackupFilter { database: Some(name.clone()), since: Some(began), ..BackupFilter::default() };
        let made = if app.global.dry_run { Vec::new() } else { each_once(catalog.backups(&filter)?) };
        table.row(row(app, &name, &made, took, result.as_ref().err()));
        values.push(value(&name, &made, took, result.as_ref().err()));
        match result {
            Ok(()) => report.done.push(name),
            Err(error) => report.failed.push((name.to_string(), error)),
        }
    }
    let (good, failed) = (report.done.len() as u64, report.failed.len());
    let summary = json!({ "succeeded": good, "failed": failed, "dry_run": app.global.dry_run });
    app.print(&json!({ "databases": values, "summary": summary }), || {
        let end = if app.global.dry_run { super::DRY_RUN } else { "" };
        format!("{}\n{} of {}\n{end}", table.render(app.style), good, count(names.len() as u64, "database"))
    })?;
    app.cancel.check()?;
    report.error().map_or(Ok(()), Err)
}

/// The result of each in the order of their names, as far as nobody stopped it.
fn back_up_all(app: &App, names: &[Name], args: &BackupArgs) -> Vec<Turn> {
    let jobs = usize::from(args.many.jobs).min(names.len());
    let (next, turns) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let part = app.part(jobs > 1);
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(name) = names.get(place).filter(|_| !app.cancel.is_cancelled()) else { return };
            if jobs == 1 {
                tell(&app.control(), &format!("database {} of {}: {name}", place + 1, names.len()));
            }
            let (began, clock) = (app.clock.now(), Instant::now());
            let result = one(&part, name, args);
            if let Err(error) = &result {
                part.watcher.finish(false);
                tell(&app.control(), &format!("database {name} failed: {error}"));
            } else if jobs > 1 {
                tell(&app.control(), &format!("database {name} is done"));
            }
            if let Ok(mut turns) = turns.lock() {
                turns.push((place, Turn { name: name.clone(), began, took: clock.elapsed(), result }));
            }
        }
    };
    std::thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(work))));
    let mut turns = turns.into_inner().unwrap_or_default();
    turns.sort_by_key(|(place, _)| *place);
    turns.into_iter().map(|(_, turn)| turn).collect()
}

fn tell(control: &Control<'_>, text: &str) {
    control.message(Level::Info, text);
}

/// With a catalog of its own: several are used at once.
fn one(app: &App, name: &Name, args: &BackupArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    back_up(app, &session, session.inventory.enabled_database(name.as_str())?, args).map(drop)
}

/// One record for each backup, where several storages have it.
fn each_once(mut copies: Vec<BackupRecord>) -> Vec<BackupRecord> {
    copies.sort_by_key(|copy| copy.id);
    copies.dedup_by(|a, b| a.id == b.id);
    copies
}

const COLUMNS: [(&str, Align); 5] = [
    ("database", Align::Left),
    ("result", Align::Left),
    ("backup id", Align::Left),
    ("size", Align::Right),
    ("took", Align::Right),
];

fn row(app: &App, name: &Name, made: &[BackupRecord], took: Duration, error: Option<&Error>) -> [Cell; 5] {
    let (word, paint) = match error.map(Error::kind) {
        None if app.global.dry_run => ("would be made", Paint::Dim),
        None => ("good", Paint::Green),
        Some(ErrorKind::Partial) => ("partial", Paint::Yellow),
        Some(ErrorKind::Cancelled) => ("stopped", Paint::Yellow),
        Some(_) => ("failed", Paint::Red),
    };
    let id = match made {
        [] => String::new(),
        [one] => one.id.to_string(),
        several => count(several.len() as u64, "backup"),
    };
    let size = made.iter().map(|made| made.size_bytes).sum();
    let size = if made.is_empty() { String::new() } else { format_bytes(size) };
    let why = error.map(|error| format!(": {}", escape(error.message()))).unwrap_or_default();
    [
        name.to_string().into(),
        Cell::painted(format!("{word}{why}"), paint),
        id.into(),
        size.into(),
        format_duration(took).into(),
    ]
}

fn value(name: &Name, made: &[BackupRecord], took: Duration, error: Option<&Error>) -> Value {
    let backups: Vec<_> =
        made.iter().map(|made| json!({ "backup_id": made.id, "size_bytes": made.size_bytes })).collect();
    json!({
        "database": name, "backups": backups, "seconds": (took.as_secs_f64() * 1000.0).round() / 1000.0,
        "error": error.and_then(|error| crate::ui::error::to_json(error).get("error").cloned()),
    })
}
