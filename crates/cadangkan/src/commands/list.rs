use cadangkan_core::{Result, format_bytes};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed};
use crate::commands::labels::LabelArgs;
use crate::inventory::DatabaseEntry;
use crate::registry;
use crate::ui::table::{Align, Cell, Table};
use crate::ui::time::format_age;
use crate::ui::{Paint, labels};
use cadangkan_catalog::BackupRecord;
use cadangkan_core::Clock;

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan list\n  cadangkan list --label client=acme\n  cadangkan ls --output json | jq -r '.[].name'"
)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    labels: LabelArgs,
}

/// Lists the databases of both origins.
pub(crate) fn run(app: &App, args: &ListArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entries = args.labels.choose(&session.inventory)?;
    let rows: Result<Vec<_>> = entries
        .into_iter()
        .map(|entry| Ok((entry, session.catalog()?.newest_backup(&entry.name, false)?)))
        .collect();
    let rows = rows?;
    let values: Vec<Value> = rows.iter().map(|(entry, newest)| value(entry, newest.as_ref())).collect();
    app.print(&values, || text(app, &rows))
}

/// A database as JSON: what `list` and `info` share.
pub(crate) fn value(entry: &DatabaseEntry, newest: Option<&BackupRecord>) -> Value {
    json!({
        "name": entry.name,
        "engine": entry.engine.id,
        "location": entry.location().map(|location| location.to_string()).ok(),
        "enabled": entry.enabled,
        "paused": entry.paused,
        "production": entry.options.production,
        "labels": entry.options.labels(),
        "origin": entry.origin,
        "last_backup_id": newest.map(|backup| backup.id),
        "last_backup_at": newest.map(|backup| backup.created_at),
        "last_backup_bytes": newest.map(|backup| backup.size_bytes),
    })
}

/// Says whether a database takes part, in one word.
pub(crate) fn state(entry: &DatabaseEntry) -> Cell {
    match (entry.enabled, entry.paused) {
        (true, _) => Cell::painted("enabled", Paint::Green),
        (false, true) => Cell::painted("paused", Paint::Yellow),
        (false, false) => Cell::painted("disabled", Paint::Yellow),
    }
}

fn text(app: &App, rows: &[(&DatabaseEntry, Option<BackupRecord>)]) -> String {
    if rows.is_empty() {
        return format!("No databases yet. Add one with `{}`.\n", registry::example_add());
    }
    let has_labels = rows.iter().any(|(entry, _)| !entry.options.labels().is_empty());
    let mut columns = vec![
        ("database", Align::Left),
        ("engine", Align::Left),
        ("state", Align::Left),
        ("last backup", Align::Left),
        ("size", Align::Right),
    ];
    columns.extend(has_labels.then_some(("labels", Align::Left)));
    columns.push(("location", Align::Left));
    let mut table = Table::new(columns);
    for (entry, newest) in rows {
        let location = entry.location().map(|location| location.to_string()).unwrap_or_default();
        // Declared in the file: read-only here.
        let lock = match (entry.origin.is_file(), app.style.has_unicode()) {
            (true, true) => " 🔒",
            (true, false) => " (file)",
            (false, _) => "",
        };
        let age = |backup: &BackupRecord| format_age(backup.created_at, app.clock.now());
        let size = |backup: &BackupRecord| format_bytes(backup.size_bytes);
        let mut row: Vec<Cell> = vec![
            format!("{}{lock}", entry.name).into(),
            entry.engine.id.into(),
            state(entry),
            newest.as_ref().map_or("never".to_owned(), age).into(),
            newest.as_ref().map_or(String::new(), size).into(),
        ];
        row.extend(has_labels.then(|| labels(&entry.options.labels()).into()));
        row.push(location.into());
        table.row(row);
    }
    let active = rows.iter().filter(|(entry, _)| entry.enabled).count();
    format!("{}\nDatabases: {} ({active} active)\n", table.render(app.style), rows.len())
}
