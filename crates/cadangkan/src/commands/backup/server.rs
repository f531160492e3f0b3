use std::fmt::Write;
use std::time::{Duration, Instant};

use cadangkan_archive::Manifest;
use cadangkan_core::{ErrorKind, Name, Result, Selection, format_bytes, format_duration};
use cadangkan_engine::{Engine, Server};
use cadangkan_ops::Context;
use cadangkan_ops::backup::{BackupPlan, BackupReport, BackupRequest};
use cadangkan_ops::combined;
use cadangkan_ops::server::{self, ServerReport, ServerRequest};
use serde_json::{Map, Value, json};

use super::databases::{self, DatabaseArgs};
use super::text::{self, beside, settings};
use super::{DRY_RUN, QUESTION};
use crate::app::{App, Places};
use crate::commands::failures;
use crate::config::BackupOptions;
use crate::ui::selection::describe;
use crate::ui::table::{Align, Table};
use crate::ui::{escape, words};

/// What a person is asked before.
pub(super) struct Asks {
    /// Which databases; what was chosen is confirmed too.
    pub(super) to_choose: bool,
    /// Whether it may begin.
    pub(super) to_confirm: bool,
}

/// Puts together what flags and configuration ask for.
pub(super) fn request(
    args: &DatabaseArgs,
    configured: &BackupOptions,
    backup: BackupRequest,
) -> Result<ServerRequest> {
    Ok(ServerRequest {
        backup,
        choice: args.choice(configured)?,
        schema_only: args.schema_only(configured),
        combined: args.combined(configured),
    })
}

/// Backs up the databases of a server one after the other, or says what that would do. What went well is printed
/// also when some failed.
pub(super) fn back_up(
    app: &App,
    context: &Context<'_>,
    name: &Name,
    (engine, server): (&dyn Engine, &dyn Server),
    places: &Places,
    mut request: ServerRequest,
    asks: Asks,
) -> Result<()> {
    if asks.to_choose {
        request.choice = databases::choose(app, &request.choice, server, &context.control)?;
    }
    if app.global.dry_run || asks.to_choose || asks.to_confirm {
        let plans = match request.combined {
            true => combined::plan(context, name, engine, &places.list(), &request)?,
            false => server::plan(context, name, server, &places.list(), &request)?,
        };
        let text = plans_text(app, engine.descriptor().display_name, &plans, request.combined);
        if app.global.dry_run {
            let estimated = plans.done.iter().filter_map(|plan| plan.dump.estimated_bytes).sum::<u64>();
            let value = json!({
                "databases": plans.done, "failed": failures(&plans.failed),
                "summary": { "planned": plans.done.len(), "failed": plans.failed.len(), "estimated_bytes": estimated },
            });
            app.print(&value, || text + DRY_RUN)?;
            return plans.error().map_or(Ok(()), Err);
        }
        app.confirm(text.trim_end(), QUESTION)?;
    }
    if request.combined {
        let report = combined::backup(context, name, engine, &places.list(), &request)?;
        app.finish_progress();
        let engine = engine.descriptor().display_name;
        app.print(&report, || text::report_text(app, engine, &report, true))?;
        return report.error().map_or(Ok(()), Err);
    }
    let began = Instant::now();
    let done = server::backup(context, name, server, &places.list(), &request);
    let report = done.map_err(|error| match error.kind() {
        ErrorKind::Cancelled => error.hint("backups that were complete by then stay"),
        _ => error,
    })?;
    let summary = Summary::of(&report, began.elapsed());
    let value = json!({ "databases": report.done, "failed": failures(&report.failed), "summary": summary.to_json(&report) });
    app.print(&value, || report_text(app, &report, &summary))?;
    report.error().or_else(|| report.done.iter().find_map(BackupReport::error)).map_or(Ok(()), Err)
}

/// What was done altogether.
struct Summary {
    size_bytes: u64,
    raw_bytes: u64,
    duration: Duration,
    /// Of the point in the server's history what is the same for all.
    position: Map<String, Value>,
}

impl Summary {
    fn of(report: &ServerReport<BackupReport>, duration: Duration) -> Self {
        let manifests = || report.done.iter().map(|done| &done.manifest);
        let mut position = manifests().next().map(|first| first.position.clone()).unwrap_or_default();
        position.retain(|key, value| manifests().all(|other| other.position.get(key) == Some(value)));
        Summary {
            size_bytes: manifests().map(|manifest| manifest.archive.size_bytes).sum(),
            raw_bytes: manifests().map(|manifest| manifest.archive.raw_bytes).sum(),
            duration,
            position,
        }
    }

    fn to_json(&self, report: &ServerReport<BackupReport>) -> Value {
        json!({
            "succeeded": report.done.len(), "failed": report.failed.len(), "size_bytes": self.size_bytes,
            "raw_bytes": self.raw_bytes, "duration_seconds": (self.duration.as_secs_f64() * 1000.0).round() / 1000.0,
            "position": self.position,
        })
    }
}

fn report_text(app: &App, report: &ServerReport<BackupReport>, summary: &Summary) -> String {
    let mut table = Table::new([
        ("database", Align::Left),
        ("backup id", Align::Left),
        ("size", Align::Right),
        ("tables", Align::Right),
        ("took", Align::Right),
    ]);
    for made in &report.done {
        let manifest = &made.manifest;
        table.row([
            manifest.database.clone().into(),
            manifest.backup_id.to_string().into(),
            format_bytes(manifest.archive.size_bytes).into(),
            manifest.tables_count.to_string().into(),
            format_duration(Duration::from_secs_f64(manifest.duration_seconds.max(0.0))).into(),
        ]);
    }
    let mut lines = Vec::new();
    let selections = report.done.iter().map(|made| (&made.manifest.database, &made.manifest.selection));
    lines.extend(selected(&selections.collect::<Vec<_>>()));
    if let Some(made) = report.done.first() {
        let manifest = &made.manifest;
        let storages: Vec<_> = made.copies.iter().map(|copy| copy.storage.as_str()).collect();
        lines.push(format!("Storages: {}", storages.join(", ")));
        lines.extend(words(&summary.position).map(|text| format!("Position: {}", escape(&text))));
        lines.extend(manifest.ticket.iter().map(|ticket| format!("Ticket: {}", escape(ticket))));
    }
    for Manifest { database, suspect, .. } in report.done.iter().map(|made| &made.manifest) {
        let of = |reason: &String| format!("Suspect: {}: {}", escape(database), escape(reason));
        lines.extend(suspect.iter().map(of));
    }
    let (size, raw) = (format_bytes(summary.size_bytes), format_bytes(summary.raw_bytes));
    lines.push(format!(
        "{}, {size} (compressed from {raw}), in {}",
        total(report),
        format_duration(summary.duration)
    ));
    shown(app, report, &table, &lines)
}

fn plans_text(app: &App, engine: &str, report: &ServerReport<BackupPlan>, combined: bool) -> String {
    let mut columns = vec![("database", Align::Left), ("objects", Align::Right), ("to read", Align::Right)];
    if !combined {
        columns.push(("archive", Align::Left));
    }
    let mut table = Table::new(columns);
    for plan in &report.done {
        let mut row = vec![
            plan.database.clone().into(),
            plan.dump.objects.len().to_string().into(),
            plan.dump.estimated_bytes.map(format_bytes).unwrap_or_default().into(),
        ];
        if !combined {
            row.push(plan.archive.clone().into());
        }
        table.row(row);
    }
    let mut lines = Vec::new();
    if let Some(plan) = report.done.first() {
        lines.push(format!("Server:       {engine} {}", escape(&plan.dump.server.version)));
        if combined {
            lines.push(format!("Archive:      {}", plan.archive));
        }
        lines.push(format!("Beside {}  {}", if combined { "it:   " } else { "each:" }, beside(plan)));
        lines.extend(settings(plan));
    }
    let selections = report.done.iter().map(|plan| (&plan.database, &plan.selection));
    let selections: Vec<_> = selections.collect();
    if !selections.windows(2).all(is_same) {
        lines.extend(selected(&selections));
    }
    for plan in &report.done {
        let of = |warning: &String| format!("Warning:      {}: {}", escape(&plan.database), escape(warning));
        lines.extend(plan.dump.warnings.iter().map(of));
    }
    let estimated = report.done.iter().filter_map(|plan| plan.dump.estimated_bytes).sum();
    lines.push(format!("{}, about {} to read", total(report), format_bytes(estimated)));
    shown(app, report, &table, &lines)
}

fn is_same(two: &[(&String, &Selection)]) -> bool {
    two.first().map(|(_, selection)| selection) == two.last().map(|(_, selection)| selection)
}

/// Says what is meant of the databases where that is not everything: once when it is the same for all.
fn selected(databases: &[(&String, &Selection)]) -> Vec<String> {
    if databases.windows(2).all(is_same) {
        let first = databases.first().and_then(|(_, selection)| describe(selection));
        return first
            .map(|text| format!("Selection: {}: these are not whole databases", escape(&text)))
            .into_iter()
            .collect();
    }
    let of = |(name, selection): &(&String, &Selection)| {
        Some(format!("Selection: of {} {}", escape(name), escape(&describe(selection)?)))
    };
    databases.iter().filter_map(of).collect()
}

fn total<T>(report: &ServerReport<T>) -> String {
    format!("Total: {} of {} databases", report.done.len(), report.done.len() + report.failed.len())
}

/// The table, then the databases that failed, then what is true of all.
fn shown<T>(app: &App, report: &ServerReport<T>, table: &Table, lines: &[String]) -> String {
    let mut text = if report.done.is_empty() { String::new() } else { table.render(app.style) + "\n" };
    for (name, error) in &report.failed {
        let _ = writeln!(text, "{} {}: {}", app.style.bad_mark(), escape(name), escape(&error.to_string()));
    }
    lines.iter().for_each(|line| text.extend([line, "\n"]));
    text
}
