use std::collections::BTreeSet;

use cadangkan_catalog::{BackupFilter, DefinitionKind};
use cadangkan_core::{Clock, Error, ErrorKind, Name, Result, format_bytes};
use cadangkan_ops::Context;
use cadangkan_ops::stored::delete;
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::commands::ticket::TicketArgs;
use crate::inventory::Origin;
use crate::ui::count::count;

/// Arguments of `remove`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Stays: history and stored backups, unless --delete-backups; `cadangkan restore <name> --to <path>` still works.\n\nExamples:\n  cadangkan remove shop --dry-run\n  cadangkan remove shop --delete-backups"
)]
pub(crate) struct RemoveArgs {
    /// The database
    database: Name,
    /// Delete its stored backups too, for ever
    #[arg(long)]
    delete_backups: bool,
    #[command(flatten)]
    ticket: TicketArgs,
}

/// Says what goes and what stays, asks, and removes the definition.
pub(crate) fn run(app: &App, args: &RemoveArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.database(args.database.as_str())?;
    if let Origin::File { path, line } = &entry.origin {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("\"{}\" is declared in the configuration file", entry.name),
        )
        .context("at", format!("{}:{line}", path.display()))
        .hint("take it out there; `cadangkan config edit` opens the file"));
    }
    let name = &entry.name;
    let ticket = args.ticket.of(app, &session, &[name])?;
    let catalog = session.catalog()?;
    let filter = BackupFilter { database: Some(name.clone()), ..BackupFilter::default() };
    let backups = catalog.backups(&filter)?;
    if let Some(kept) = backups.iter().find(|backup| args.delete_backups && backup.preserved) {
        return Err(Error::new(ErrorKind::Conflict, format!("backup {} of {name} is preserved", kept.id)).hint(
            format!("take the mark away with `cadangkan backups preserve {name} {} --off`, or leave --delete-backups out", kept.id),
        ));
    }
    let ids: BTreeSet<_> = backups.iter().map(|backup| backup.id).collect();
    let bytes = format_bytes(backups.iter().map(|backup| backup.size_bytes).sum());
    let fate = if args.delete_backups { "deleted for ever" } else { "kept" };
    let summary = format!(
        "The definition of {name} goes, with its schedules. Its backups are {fate} ({}, {bytes}); its history stays.",
        count(ids.len() as u64, "backup")
    );
    let value = |removed: bool| json!({ "name": name, "backups": ids.len(), "deletes_backups": args.delete_backups, "removed": removed });
    if app.global.dry_run {
        return app.print(&value(false), || format!("{summary}\nThis was a dry run: nothing was removed.\n"));
    }
    app.confirm(&summary, &format!("Remove {name}?"))?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    if args.delete_backups {
        for backup in &backups {
            // Wherever it lies, also where today's backups do not go any more.
            let place = session.open_storage(&backup.storage)?;
            delete(&context, name, backup.id, &place.list())
                .map_err(|error| error.context("backup", backup.id))?;
        }
    }
    catalog.undefine(DefinitionKind::Database, name)?;
    for schedule in catalog.schedules()?.into_iter().filter(|schedule| &schedule.database == name) {
        catalog.undefine_schedule(name, &schedule.name, app.clock.now())?;
    }
    catalog.audit(
        app.clock.now(),
        context.initiator,
        "remove database",
        name.as_str(),
        context.ticket,
        Some(&value(true)),
    )?;
    app.print(&value(true), || {
        let mark = app.style.good_mark();
        if args.delete_backups || backups.is_empty() || app.global.quiet {
            return format!("{mark} Removed {name}\n");
        }
        format!(
            "{mark} Removed {name}; its backups stay\n\nStill there:\n  cadangkan backups list {name}\n  cadangkan restore {name} --to <path>\n"
        )
    })
}
