use std::collections::BTreeSet;

use cadangkan_catalog::{BackupFilter, DefinitionKind};
use cadangkan_core::{Clock, Error, ErrorKind, Name, Result, format_bytes};
use cadangkan_ops::Context;
use cadangkan_ops::stored::delete;
use serde_json::json;

use crate::app::{App, CatalogNeed, Session};
use crate::commands::ticket::TicketArgs;
use crate::inventory::{Origin, StorageEntry};
use crate::ui::count::count;
use crate::ui::escape;

/// Arguments of `storage remove`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The backups stay where they are, unless --delete-backups; `cadangkan adopt <url>` brings them back into the catalog.\n\nExamples:\n  cadangkan storage remove usb --dry-run\n  cadangkan storage remove usb"
)]
pub(super) struct RemoveArgs {
    /// The storage
    storage: Name,
    /// Delete the backups in it too, for ever
    #[arg(long)]
    delete_backups: bool,
    #[command(flatten)]
    ticket: TicketArgs,
}

/// Says what goes and what stays, asks, and removes the definition.
pub(super) fn run(app: &App, args: &RemoveArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.storage(args.storage.as_str())?;
    refuse(&session, entry)?;
    let name = &entry.name;
    let ticket = args.ticket.of(app, &session, &[])?;
    let catalog = session.catalog()?;
    let filter = BackupFilter { storage: Some(name.clone()), ..BackupFilter::default() };
    let backups = catalog.backups(&filter)?;
    if let Some(kept) = backups.iter().find(|backup| args.delete_backups && backup.preserved) {
        let message = format!("backup {} of {} is preserved", kept.id, kept.database);
        return Err(Error::new(ErrorKind::Conflict, message).hint(format!(
            "take the mark away with `cadangkan backups preserve {} {} --off`, or leave --delete-backups out",
            kept.database, kept.id
        )));
    }
    let bytes = format_bytes(backups.iter().map(|backup| backup.size_bytes).sum());
    let location = entry.location().unwrap_or_default();
    let fate = if args.delete_backups { "deleted for ever" } else { "kept there, and forgotten here" };
    let databases: BTreeSet<_> = backups.iter().map(|backup| backup.database.as_str()).collect();
    let of = match databases.is_empty() {
        true => String::new(),
        false => format!(" of {}", databases.into_iter().collect::<Vec<_>>().join(", ")),
    };
    let summary = format!(
        "The definition of {name} goes ({}). Its backups are {fate}: {}{of}, {bytes}.",
        escape(&location),
        count(backups.len() as u64, "backup")
    );
    let value = |removed: bool| {
        json!({
            "name": name, "location": location, "backups": backups.len(), "deletes_backups": args.delete_backups,
            "removed": removed,
        })
    };
    if app.global.dry_run {
        return app.print(&value(false), || format!("{summary}\nThis was a dry run: nothing was removed.\n"));
    }
    app.confirm(&summary, &format!("Remove {name}?"))?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    if args.delete_backups {
        let places = session.open_storage(name)?;
        for backup in &backups {
            delete(&context, &backup.database, backup.id, &places.list())
                .map_err(|error| error.context("backup", backup.id))?;
        }
    }
    catalog.undefine(DefinitionKind::Storage, name)?;
    catalog.forget_storage(name)?;
    let (now, detail) = (app.clock.now(), value(true));
    catalog.audit(now, context.initiator, "remove storage", name.as_str(), context.ticket, Some(&detail))?;
    app.print(&value(true), || {
        let mark = app.style.good_mark();
        if args.delete_backups || backups.is_empty() || app.global.quiet {
            return format!("{mark} Removed {name}\n");
        }
        format!("{mark} Removed {name}; its backups stay at {}\n", escape(&location))
    })
}

/// Refuses what is not in the catalog, and what databases say by name that their backups go to.
fn refuse(session: &Session, entry: &StorageEntry) -> Result<()> {
    let name = &entry.name;
    let refused = |message: String, hint: &str| Err(Error::new(ErrorKind::Conflict, message).hint(hint));
    match &entry.origin {
        Origin::File { path, line } => {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("\"{name}\" is declared in the configuration file"),
            )
            .context("at", format!("{}:{line}", path.display()))
            .hint("take it out there; `cadangkan config edit` opens the file"));
        }
        Origin::Implicit => {
            let hint =
                "`cadangkan storage edit --disable` switches it off; one that is declared takes its place";
            return refused(format!("\"{name}\" is there while no other is declared"), hint);
        }
        Origin::Catalog => {}
    }
    let named = |storages: &[Name]| storages.contains(name);
    let databases = session.inventory.databases().iter().filter(|database| named(&database.options.storage));
    let databases = databases.map(|database| database.name.as_str()).collect::<Vec<_>>().join(", ");
    if !databases.is_empty() {
        let hint = "name another storage there first: `cadangkan edit <database>`";
        return refused(format!("backups of {databases} go to \"{name}\""), hint);
    }
    if named(&session.inventory.defaults().storage.value) {
        let hint = "take it out of `defaults: storage:` in the configuration first";
        return refused(format!("backups go to \"{name}\" by default"), hint);
    }
    Ok(())
}
