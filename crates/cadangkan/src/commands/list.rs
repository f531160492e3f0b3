use cadangkan_core::{Result, format_bytes};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::inventory::DatabaseEntry;
use crate::registry;
use crate::ui::Paint;
use crate::ui::table::{Align, Cell, Table};
use crate::ui::time::format_age;
use cadangkan_catalog::BackupRecord;
use cadangkan_core::Clock;

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan list\n  cadangkan ls --output json | jq -r '.[].name'")]
pub(crate) struct ListArgs {}

/// Lists the databases of both origins.
pub(crate) fn run(app: &App, _args: &ListArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let rows: Result<Vec<_>> = session
        .inventory
        .databases()
        .iter()
        .map(|entry| Ok((entry, session.catalog()?.newest_backup(&entry.name, false)?)))
        .collect();
    let rows = rows?;
    let values: Vec<Value> = rows.iter().map(|(entry, newest)| value(entry, newest.as_ref())).collect();
    app.print(&values, || text(app, &session, &rows))
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

fn text(app: &App, session: &Session, rows: &[(&DatabaseEntry, Option<BackupRecord>)]) -> String {
    if rows.is_empty() {
        return format!("No databases yet. Add one with `{}`.\n", registry::example_add());
    }
    let mut table = Table::new([
        ("database", Align::Left),
        ("engine", Align::Left),
        ("state", Align::Left),
        ("last backup", Align::Left),
        ("size", Align::Right),
        ("location", Align::Left),
    ]);
    for (entry, newest) in rows {
        let location = entry.location().map(|location| location.to_string()).unwrap_or_default();
        // Declared in the file: read-only here.
        let lock = match (entry.origin.is_file(), app.style.has_unicode()) {
            (true, true) => " 🔒",
            (true, false) => " (file)",
            (false, _) => "",
        };
        table.row([
            format!("{}{lock}", entry.name).into(),
            entry.engine.id.into(),
            state(entry),
            newest
                .as_ref()
                .map_or("never".to_owned(), |backup| format_age(backup.created_at, app.clock.now()))
                .into(),
            newest.as_ref().map_or(String::new(), |backup| format_bytes(backup.size_bytes)).into(),
            location.into(),
        ]);
    }
    let active = session.inventory.databases().iter().filter(|entry| entry.enabled).count();
    format!("{}\nDatabases: {} ({active} active)\n", table.render(app.style), rows.len())
}
