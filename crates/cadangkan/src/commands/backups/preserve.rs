use cadangkan_core::Result;
use cadangkan_ops::Context;
use cadangkan_ops::stored::preserve;
use serde_json::json;

use super::Which;
use crate::app::{App, CatalogNeed};
use crate::commands::ticket::TicketArgs;

/// Arguments of `backups preserve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan backups preserve shop 2026-01-15-143022\n  cadangkan backups preserve shop 2026-01-15-143022 --off"
)]
pub(super) struct PreserveArgs {
    #[command(flatten)]
    which: Which,
    /// Take the mark away
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    ticket: TicketArgs,
}

/// Marks a backup, in every storage that has it.
pub(super) fn run(app: &App, args: &PreserveArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let Which { database, id, storage } = &args.which;
    let places = session.places_for(database, storage)?;
    let ticket = args.ticket.of(app, &session, &[database])?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    let preserved = !args.off;
    if !app.global.dry_run {
        for storage in preserve(&context, database, *id, &places.list(), preserved)? {
            app.warn(&format!(
                "{storage} was not reached: there backup {id} is as it was, which `adopt` would bring back; run it again"
            ));
        }
    }
    app.print(&json!({ "backup_id": id, "preserved": preserved, "dry_run": app.global.dry_run }), || {
        let mark = app.style.good_mark();
        let would = if app.global.dry_run { "would be" } else { "is" };
        let what = if preserved { "preserved: nothing deletes it" } else { "not preserved any more" };
        format!("{mark} Backup {id} of {database} {would} {what}\n")
    })
}
