use std::fmt::Write;

use cadangkan_catalog::StorageUsage;
use cadangkan_core::{Clock, Result, format_bytes};
use cadangkan_storage::Space;
use serde_json::json;

use super::list;
use crate::app::{App, CatalogNeed};
use crate::inventory::StorageEntry;
use crate::ui::count::count;
use crate::ui::escape;
use crate::ui::table::{Align, Table};
use crate::ui::time::format_age;

/// Arguments of `storage usage`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan storage usage\n  cadangkan storage usage home --output json")]
pub(super) struct UsageArgs {
    /// The storage [default: all]
    storage: Option<String>,
}

/// Shows how much lies in storages, by the catalog, and what is free there, by the storages' own word. One that cannot
/// be asked is no failure: what is free is then not known.
pub(super) fn run(app: &App, args: &UsageArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entries: Vec<&StorageEntry> = match &args.storage {
        Some(name) => vec![session.inventory.storage(name)?],
        None => session.inventory.storages().iter().collect(),
    };
    let usage = session.catalog()?.usage()?;
    let (mut values, mut texts) = (Vec::new(), Vec::new());
    for entry in entries {
        let space = match entry.open().and_then(|storage| storage.space()) {
            Ok(space) => space,
            Err(error) => {
                app.warn(&format!("storage {} cannot be asked what is free: {error}", entry.name));
                None
            }
        };
        let there: Vec<_> = usage.iter().filter(|usage| usage.storage == entry.name).collect();
        let (backups, bytes) = list::total(entry, &usage);
        values.push(json!({
            "name": entry.name, "provider": entry.provider.id, "location": entry.location().ok(),
            "backups": backups, "size_bytes": bytes, "databases": there,
            "available_bytes": space.map(|space| space.available), "total_bytes": space.map(|space| space.total),
        }));
        texts.push(text(app, entry, &there, (backups, bytes), space));
    }
    app.print(&values, || texts.join("\n"))
}

fn text(
    app: &App,
    entry: &StorageEntry,
    there: &[&StorageUsage],
    (backups, bytes): (u64, u64),
    space: Option<Space>,
) -> String {
    let mut text = format!(
        "{} {}\n",
        app.style.bold(entry.name.as_str()),
        escape(&entry.location().unwrap_or_default())
    );
    let mut table = Table::new([
        ("database", Align::Left),
        ("backups", Align::Right),
        ("size", Align::Right),
        ("oldest", Align::Left),
        ("newest", Align::Left),
    ]);
    let now = app.clock.now();
    for usage in there {
        table.row([
            usage.database.to_string().into(),
            usage.backups.to_string().into(),
            format_bytes(usage.size_bytes).into(),
            format_age(usage.oldest_at, now).into(),
            format_age(usage.newest_at, now).into(),
        ]);
    }
    text.push_str(&table.render(app.style));
    let _ = write!(text, "Total: {}, {}", count(backups, "backup"), format_bytes(bytes));
    if let Some(space) = space {
        let _ = write!(text, "; {} of {} free", format_bytes(space.available), format_bytes(space.total));
    }
    text.push('\n');
    text
}
