use cadangkan_catalog::{
    BackupFilter, BackupRecord, BackupStatus, Catalog, Run, RunFilter, RunKind, RunStatus,
};
use cadangkan_core::{Clock, Result, format_bytes};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed};
use crate::commands::info::runs_text;
use crate::inventory::DatabaseEntry;
use crate::registry;
use crate::ui::table::{Align, Cell, Table};
use crate::ui::time::format_age;
use crate::ui::{Paint, escape};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan status\n  cadangkan status shop\n  cadangkan status --output json"
)]
pub(crate) struct StatusArgs {
    /// One database [default: all]
    database: Option<String>,
}

impl StatusArgs {
    /// Asks for all databases.
    pub(crate) fn all() -> Self {
        StatusArgs { database: None }
    }
}

/// How one database is.
struct Line<'a> {
    entry: &'a DatabaseEntry,
    newest: Option<BackupRecord>,
    last: Option<Run>,
    last_backup: Option<Run>,
    running: Option<Run>,
}

/// Shows how the databases and their backups are, and what was wrong lately.
pub(crate) fn run(app: &App, args: &StatusArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let catalog = session.catalog()?;
    // Runs whose process is gone are ended first, so that what is shown is true.
    cadangkan_ops::reap(&session.context(app))?;
    let one = args.database.as_deref().map(|name| session.inventory.database(name)).transpose()?;
    let entries = one.map_or_else(|| session.inventory.databases().iter().collect(), |entry| vec![entry]);
    let lines: Vec<Line<'_>> =
        entries.into_iter().map(|entry| Line::look(catalog, entry)).collect::<Result<_>>()?;
    let filter = BackupFilter { database: one.map(|entry| entry.name.clone()), ..BackupFilter::default() };
    let (found, bytes) = catalog.count_backups(&filter)?;
    let runs = match one {
        Some(entry) => catalog.runs(&RunFilter {
            database: Some(entry.name.clone()),
            limit: Some(10),
            ..RunFilter::default()
        })?,
        None => Vec::new(),
    };
    let values: Vec<Value> = lines.iter().map(value).collect();
    let active = lines.iter().filter(|line| line.entry.enabled).count();
    let summary =
        json!({ "databases": values, "active": active, "backups": { "count": found, "size_bytes": bytes } });
    app.print(&summary, || {
        if lines.is_empty() {
            return format!("No databases yet. Add one with `{}`.\n", registry::example_add());
        }
        let head = match one {
            Some(_) => String::new(),
            None => format!("Databases:  {} ({active} active)\n", lines.len()),
        };
        let size = format_bytes(bytes);
        let problems: String = lines.iter().flat_map(|line| problems(app, line)).collect();
        let gap = if problems.is_empty() { "" } else { "\n" };
        let table = table(app, &lines);
        format!("{head}Backups:    {found}, {size}\n\n{table}{gap}{problems}{}", runs_text(app, &runs))
    })
}

impl<'a> Line<'a> {
    fn look(catalog: &Catalog, entry: &'a DatabaseEntry) -> Result<Self> {
        let last = |kind| -> Result<Option<Run>> {
            let database = Some(entry.name.clone());
            let runs =
                catalog.runs(&RunFilter { database, kind, limit: Some(20), ..RunFilter::default() })?;
            Ok(runs.into_iter().find(|run| run.status != RunStatus::Running))
        };
        Ok(Line {
            entry,
            newest: catalog.newest_backup(&entry.name, false)?,
            last: last(None)?,
            last_backup: last(Some(RunKind::Backup))?,
            running: catalog.running(Some(&entry.name))?.into_iter().next(),
        })
    }

    /// The last backup that was tried, when it came to nothing. One that a person stopped is no failure.
    fn failed(&self) -> Option<&Run> {
        self.last_backup.as_ref().filter(|run| matches!(run.status, RunStatus::Failed | RunStatus::Partial))
    }

    /// The newest backup, when it was found damaged or missing.
    fn bad(&self) -> Option<&BackupRecord> {
        self.newest.as_ref().filter(|backup| backup.status != BackupStatus::Good)
    }
}

fn value(line: &Line<'_>) -> Value {
    json!({
        "name": line.entry.name,
        "engine": line.entry.engine.id,
        "enabled": line.entry.enabled,
        "paused": line.entry.paused,
        "last_backup_id": line.newest.as_ref().map(|backup| backup.id),
        "last_backup_at": line.newest.as_ref().map(|backup| backup.created_at),
        "last_backup_status": line.newest.as_ref().map(|backup| backup.status),
        "last_run": line.last,
        "running": line.running,
    })
}

fn table(app: &App, lines: &[Line<'_>]) -> String {
    let mut table = Table::new([
        ("database", Align::Left),
        ("engine", Align::Left),
        ("status", Align::Left),
        ("last backup", Align::Left),
        ("size", Align::Right),
    ]);
    for line in lines {
        let newest = line.newest.as_ref();
        table.row([
            line.entry.name.to_string().into(),
            line.entry.engine.id.into(),
            state(app, line),
            newest.map_or("never".to_owned(), |backup| format_age(backup.created_at, app.clock.now())).into(),
            newest.map_or(String::new(), |backup| format_bytes(backup.size_bytes)).into(),
        ]);
    }
    table.render(app.style)
}

fn state(app: &App, line: &Line<'_>) -> Cell {
    let marked = |mark: &str, word: &str, paint| match app.style.has_unicode() {
        true => Cell::painted(format!("{mark} {word}"), paint),
        false => Cell::painted(word, paint),
    };
    match (&line.running, line.entry.enabled, &line.newest) {
        (Some(run), _, _) => Cell::painted(format!("{} running", run.kind.as_str()), Paint::Yellow),
        (None, false, _) => Cell::painted(if line.entry.paused { "paused" } else { "disabled" }, Paint::Dim),
        (None, true, _) if line.failed().is_some() => marked("✗", "failed", Paint::Red),
        (None, true, None) => marked("⚠", "no backup", Paint::Yellow),
        (None, true, Some(backup)) if backup.status != BackupStatus::Good => {
            marked("✗", backup.status.as_str(), Paint::Red)
        }
        (None, true, Some(_)) => marked("✓", "good", Paint::Green),
    }
}

/// What is wrong with a database, a line each, with what to do.
fn problems(app: &App, line: &Line<'_>) -> Vec<String> {
    let name = &line.entry.name;
    let mut problems = Vec::new();
    if let Some(run) = line.failed() {
        let why = run.error.as_ref().map(|error| escape(&error.message).into_owned()).unwrap_or_default();
        let mark = app.style.bad_mark();
        problems
            .push(format!("{mark} the last backup of {name} failed: {why}; try: cadangkan backup {name}\n"));
    }
    if let Some(backup) = line.bad() {
        let (mark, state) = (app.style.bad_mark(), backup.status.as_str());
        problems.push(format!(
            "{mark} backup {} of {name} is {state}; make a new one: cadangkan backup {name}\n",
            backup.id
        ));
    }
    if line.entry.enabled && line.newest.is_none() && line.failed().is_none() {
        let mark = app.style.warning_mark();
        problems.push(format!("{mark} {name} was never backed up: cadangkan backup {name}\n"));
    }
    problems
}
