//! `storage …`: one file per subcommand.

mod add;
mod edit;
mod growth;
mod info;
mod lifecycle;
mod list;
mod remove;
mod test;
mod usage;

use cadangkan_core::Result;

use crate::app::App;

/// Arguments of `storage`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan storage list\n  cadangkan storage test home")]
pub(crate) struct StorageArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add a storage: it is tried out first, and saved when that went well
    Add(add::AddArgs),
    /// List the storages
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Show all about a storage
    Info(info::InfoArgs),
    /// Write, read, list and delete something, and say what is missing
    Test(test::TestArgs),
    /// Show how much lies there of which database, and what is free
    Usage(usage::UsageArgs),
    /// Show or set the rules by which a storage moves and removes objects by itself
    Lifecycle(lifecycle::LifecycleArgs),
    /// Change a storage that was added, or open the configuration at a declared one
    Edit(edit::EditArgs),
    /// Remove a storage; the backups in it stay unless told otherwise
    #[command(visible_alias = "rm")]
    Remove(remove::RemoveArgs),
}

/// Carries out a subcommand.
pub(crate) fn run(app: &App, args: &StorageArgs) -> Result<()> {
    match &args.command {
        Command::Add(args) => add::run(app, args),
        Command::List(args) => list::run(app, args),
        Command::Info(args) => info::run(app, args),
        Command::Test(args) => test::run(app, args),
        Command::Usage(args) => usage::run(app, args),
        Command::Lifecycle(args) => lifecycle::run(app, args),
        Command::Edit(args) => edit::run(app, args),
        Command::Remove(args) => remove::run(app, args),
    }
}
