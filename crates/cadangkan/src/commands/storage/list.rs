use cadangkan_catalog::StorageUsage;
use cadangkan_core::{Result, format_bytes};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::inventory::StorageEntry;
use crate::ui::Paint;
use crate::ui::table::{Align, Cell, Table};

/// Arguments of `storage list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan storage list\n  cadangkan storage list --output json")]
pub(super) struct ListArgs {}

/// Lists the storages of both origins. Connects to nothing.
pub(super) fn run(app: &App, _args: &ListArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let usage = session.catalog()?.usage()?;
    let storages = session.inventory.storages();
    let values: Vec<Value> = storages.iter().map(|entry| value(&session, entry, &usage)).collect();
    app.print(&values, || text(app, storages, &usage))
}

/// A storage as JSON: what `list` and `info` share.
pub(super) fn value(session: &Session, entry: &StorageEntry, usage: &[StorageUsage]) -> Value {
    let (backups, bytes) = total(entry, usage);
    let databases = session.inventory.databases_of(&entry.name);
    json!({
        "name": entry.name,
        "provider": entry.provider.id,
        "location": entry.location().ok(),
        "enabled": entry.enabled,
        "paused": entry.paused,
        "origin": entry.origin,
        "databases": databases.iter().map(|database| &database.name).collect::<Vec<_>>(),
        "backups": backups,
        "size_bytes": bytes,
    })
}

/// How many backups the catalog knows there, and their bytes.
pub(super) fn total(entry: &StorageEntry, usage: &[StorageUsage]) -> (u64, u64) {
    let there = usage.iter().filter(|usage| usage.storage == entry.name);
    there.fold((0, 0), |(backups, bytes), usage| (backups + usage.backups, bytes + usage.size_bytes))
}

/// Says whether a storage takes part, in one word.
pub(super) fn state(entry: &StorageEntry) -> (&'static str, Paint) {
    match (entry.enabled, entry.paused) {
        (true, _) => ("enabled", Paint::Green),
        (false, true) => ("paused", Paint::Yellow),
        (false, false) => ("disabled", Paint::Yellow),
    }
}

fn text(app: &App, storages: &[StorageEntry], usage: &[StorageUsage]) -> String {
    let mut table = Table::new([
        ("storage", Align::Left),
        ("kind", Align::Left),
        ("state", Align::Left),
        ("backups", Align::Right),
        ("size", Align::Right),
        ("location", Align::Left),
    ]);
    for entry in storages {
        let (backups, bytes) = total(entry, usage);
        let (word, paint) = state(entry);
        // Declared in the file: read-only here.
        let lock = match (entry.origin.is_file(), app.style.has_unicode()) {
            (true, true) => " 🔒",
            (true, false) => " (file)",
            (false, _) => "",
        };
        table.row([
            format!("{}{lock}", entry.name).into(),
            entry.provider.id.into(),
            Cell::painted(word, paint),
            backups.to_string().into(),
            format_bytes(bytes).into(),
            entry.location().unwrap_or_default().into(),
        ]);
    }
    table.render(app.style)
}
