mod change;
mod generate;
mod kit;
mod list;
mod move_master;
mod rotate_master;

use cadangkan_core::Result;

use crate::app::App;

/// Arguments of `key`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan key generate ~/backup-key.txt          # a pair: keep the file away from this machine\n  cadangkan key list shop\n  cadangkan key add shop --recipient age1…\n  cadangkan key rotate shop --passphrase-file old.txt --dry-run"
)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a new key
    Generate(generate::GenerateArgs),
    /// Show what backups are encrypted for
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Let stored backups open for another key, too
    Add(change::AddArgs),
    /// Let stored backups open no more for a key
    Remove(change::RemoveArgs),
    /// Let stored backups open for the configured keys, and for no others
    Rotate(change::RotateArgs),
    /// Write the page for the safe: storages, commands, and on request what opens the backups
    Kit(kit::KitArgs),
    /// Seal the secrets in the catalog with a new master key
    RotateMaster(rotate_master::RotateMasterArgs),
    /// Move the master key into the keyring of the system, or back into its file
    MoveMaster(move_master::MoveMasterArgs),
}

/// Carries out a subcommand.
pub(crate) fn run(app: &App, args: &KeyArgs) -> Result<()> {
    match &args.command {
        Command::Generate(args) => generate::run(app, args),
        Command::List(args) => list::run(app, args),
        Command::Add(args) => change::add(app, args),
        Command::Remove(args) => change::remove(app, args),
        Command::Rotate(args) => change::rotate(app, args),
        Command::Kit(args) => kit::run(app, args),
        Command::RotateMaster(args) => rotate_master::run(app, args),
        Command::MoveMaster(args) => move_master::run(app, args),
    }
}
