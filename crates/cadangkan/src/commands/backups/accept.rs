use cadangkan_core::{BackupId, Error, ErrorKind, Name, Result};
use cadangkan_ops::retention::halting;
use cadangkan_ops::stored::accept;
use cadangkan_ops::{Context, Database};
use serde_json::json;

use crate::app::{App, CatalogNeed, Session};
use crate::commands::ticket::TicketArgs;

/// Arguments of `backups accept`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan backups accept shop\n  cadangkan backups accept shop 2026-01-15-143022\n  cadangkan backups list shop --status suspect"
)]
pub(super) struct AcceptArgs {
    /// The database
    database: Name,
    /// The backup [default: the newest ones, as far back as they look wrong]
    id: Option<BackupId>,
    #[command(flatten)]
    ticket: TicketArgs,
}

/// Takes the mark away, in every storage that has the backup.
pub(super) fn run(app: &App, args: &AcceptArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let database = &args.database;
    let places = session.places_for(database, &[])?;
    let ticket = args.ticket.of(app, &session, &[database])?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    let ids = match args.id {
        Some(id) => vec![id],
        None => newest(&session, &context, database)?,
    };
    for id in ids.iter().filter(|_| !app.global.dry_run) {
        for storage in accept(&context, database, *id, &places.list())? {
            app.warn(&format!(
                "{storage} was not asked: there backup {id} keeps its mark, which `adopt` would bring back"
            ));
        }
    }
    app.print(&json!({ "accepted": ids, "dry_run": app.global.dry_run }), || {
        let would = if app.global.dry_run { "would be" } else { "is" };
        let mark = app.style.good_mark();
        let line =
            |id| format!("{mark} Backup {id} of {database} {would} taken as right: retention counts it\n");
        ids.iter().map(line).collect()
    })
}

fn newest(session: &Session, context: &Context<'_>, database: &Name) -> Result<Vec<BackupId>> {
    let engine = session.inventory.database(database.as_str())?.open_without_secrets()?;
    let ids = halting(context, Database { name: database, engine: engine.as_ref(), one_of: None })?;
    if ids.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, format!("no newest backup of {database} looks wrong"))
            .hint(format!("`cadangkan backups list {database} --status suspect` shows older ones that do")));
    }
    Ok(ids)
}
