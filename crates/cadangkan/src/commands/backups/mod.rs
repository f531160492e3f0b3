//! `backups …`: one file per subcommand.

mod accept;
mod delete;
mod export;
mod info;
mod list;
mod preserve;
mod sync;
mod transfer;

use cadangkan_core::{BackupId, Name, Result};
use cadangkan_ops::verify::VerifyLevel;

use crate::app::{App, CatalogNeed};
use crate::commands::ticket::TicketArgs;
use crate::commands::verify::verify_copies;
use crate::encryption::KeyFlags;

/// Arguments of `backups`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan backups list shop\n  cadangkan backups info shop 2026-01-15-143022"
)]
pub(crate) struct BackupsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the backups of a database, or of all
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Show all about a backup
    Info(info::InfoArgs),
    /// Read a backup whole and compare everything: the same as `verify --level read`
    Validate(ValidateArgs),
    /// Delete a backup, or its copies in one storage
    #[command(visible_alias = "rm")]
    Delete(delete::DeleteArgs),
    /// Mark a backup as one that is never deleted
    Preserve(preserve::PreserveArgs),
    /// Say that a backup which looks wrong is right, so that retention goes on
    Accept(accept::AcceptArgs),
    /// Copy what is missing to the storages where it should be
    Sync(sync::SyncArgs),
    /// Copy a backup to a storage
    Upload(transfer::UploadArgs),
    /// Copy a backup from where it is to a local storage, or into a folder
    Download(transfer::DownloadArgs),
    /// Write a backup out as a plain dump, under another codec, or as a zip file
    Export(export::ExportArgs),
}

/// Arguments of `backups validate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan backups validate shop 2026-01-15-143022")]
struct ValidateArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    ticket: TicketArgs,
    #[command(flatten)]
    keys: KeyFlags,
}

/// Which backup, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The database
    pub(super) database: Name,
    /// The backup; `cadangkan backups list <DATABASE>` shows them
    pub(super) id: BackupId,
    /// Only the copies in this storage; may be given more than once
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(super) storage: Vec<Name>,
}

/// Copies what is missing of one database, to these storages or to all of its own.
pub(crate) fn sync_one(app: &App, database: &Name, to: &[Name]) -> Result<()> {
    sync::run(app, &sync::SyncArgs::of(database, to))
}

/// Carries out a subcommand.
pub(crate) fn run(app: &App, args: &BackupsArgs) -> Result<()> {
    match &args.command {
        Command::List(args) => list::run(app, args),
        Command::Info(args) => info::run(app, args),
        Command::Validate(ValidateArgs { which: Which { database, id, storage }, ticket, keys }) => {
            let session = app.session(CatalogNeed::Required)?;
            keys.lend(&session)?;
            verify_copies(app, &session, database, (Some(*id), None), storage, VerifyLevel::Read, ticket)
        }
        Command::Delete(args) => delete::run(app, args),
        Command::Preserve(args) => preserve::run(app, args),
        Command::Accept(args) => accept::run(app, args),
        Command::Sync(args) => sync::run(app, args),
        Command::Upload(args) => transfer::upload(app, args),
        Command::Download(args) => transfer::download(app, args),
        Command::Export(args) => export::run(app, args),
    }
}
