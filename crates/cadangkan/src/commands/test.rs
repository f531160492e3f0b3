use std::fmt::Write;

use cadangkan_core::{Error, ErrorKind, Result, format_bytes};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::labels::LabelArgs;
use crate::inventory::DatabaseEntry;
use crate::ui::count::count;
use crate::ui::escape;

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan test shop\n  cadangkan test --all\n  cadangkan test --label env=prod"
)]
pub(crate) struct TestArgs {
    /// The database
    #[arg(required_unless_present_any = ["all", "chosen-label", "chosen-group"], conflicts_with_all = ["chosen-label", "chosen-group"])]
    database: Option<String>,
    /// Every database that is enabled
    #[arg(long, conflicts_with = "database")]
    all: bool,
    #[command(flatten)]
    labels: LabelArgs,
}

/// Tests the configuration, then databases with their storages. All are tested, also when one fails.
pub(crate) fn run(app: &App, args: &TestArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let mut entries = args.labels.choose(&session.inventory)?;
    match &args.database {
        Some(name) => entries = vec![session.inventory.database(name)?],
        None => entries.retain(|entry| entry.enabled),
    }
    let mut values = Vec::new();
    let mut text = String::new();
    let mut failed = Vec::new();
    for entry in entries {
        let _ = writeln!(text, "{}", app.style.bold(entry.name.as_str()));
        let reached = database(app, entry).map(|(line, value)| (line + &facts(&value), value));
        let checks = [("database", reached), ("storage", storages(&session, entry))];
        let mut results = Vec::new();
        for (what, result) in checks {
            match result {
                Ok((line, value)) => {
                    let _ = writeln!(text, "  {} {what}: {}", app.style.good_mark(), escape(&line));
                    results.push(json!({ "check": what, "ok": true, "detail": value }));
                }
                Err(error) => {
                    let _ = writeln!(
                        text,
                        "  {} {what}: {}",
                        app.style.bad_mark(),
                        escape(&error.chain().join(": "))
                    );
                    if let Some(advice) = error.advice() {
                        let _ = writeln!(text, "    hint: {}", escape(advice));
                    }
                    results.push(json!({ "check": what, "ok": false, "code": error.kind().code(), "message": error.to_string() }));
                    failed.push((entry.name.to_string(), error.kind()));
                }
            }
        }
        values.push(json!({ "name": entry.name, "checks": results }));
    }
    if values.is_empty() {
        text.push_str("The configuration is fine; there is no database to test.\n");
    }
    app.print(&values, || text)?;
    match failed.first() {
        None => Ok(()),
        Some((name, kind)) => {
            let kind = if failed.len() == 1 { *kind } else { ErrorKind::Partial };
            Err(Error::new(
                kind,
                format!("{} of the tests failed, the first one of \"{name}\"", failed.len()),
            ))
        }
    }
}

/// What else a server said of itself and of the connection, behind the line that names it.
fn facts(info: &Value) -> String {
    let pairs = info.get("facts").and_then(Value::as_array).into_iter().flatten();
    let text = |pair: &Value, place: usize| pair.get(place).and_then(Value::as_str).map(str::to_owned);
    let pairs = pairs.filter_map(|pair| Some(format!("{} {}", text(pair, 0)?, text(pair, 1)?)));
    let joined = pairs.collect::<Vec<_>>().join(", ");
    if joined.is_empty() { joined } else { format!("; {joined}") }
}

/// Connects to a database, and says what is there.
pub(crate) fn database(app: &App, entry: &DatabaseEntry) -> Result<(String, Value)> {
    let info = entry.open()?.probe(&app.control())?;
    let mut line = format!("{} {}", entry.engine.display_name, info.version);
    if let Some(size) = info.size_bytes {
        let _ = write!(line, ", {}", format_bytes(size));
    }
    if let Some(tables) = info.tables {
        let _ = write!(line, ", {}", count(tables, "table"));
    }
    Ok((line, json!(info)))
}

fn storages(session: &Session, entry: &DatabaseEntry) -> Result<(String, Value)> {
    let places = session.places(entry, &[])?;
    let mut parts = Vec::new();
    for place in places.list() {
        place.storage.check().map_err(|error| error.context("storage", place.name))?;
        let free = place.storage.space()?.map(|space| format!(", {} free", format_bytes(space.available)));
        parts.push(format!("{} at {}{}", place.name, place.storage.location(), free.unwrap_or_default()));
        parts.extend(place.storage.notes());
    }
    Ok((parts.join("; "), json!(parts)))
}
