//! Many databases, one after the other or some at once, and one table at the end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cadangkan_catalog::{BackupRecord, Catalog};
use cadangkan_core::{
    Clock, Control, Error, ErrorKind, Level, Name, Result, Timestamp, format_bytes, format_duration,
};
use cadangkan_ops::server::ServerReport;
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::labels::LabelArgs;
use crate::inventory::DatabaseEntry;
use crate::notifications::end_of_many;
use crate::ui::count::count;
use crate::ui::table::{Align, Cell, Table};
use crate::ui::{Paint, escape};

/// Flags that choose several databases.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Many databases")]
pub(crate) struct ManyArgs {
    #[command(flatten)]
    labels: LabelArgs,
    /// How many have their turn at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 1, conflicts_with = "database", value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
}

/// Finds copies of backups of a database by a time.
type About<'a> = dyn Fn(&Catalog, &Name, Timestamp) -> Result<Vec<BackupRecord>> + 'a;

/// What is done to each database.
pub(crate) struct Each<'a> {
    /// Does it.
    pub(crate) work: &'a (dyn Fn(&App, &Session, &DatabaseEntry) -> Result<()> + Sync),
    /// The copies that it was about, since when it began.
    pub(crate) about: &'a About<'a>,
    /// What is said at the end where nothing is done.
    pub(crate) dry_run: Option<&'a str>,
}

/// One database, when it was its turn.
struct Turn {
    name: Name,
    began: Timestamp,
    took: Duration,
    result: Result<()>,
}

/// Does the same to every database that is meant and takes part. One that fails does not stop the others.
pub(crate) fn run(app: &App, session: &Session, args: &ManyArgs, each: &Each<'_>) -> Result<()> {
    let mut entries = args.labels.choose(&session.inventory)?;
    entries.retain(|entry| entry.enabled);
    let names: Vec<_> = entries.iter().map(|entry| entry.name.clone()).collect();
    if names.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "there is no database that takes part")
            .hint("`cadangkan list` shows all, `cadangkan edit <database> --enable` lets one take part"));
    }
    let turns = in_turn(app, &names, args.jobs, each);
    end_of_many(app, session);
    let mut report = ServerReport { done: Vec::new(), failed: Vec::new() };
    let (mut values, mut table) = (Vec::new(), Table::new(COLUMNS));
    let (catalog, is_dry) = (session.catalog()?, each.dry_run.is_some());
    for Turn { name, began, took, result } in turns {
        let about = if is_dry { Vec::new() } else { each_once((each.about)(catalog, &name, began)?) };
        table.row(row(is_dry, &name, &about, took, result.as_ref().err()));
        values.push(value(&name, &about, took, result.as_ref().err()));
        match result {
            Ok(()) => report.done.push(name),
            Err(error) => report.failed.push((name.to_string(), error)),
        }
    }
    let (good, failed) = (report.done.len() as u64, report.failed.len());
    let summary = json!({ "succeeded": good, "failed": failed, "dry_run": is_dry });
    app.print(&json!({ "databases": values, "summary": summary }), || {
        let end = each.dry_run.unwrap_or_default();
        format!("{}\n{} of {}\n{end}", table.render(app.style), good, count(names.len() as u64, "database"))
    })?;
    app.cancel.check()?;
    report.error().map_or(Ok(()), Err)
}

/// The result of each in the order of their names, as far as nobody stopped it.
fn in_turn(app: &App, names: &[Name], jobs: u8, each: &Each<'_>) -> Vec<Turn> {
    let jobs = usize::from(jobs).min(names.len());
    let (next, turns, do_it) = (AtomicUsize::new(0), Mutex::new(Vec::new()), each.work);
    let work = || {
        let part = app.part(jobs > 1);
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(name) = names.get(place).filter(|_| !app.cancel.is_cancelled()) else { return };
            if jobs == 1 {
                tell(&app.control(), &format!("database {} of {}: {name}", place + 1, names.len()));
            }
            let (began, clock) = (app.clock.now(), Instant::now());
            // With a catalog of its own: several are used at once.
            let result = part.session(CatalogNeed::Required).and_then(|session| {
                do_it(&part, &session, session.inventory.enabled_database(name.as_str())?)
            });
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

fn row(is_dry: bool, name: &Name, made: &[BackupRecord], took: Duration, error: Option<&Error>) -> [Cell; 5] {
    let (word, paint) = match error.map(Error::kind) {
        None if is_dry => ("would be made", Paint::Dim),
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
