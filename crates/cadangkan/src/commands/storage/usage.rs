use std::collections::BTreeMap;
use std::fmt::Write;

use cadangkan_catalog::StorageUsage;
use cadangkan_core::{Clock, Result, format_bytes};
use serde_json::json;

use super::growth::{self, AHEAD, Growth, Share};
use super::list;
use crate::app::{App, CatalogNeed};
use crate::health::Room;
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
        let disk = match entry.open().and_then(|storage| storage.space()) {
            Ok(space) => space,
            Err(error) => {
                app.warn(&format!("storage {} cannot be asked what is free: {error}", entry.name));
                None
            }
        };
        let there: Vec<_> = usage.iter().filter(|usage| usage.storage == entry.name).collect();
        let (backups, bytes) = list::total(entry, &usage);
        let growth = Growth::of(session.catalog()?, &entry.name, &session.zone(), app.clock.now())?;
        let room = Room::of(entry, bytes, disk);
        let full = full_in(&room, growth.forecast_bytes);
        values.push(json!({
            "name": entry.name, "provider": entry.provider.id, "location": entry.location().ok(),
            "backups": backups, "size_bytes": bytes, "databases": there,
            "capacity_bytes": entry.limits.capacity, "is_low": room.is_low(0),
            "available_bytes": room.space.map(|space| space.available), "total_bytes": room.space.map(|space| space.total),
            "types": growth.types, "months": growth.months, "forecast_months": AHEAD, "forecast_bytes": growth.forecast_bytes,
            "full_in_months": full,
        }));
        let table = match args.by {
            By::Database => by_database(app, &there),
            By::Type => shares(app, "type", &growth.types),
            By::Month => shares(app, "month", &growth.months),
        };
        texts.push(text(app, &room, &table, backups, growth.forecast_bytes));
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

/// The months until a storage is full, where what it holds grows and its size is known.
fn full_in(room: &Room<'_>, forecast: Option<u64>) -> Option<u32> {
    growth::full_in(room.used, forecast?, room.used.saturating_add(room.space?.available))
}

fn text(app: &App, room: &Room<'_>, table: &str, backups: u64, forecast: Option<u64>) -> String {
    let location = room.entry.location().unwrap_or_default();
    let mut text = format!("{} {}\n{table}", app.style.bold(room.entry.name.as_str()), escape(&location));
    let _ = write!(text, "Total: {}, {}", count(backups, "backup"), format_bytes(room.used));
    if let Some(space) = room.space {
        let _ = write!(text, "; {} of {} free", format_bytes(space.available), format_bytes(space.total));
    }
    text.push('\n');
    if let Some(problem) = room.problem() {
        let _ = writeln!(text, "{} {}", app.style.warning_mark(), problem.text);
    }
    match forecast {
        Some(then) => {
            let _ = writeln!(
                text,
                "In {AHEAD} months: about {}, if as many are kept and they grow as they did",
                format_bytes(then)
            );
            if let Some(months) = full_in(room, forecast) {
                let mark = if months < AHEAD { app.style.warning_mark() + " " } else { String::new() };
                let _ = match months {
                    0 => writeln!(text, "{mark}Full in less than a month"),
                    _ => writeln!(text, "{mark}Full in about {}", count(months.into(), "month")),
                };
            }
        }
        None if backups > 0 => {
            text.push_str("Fewer than three months of backups do not tell how they grow\n")
        }
        None => {}
    }
    text
}
