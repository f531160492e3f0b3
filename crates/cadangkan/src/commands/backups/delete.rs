use cadangkan_core::{Error, ErrorKind, Result, format_bytes};
use cadangkan_ops::Context;
use cadangkan_ops::source::Wanted;
use cadangkan_ops::stored::{Shredded, StoredBackup, delete, locate, shred};

use super::Which;
use crate::app::{App, CatalogNeed};
use crate::commands::backup::text::opens_with;
use crate::commands::ticket::TicketArgs;
use crate::ui::escape;

/// Arguments of `backups delete`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan backups delete shop 2026-01-15-143022 --dry-run\n  cadangkan backups delete shop 2026-01-15-143022 --storage offsite\n  cadangkan backups delete shop 2026-01-15-143022 --shred     # overwrites, removes old versions"
)]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    which: Which,
    /// Leave as little of its bytes as each storage can: overwrite files, remove old versions; says what stays
    #[arg(long)]
    shred: bool,
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
    let done = format!("{} Deleted backup {id} of {database}\n", app.style.good_mark());
    if args.shred {
        if let Some(cache) = session.cache() {
            copies.iter().try_for_each(|copy| cache.shred(copy.manifest.archive.checksum))?;
        }
        let shredded = shred(&context, database, *id, &places.list())?;
        return app.print(&shredded, || format!("{done}{}", what_stays(&shredded)));
    }
    let deleted = delete(&context, database, *id, &places.list())?;
    app.print(&deleted, || done)
}

/// What was done in each storage, and whether the rest can be read.
fn what_stays(shredded: &[Shredded]) -> String {
    let line = |gone: &Shredded| format!("  {}: {}\n", gone.copy.storage, gone.shredded);
    let opens = shredded.first().and_then(|gone| opens_with(&gone.copy.manifest));
    let rest = match opens {
        Some(whom) => format!("What stays can only be read with what opened the backup: {}", escape(&whom)),
        None => "The backup was not encrypted: what stays can be read by whoever finds it".to_owned(),
    };
    shredded.iter().map(line).collect::<String>() + &rest + "\n"
}

fn lines(copies: &[StoredBackup]) -> String {
    let line = |copy: &StoredBackup| {
        let size = format_bytes(copy.manifest.archive.size_bytes);
        format!("  {} ({size} in storage {})\n", escape(&copy.location), copy.storage)
    };
    copies.iter().map(line).collect()
}
