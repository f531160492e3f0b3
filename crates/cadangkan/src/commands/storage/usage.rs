use std::collections::BTreeMap;
use std::fmt::Write;

use cadangkan_catalog::{BackupFilter, StorageUsage};
use cadangkan_core::{Clock, Result, format_bytes};
use cadangkan_storage::Space;
use serde_json::json;

use super::growth::{AHEAD, Growth, Share};
use super::list;
use crate::app::{App, CatalogNeed};
use crate::inventory::StorageEntry;
use crate::ui::count::count;
use crate::ui::escape;
use crate::ui::table::{Align, Table};
use crate::ui::time::format_age;

/// Arguments of `storage usage`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan storage usage\n  cadangkan storage usage home --by month\n  cadangkan storage usage home --output json"
)]
pub(super) struct UsageArgs {
    /// The storage [default: all]
    storage: Option<String>,
    /// What the table is by
    #[arg(long, value_enum, default_value = "database")]
    by: By,
}

/// What backups are added up by.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum By {
    /// Whose they are
    Database,
    /// Why they were made: manual, daily, safety
    Type,
    /// When they began
    Month,
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
        let filter = BackupFilter { storage: Some(entry.name.clone()), ..BackupFilter::default() };
        let growth = Growth::of(&session.catalog()?.backups(&filter)?, &session.zone(), app.clock.now());
        values.push(json!({
            "name": entry.name, "provider": entry.provider.id, "location": entry.location().ok(),
            "backups": backups, "size_bytes": bytes, "databases": there,
            "available_bytes": space.map(|space| space.available), "total_bytes": space.map(|space| space.total),
            "types": growth.types, "months": growth.months, "forecast_months": AHEAD, "forecast_bytes": growth.forecast_bytes,
        }));
        let table = match args.by {
            By::Database => by_database(app, &there),
            By::Type => shares(app, "type", &growth.types),
            By::Month => shares(app, "month", &growth.months),
        };
        texts.push(text(app, entry, &table, (backups, bytes), space, &growth));
    }
    app.print(&values, || texts.join("\n"))
}

fn by_database(app: &App, there: &[&StorageUsage]) -> String {
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
    table.render(app.style)
}

fn shares(app: &App, title: &'static str, shares: &BTreeMap<String, Share>) -> String {
    let mut table = Table::new([(title, Align::Left), ("backups", Align::Right), ("size", Align::Right)]);
    for (name, share) in shares {
        table.row([
            name.clone().into(),
            share.backups.to_string().into(),
            format_bytes(share.size_bytes).into(),
        ]);
    }
    table.render(app.style)
}

fn text(
    app: &App,
    entry: &StorageEntry,
    table: &str,
    (backups, bytes): (u64, u64),
    space: Option<Space>,
    growth: &Growth,
) -> String {
    let location = entry.location().unwrap_or_default();
    let mut text = format!("{} {}\n{table}", app.style.bold(entry.name.as_str()), escape(&location));
    let _ = write!(text, "Total: {}, {}", count(backups, "backup"), format_bytes(bytes));
    if let Some(space) = space {
        let _ = write!(text, "; {} of {} free", format_bytes(space.available), format_bytes(space.total));
    }
    text.push('\n');
    match growth.forecast_bytes {
        Some(then) => {
            let _ = writeln!(
                text,
                "In {AHEAD} months: about {}, if as many are kept and they grow as they did",
                format_bytes(then)
            );
            let room = space.map(|space| bytes.saturating_add(space.available));
            if room.is_some_and(|room| then > room) {
                let _ = writeln!(text, "{} That is more than there is room for", app.style.warning_mark());
            }
        }
        None if backups > 0 => {
            text.push_str("Fewer than three months of backups do not tell how they grow\n")
        }
        None => {}
    }
    text
}
