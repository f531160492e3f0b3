use std::collections::BTreeMap;

use cadangkan_core::{BackupId, Name, Result};
use cadangkan_ops::rekey::{Holder, holders};
use serde::Serialize;
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::inventory::Wishes;
use crate::ui::escape;
use crate::ui::table::{Align, Table};

/// Arguments of `key list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan key list shop\n  cadangkan key list shop --output json")]
pub(super) struct ListArgs {
    /// The database
    database: Name,
    /// Only what is in this storage; may be given more than once
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    storage: Vec<Name>,
}

/// One line: who opens how many copies of backups.
#[derive(Serialize)]
struct Line {
    opens_with: String,
    copies: u64,
    newest: BackupId,
}

/// Shows for whom new backups are encrypted, and for whom those that are stored.
pub(super) fn run(app: &App, args: &ListArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let places = session.places_for(&args.database, &args.storage)?;
    let holders = holders(&session.context(app), &args.database, &places.list())?;
    let configured = session
        .inventory
        .database(args.database.as_str())
        .ok()
        .map(|entry| session.inventory.effective(entry, &Wishes::default()).encryption);
    let lines = lines(holders);
    let value = json!({ "configured": configured, "backups": lines });
    app.print(&value, || {
        let now = configured.as_ref().map_or("not configured".to_owned(), |setting| {
            let what = setting.value.as_ref().map_or("none".to_owned(), |settings| settings.describe());
            format!("{what} ({})", setting.origin)
        });
        let mut table =
            Table::new([("OPENS WITH", Align::Left), ("COPIES", Align::Right), ("NEWEST", Align::Left)]);
        for line in &lines {
            table.row([
                escape(&line.opens_with).into_owned().into(),
                line.copies.to_string().into(),
                line.newest.to_string().into(),
            ]);
        }
        format!("Encryption of new backups: {}\n\n{}", escape(&now), table.render(app.style))
    })
}

fn lines(holders: Vec<Holder>) -> Vec<Line> {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    for Holder { opens_with, backup_id } in holders {
        let line =
            lines.entry(opens_with.clone()).or_insert(Line { opens_with, copies: 0, newest: backup_id });
        line.copies += 1;
        line.newest = line.newest.max(backup_id);
    }
    lines.into_values().collect()
}
