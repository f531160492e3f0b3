use cadangkan_core::{Error, ErrorKind, Result, format_bytes};
use cadangkan_ops::Context;
use cadangkan_ops::source::Wanted;
use cadangkan_ops::stored::{StoredBackup, delete, locate};

use super::Which;
use crate::app::{App, CatalogNeed};
use crate::commands::ticket::TicketArgs;
use crate::ui::escape;

/// Arguments of `backups delete`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan backups delete shop 2026-01-15-143022 --dry-run\n  cadangkan backups delete shop 2026-01-15-143022 --storage offsite"
)]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    ticket: TicketArgs,
}

/// Shows what would be deleted, asks, and deletes it.
pub(super) fn run(app: &App, args: &DeleteArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let Which { database, id, storage } = &args.which;
    let places = session.places_for(database, storage)?;
    let ticket = args.ticket.of(app, &session, &[database])?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    let copies = locate(&context, database, Wanted::Id(*id), &places.list())
        .map_err(|error| session.no_backup_yet(database, error))?;
    if copies.iter().any(|copy| copy.manifest.preserved) {
        return Err(Error::new(ErrorKind::Conflict, format!("backup {id} is preserved"))
            .hint(format!("take the mark away first: cadangkan backups preserve {database} {id} --off")));
    }
    if app.global.dry_run {
        return app.print(&copies, || format!("Would delete:\n{}", lines(&copies)));
    }
    let about = format!("To be deleted for ever:\n{}", lines(&copies).trim_end());
    app.confirm(&about, &format!("Delete backup {id} of {database}?"))?;
    let deleted = delete(&context, database, *id, &places.list())?;
    app.print(&deleted, || format!("{} Deleted backup {id} of {database}\n", app.style.good_mark()))
}

fn lines(copies: &[StoredBackup]) -> String {
    let line = |copy: &StoredBackup| {
        let size = format_bytes(copy.manifest.archive.size_bytes);
        format!("  {} ({size} in storage {})\n", escape(&copy.location), copy.storage)
    };
    copies.iter().map(line).collect()
}
