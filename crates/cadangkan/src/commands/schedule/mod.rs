//! `schedule …`: one file per subcommand.

mod history;
mod list;
mod next;
mod remove;
mod set;
mod switch;

use cadangkan_core::Result;

use crate::app::App;

/// Arguments of `schedule`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan schedule set shop --daily --time 02:30\n  cadangkan schedule next\n  cadangkan schedule disable shop"
)]
pub(crate) struct ScheduleArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say when a database is backed up, verified or cleaned up
    Set(Box<set::SetArgs>),
    /// Let schedules count again
    Enable(switch::SwitchArgs),
    /// Let schedules rest until they are enabled again; for declared ones this is a pause
    Disable(switch::SwitchArgs),
    /// Remove a schedule that was made with `schedule set`
    #[command(visible_alias = "rm")]
    Remove(remove::RemoveArgs),
    /// List the schedules, with their last and next runs
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Show the next ten runs of each schedule
    Next(next::NextArgs),
    /// Show what became of each time that something was due
    History(history::HistoryArgs),
}

/// Carries out a subcommand.
pub(crate) fn run(app: &App, args: &ScheduleArgs) -> Result<()> {
    match &args.command {
        Command::Set(args) => set::run(app, args),
        Command::Enable(args) => switch::run(app, args, true),
        Command::Disable(args) => switch::run(app, args, false),
        Command::Remove(args) => remove::run(app, args),
        Command::List(args) => list::run(app, args),
        Command::Next(args) => next::run(app, args),
        Command::History(args) => history::run(app, args),
    }
}
