use std::fmt::Write;

use cadangkan_catalog::{BackupFilter, BackupRecord, Run, RunFilter, RunStatus};
use cadangkan_core::{Clock, Result, format_bytes};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::info::runs_text;
use crate::inventory::DatabaseEntry;
use crate::registry;
use crate::ui::Paint;
use crate::ui::table::{Align, Cell, Table};
use crate::ui::time::format_age;

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan status\n  cadangkan status shop\n  cadangkan status --output json")]
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
    running: Option<Run>,
}

/// Shows how the databases and their backups are, and what was wrong lately.
pub(crate) fn run(app: &App, args: &StatusArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let catalog = session.catalog()?;
    // Runs whose process is gone are ended first, so that what is shown is true.
    cadangkan_ops::reap(&session.context(app))?;
    let entries: Vec<&DatabaseEntry> = match &args.database {
        Some(name) => vec![session.inventory.database(name)?],
        None => session.inventory.databases().iter().collect(),
    };
    let lines: Result<Vec<Line<'_>>> = entries
        .into_iter()
        .map(|entry| {
            let of = |limit| RunFilter { database: Some(entry.name.clone()), limit: Some(limit), ..RunFilter::default() };
            Ok(Line {
                entry,
                newest: catalog.newest_backup(&entry.name, false)?,
                last: catalog.runs(&of(20))?.into_iter().find(|run| run.status != RunStatus::Running),
                running: catalog.running(Some(&entry.name))?.into_iter().next(),
            })
        })
        .collect();
    let lines = lines?;
    let (count, bytes) = catalog.count_backups(&BackupFilter::default())?;
    let values: Vec<Value> = lines.iter().map(value).collect();
    let active = lines.iter().filter(|line| line.entry.enabled).count();
    let summary = json!({ "databases": values, "active": active, "backups": { "count": count, "size_bytes": bytes } });
    app.print(&summary, || text(app, &session, &lines, count, bytes))
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

fn text(app: &App, session: &Session, lines: &[Line<'_>], count: u64, bytes: u64) -> String {
    if lines.is_empty() {
        return format!("No databases yet. Add one with `{}`.\n", registry::example_add());
    }
    let active = lines.iter().filter(|line| line.entry.enabled).count();
    let mut text = format!(
        "Databases:  {} ({active} active)\nBackups:    {count}, {}\n\n",
        lines.len(),
        format_bytes(bytes)
    );
    let mut table = Table::new([
        ("database", Align::Left),
        ("engine", Align::Left),
        ("status", Align::Left),
        ("last backup", Align::Left),
    ]);
    for line in lines {
        let last = line.newest.as_ref().map_or("never".to_owned(), |backup| format_age(backup.created_at, app.clock.now()));
        table.row([line.entry.name.to_string().into(), line.entry.engine.id.into(), state(app, line), last.into()]);
    }
    text.push_str(&table.render(app.style));
    for line in lines {
        let never = line.entry.enabled && line.newest.is_none();
        let failed = line.last.as_ref().and_then(|run| run.error.as_ref().map(|error| (run, error)));
        if never {
            let _ = writeln!(text, "\n{} {} was never backed up: cadangkan backup {0}", app.style.warning_mark(), line.entry.name);
        }
        if let Some((run, error)) = failed {
            let _ = writeln!(text, "\n{} the last {} of {} failed: {}", app.style.bad_mark(), run.kind.as_str(), line.entry.name, crate::ui::escape(&error.message));
        }
    }
    if let [line] = lines {
        let filter = RunFilter { database: Some(line.entry.name.clone()), limit: Some(10), ..RunFilter::default() };
        let runs = session.catalog().and_then(|catalog| catalog.runs(&filter)).unwrap_or_default();
        text.push_str(&runs_text(app, &runs));
    }
    text
}

fn state(app: &App, line: &Line<'_>) -> Cell {
    let good = line.last.as_ref().is_none_or(|run| run.status == RunStatus::Completed);
    let marks = if app.style.has_unicode() { ("✓", "✗") } else { ("good", "failed") };
    match (&line.running, line.entry.enabled, &line.newest) {
        (Some(run), _, _) => Cell::painted(format!("{} running", run.kind.as_str()), Paint::Yellow),
        (None, false, _) => Cell::painted(if line.entry.paused { "paused" } else { "disabled" }, Paint::Dim),
        (None, true, Some(_)) if good => Cell::painted(marks.0, Paint::Green),
        (None, true, _) => Cell::painted(marks.1, Paint::Red),
    }
}
