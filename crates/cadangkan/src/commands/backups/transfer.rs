use std::path::PathBuf;

use cadangkan_core::{BackupId, Error, ErrorKind, Name, Result};
use cadangkan_ops::Context;
use cadangkan_ops::sync::copy_out;
use serde_json::json;

use super::sync::copy_one;
use crate::app::{App, CatalogNeed, Places, Session};
use crate::commands::backup::open_folder;
use crate::commands::ticket::TicketArgs;
use crate::ui::escape;

/// Arguments of `backups upload`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan backups upload shop 2026-01-15-143022\n  cadangkan backups upload shop 2026-01-15-143022 --to offsite"
)]
pub(super) struct UploadArgs {
    /// The database
    database: Name,
    /// The backup; `cadangkan backups list <DATABASE>` shows them
    id: BackupId,
    /// The storage to copy it to; may be given more than once [default: those of the database]
    #[arg(long, value_name = "NAME")]
    to: Vec<Name>,
    #[command(flatten)]
    ticket: TicketArgs,
}

/// Arguments of `backups download`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan backups download shop 2026-01-15-143022\n  cadangkan backups download shop 2026-01-15-143022 --to-dir /mnt/usb --storage offsite"
)]
pub(super) struct DownloadArgs {
    /// The database
    database: Name,
    /// The backup; `cadangkan backups list <DATABASE>` shows them
    id: BackupId,
    /// The storage to copy it to [default: the first local one of the database, else home]
    #[arg(long, value_name = "NAME")]
    to: Option<Name>,
    /// A folder to put its files into instead; the catalog hears nothing of it
    #[arg(long, value_name = "FOLDER", conflicts_with = "to")]
    to_dir: Option<PathBuf>,
    /// Read it from this storage [default: the first that has it]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    storage: Vec<Name>,
    #[command(flatten)]
    ticket: TicketArgs,
}

/// Copies a backup to storages, whatever their turn is.
pub(super) fn upload(app: &App, args: &UploadArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let ticket = args.ticket.of(app, &session, &[&args.database])?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    let goals = match args.to.is_empty() {
        true => session.places(session.inventory.database(args.database.as_str())?, &[])?,
        false => session.places_for(&args.database, &args.to)?,
    };
    let sources = session.places_for(&args.database, &[])?;
    copy_one(app, &context, &args.database, args.id, &sources, &goals)
}

/// Copies a backup to a local storage, or into a folder.
pub(super) fn download(app: &App, args: &DownloadArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let (database, id) = (&args.database, args.id);
    let ticket = args.ticket.of(app, &session, &[database])?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    let sources = session.places_for(database, &args.storage)?;
    let Some(folder) = &args.to_dir else {
        let to = args.to.clone().map_or_else(|| local(&session, database), Ok)?;
        return copy_one(app, &context, database, id, &sources, &session.open_storage(&to)?);
    };
    let to = Places::one(Name::new("to-dir")?, open_folder(app, folder)?);
    if app.global.dry_run {
        let copies = cadangkan_ops::stored::locate(
            &context,
            database,
            cadangkan_ops::source::Wanted::Id(id),
            &sources.list(),
        )?;
        return app.print(&copies, || format!("Would copy backup {id} of {database}\n"));
    }
    let [place] = to.list()[..] else { return Err(Error::new(ErrorKind::Internal, "not one folder")) };
    context.control.step("copy the backup");
    let key = copy_out(&context, database, id, &sources.list(), place)?;
    let path = place.storage.local_path(&key).unwrap_or_default();
    app.print(&json!({ "backup_id": id, "file": path }), || {
        format!("{} Copied to {}\n", app.style.good_mark(), escape(&path.to_string_lossy()))
    })
}

/// The first local storage of a database, else the only one that is there without configuration.
fn local(session: &Session, database: &Name) -> Result<Name> {
    let own =
        session.inventory.database(database.as_str()).and_then(|entry| session.inventory.storages_of(entry));
    let all = session.inventory.storages().iter().filter(|storage| storage.enabled);
    let candidates = own.unwrap_or_default().into_iter().chain(all);
    let is_local = |entry: &&crate::inventory::StorageEntry| {
        entry.open().is_ok_and(|storage| storage.capabilities().local)
    };
    let found = candidates.into_iter().find(is_local).map(|entry| entry.name.clone());
    found.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "there is no local storage to copy it to")
            .hint("name a storage with --to, or a folder with --to-dir")
    })
}
