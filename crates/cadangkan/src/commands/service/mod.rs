//! `service …`: the daemon as a service of the system, by systemd or launchd.

mod control;
mod install;
mod manager;
mod step;
mod units;

use cadangkan_core::Result;

use crate::app::App;

/// Arguments of `service`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan service install --dry-run\n  sudo cadangkan service install\n  cadangkan service status\n  cadangkan service logs --follow"
)]
pub(crate) struct ServiceArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run the daemon from every start of the machine on, as a user of its own
    Install(install::InstallArgs),
    /// Take the service away; configuration, catalog and backups stay
    #[command(
        after_help = "Examples:\n  cadangkan service uninstall --dry-run\n  sudo cadangkan service uninstall"
    )]
    Uninstall,
    /// Start the service
    #[command(after_help = "Examples:\n  cadangkan service start --dry-run\n  sudo cadangkan service start")]
    Start,
    /// Stop the service; it starts again with the machine
    #[command(after_help = "Examples:\n  cadangkan service stop --dry-run\n  sudo cadangkan service stop")]
    Stop,
    /// Stop and start the service
    #[command(
        after_help = "Examples:\n  cadangkan service restart --dry-run\n  sudo cadangkan service restart"
    )]
    Restart,
    /// Show how the service is; the exit code is that of systemctl or launchctl
    #[command(after_help = "Examples:\n  cadangkan service status")]
    Status,
    /// Show what the daemon said
    Logs(control::LogsArgs),
}

/// Carries out a subcommand.
pub(crate) fn run(app: &App, args: &ServiceArgs) -> Result<()> {
    let manager = manager::Manager::of_this_system();
    match &args.command {
        Command::Install(args) => install::run(app, args, manager),
        Command::Uninstall => install::uninstall(app, manager),
        Command::Start => control::manage(app, manager, &manager.start()),
        Command::Stop => control::manage(app, manager, &manager.stop()),
        Command::Restart => control::manage(app, manager, &manager.restart()),
        Command::Status => control::manage(app, manager, &manager.status()),
        Command::Logs(args) => control::logs(app, args, manager),
    }
}
