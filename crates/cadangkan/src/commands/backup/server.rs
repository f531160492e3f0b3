use std::fmt::Write;

use cadangkan_core::{Error, ErrorKind, Name, Result};
use cadangkan_engine::{Engine, Server};
use cadangkan_ops::Context;
use cadangkan_ops::backup::{BackupPlan, BackupRequest};
use cadangkan_ops::server::{self, ServerReport};
use serde::Serialize;
use serde_json::{Value, json};

use super::{plan_text, report_text};
use crate::app::{App, Places};
use crate::ui::{error, escape};

/// Backs up the databases of a server one after the other, or says what that would do. What went well is printed
/// also when some failed.
pub(super) fn back_up(
    app: &App,
    context: &Context<'_>,
    name: &Name,
    (engine, server): (&dyn Engine, &dyn Server),
    places: &Places,
    request: &BackupRequest,
) -> Result<()> {
    let display_name = engine.descriptor().display_name;
    if app.global.dry_run {
        let report = server::plan(context, name, server, &places.list(), request)?;
        let text =
            |plan: &BackupPlan| format!("{}\n{}", app.style.bold(&escape(&plan.database)), plan_text(plan));
        return show(app, &report, text);
    }
    let done = server::backup(context, name, server, &places.list(), request);
    let report = done.map_err(|error| match error.kind() {
        ErrorKind::Cancelled => error.hint("backups that were complete by then stay"),
        _ => error,
    })?;
    show(app, &report, |made| report_text(app, display_name, made, false))
}

fn show<T: Serialize>(app: &App, report: &ServerReport<T>, text: impl Fn(&T) -> String) -> Result<()> {
    app.finish_progress();
    let value =
        json!({ "databases": report.done, "failed": report.failed.iter().map(failed).collect::<Vec<_>>() });
    app.print(&value, || {
        let mut all: String = report.done.iter().map(|done| text(done) + "\n").collect();
        for (name, error) in &report.failed {
            let _ =
                writeln!(all, "{} {}: {}", app.style.bad_mark(), escape(name), escape(&error.to_string()));
        }
        let count = report.done.len() + report.failed.len();
        let _ = writeln!(all, "Total: {} of {count} databases", report.done.len());
        all
    })?;
    report.error().map_or(Ok(()), Err)
}

fn failed((name, failure): &(String, Error)) -> Value {
    let mut value = error::to_json(failure);
    if let Some(map) = value.as_object_mut() {
        map.insert("database".to_owned(), json!(name));
    }
    value
}
