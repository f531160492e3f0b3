//! The command line as it is typed: raw arguments, nothing decided yet.

use std::ffi::OsString;
use std::path::PathBuf;

use cadangkan_catalog::JobId;
use cadangkan_core::Level;
use clap::builder::{FalseyValueParser, Resettable};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::commands;
use crate::daemon::{CATEGORIES, Levels};
use crate::environment::{LEVELS_VARIABLE, environment};

/// Ends every `--help`.
const AFTER_HELP: &str = "\
Examples:
  cadangkan demo
  cadangkan add --help
  cadangkan backup shop
  cadangkan restore shop --dry-run

Every global flag has a variable: --profile is CADANGKAN_PROFILE, and so on.
Exit codes: 0 done, 2 usage, 3 configuration, 4 not found, 6 locked, 9 no space, 10 damaged backup, 130 stopped; \
docs/exit-codes.md has all of them.";

/// Backs up, proves, restores and clones databases.
#[derive(Debug, Parser)]
#[command(name = "cadangkan", version, about, after_help = AFTER_HELP)]
#[command(max_term_width = 100, disable_help_subcommand = false, infer_subcommands = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Cli {
    /// Reads the command line. What is typed wins over the variables, also where two flags exclude each other.
    pub(crate) fn read(arguments: impl Iterator<Item = OsString>, colors: bool) -> Result<Self, clap::Error> {
        let mut command = Cli::command().color(if colors { ColorChoice::Auto } else { ColorChoice::Never });
        for flag in ["config", "profile", "output"] {
            // A variable that is set to nothing says nothing: Docker Compose sets those that it does not know.
            if environment(&format!("CADANGKAN_{}", flag.to_uppercase()))
                .is_some_and(|value| value.is_empty())
            {
                command = command.mut_arg(flag, |arg| arg.env(Resettable::Reset));
            }
        }
        let matches = command.try_get_matches_from_mut(arguments)?;
        let mut cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        let subcommand = matches.subcommand_name().unwrap_or_default();
        // The daemon asks for each line.
        let levels = environment(LEVELS_VARIABLE).filter(|_| subcommand != "daemon");
        if let Some(text) = levels.filter(|_| !cli.global.verbose && !cli.global.quiet) {
            let levels = Levels::parse(&text).map_err(|error| {
                let text = format!("{LEVELS_VARIABLE}: {}", error.message());
                command.error(ErrorKind::InvalidValue, text)
            })?;
            let category = CATEGORIES.iter().find(|category| **category == subcommand);
            let least = levels.least(category.unwrap_or(&"application"));
            (cli.global.verbose, cli.global.quiet) = (least < Level::Info, least > Level::Info);
        }
        if cli.global.verbose && cli.global.quiet {
            let typed = |flag| matches.value_source(flag) == Some(ValueSource::CommandLine);
            match (typed("verbose"), typed("quiet")) {
                (true, false) => cli.global.quiet = false,
                (false, true) => cli.global.verbose = false,
                _ => {
                    let text = "--verbose and --quiet exclude each other";
                    return Err(command.error(ErrorKind::ArgumentConflict, text));
                }
            }
        }
        Ok(cli)
    }
}

/// Flags that every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The configuration file [default: config.yaml in CADANGKAN_HOME, or in ~/.cadangkan]
    #[arg(long, global = true, value_name = "FILE", env = "CADANGKAN_CONFIG", hide_env = true)]
    pub(crate) config: Option<PathBuf>,
    /// A profile of the configuration, laid over the rest
    #[arg(long, global = true, value_name = "NAME", env = "CADANGKAN_PROFILE", hide_env = true)]
    pub(crate) profile: Option<String>,
    /// Say more
    #[arg(long, short, global = true, env = "CADANGKAN_VERBOSE", hide_env = true, value_parser = FalseyValueParser::new())]
    pub(crate) verbose: bool,
    /// Say nothing but errors and what was asked for
    #[arg(long, short, global = true, env = "CADANGKAN_QUIET", hide_env = true, value_parser = FalseyValueParser::new())]
    pub(crate) quiet: bool,
    /// No colours
    #[arg(long, global = true, env = "CADANGKAN_NO_COLOR", hide_env = true, value_parser = FalseyValueParser::new())]
    pub(crate) no_color: bool,
    /// How results are printed: for people or for programs
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        env = "CADANGKAN_OUTPUT",
        hide_env = true
    )]
    pub(crate) output: OutputFormat,
    /// Answer every question with yes
    #[arg(long, short, global = true, env = "CADANGKAN_YES", hide_env = true, value_parser = FalseyValueParser::new())]
    pub(crate) yes: bool,
    /// Show what would be done, and do nothing
    #[arg(long, global = true, env = "CADANGKAN_DRY_RUN", hide_env = true, value_parser = FalseyValueParser::new())]
    pub(crate) dry_run: bool,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    // No help of their own: with it, all help texts would take two lines for every flag.
    #[default]
    Table,
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub(crate) enum Command {
    /// Tell the whole story on a sample database, with no set-up
    Demo(commands::demo::DemoArgs),
    /// Write a commented sample configuration
    Init(commands::init::InitArgs),
    /// Add a database: it is looked at first, and saved when that went well
    Add(commands::add::AddArgs),
    /// List the databases
    #[command(visible_alias = "ls")]
    List(commands::list::ListArgs),
    /// Show all about a database
    Info(commands::info::InfoArgs),
    /// Test that databases and their storages can be reached and used
    Test(commands::test::TestArgs),
    /// List the databases on a server, and what a backup would take of the configured one
    Scan(commands::scan::ScanArgs),
    /// Change a database that was added, or open the configuration at a declared one
    Edit(commands::edit::EditArgs),
    /// Take over connections from files of other programs
    Profile(commands::profile::ProfileArgs),
    /// Remove a database; its stored backups stay unless told otherwise
    #[command(visible_alias = "rm")]
    Remove(commands::remove::RemoveArgs),
    /// Back up a database
    Backup(commands::backup::BackupArgs),
    /// Back up a database, run a command, and go back when that fails
    Guard(commands::guard::GuardArgs),
    /// List, show, validate, copy, delete, preserve and export backups
    Backups(commands::backups::BackupsArgs),
    /// Prove that a backup is still whole
    Verify(commands::verify::VerifyArgs),
    /// Restore a database
    Restore(commands::restore::RestoreArgs),
    /// Remove old backups by the retention policy, and what dead runs left behind
    Cleanup(commands::cleanup::CleanupArgs),
    /// Add, list, test and remove the places for backups
    Storage(commands::storage::StorageArgs),
    /// Say when what is done, and see what became of it
    Schedule(commands::schedule::ScheduleArgs),
    /// Run what is scheduled, until it is stopped
    Daemon(commands::daemon::DaemonArgs),
    /// Run the daemon as a service of the system, and look after it
    Service(commands::service::ServiceArgs),
    /// Stop the scheduled runs of a database: the one under way and those that wait
    Cancel(commands::cancel::CancelArgs),
    /// Show what runs did
    Logs(commands::logs::LogsArgs),
    /// What the daemon starts for a job
    #[command(hide = true)]
    Job(commands::job::JobArgs),
    /// Show how the databases and their backups are
    Status(commands::status::StatusArgs),
    /// Show how good backups are, with reasons, and answer monitoring
    Health(commands::health::HealthArgs),
    /// Print metrics for Prometheus, or write them to a file
    Metrics(commands::metrics::MetricsArgs),
    /// Tell what happened in a month: every backup, verification, restore and failure
    Report(commands::report::ReportArgs),
    /// Rebuild the catalog from what a storage holds
    Adopt(commands::adopt::AdoptArgs),
    /// Make keys for encrypted backups, and change who can open them
    Key(commands::key::KeyArgs),
    /// Try out the channels for notifications, and show how delivery goes
    Notify(commands::notify::NotifyArgs),
    /// Show, check, edit, export and import the configuration
    Config(commands::config::ConfigArgs),
    /// Print the completions for a shell
    Completions(commands::completions::CompletionsArgs),
    /// Print the version
    Version(commands::version::VersionArgs),
}

impl Command {
    /// The job that the process does.
    pub(crate) fn job(&self) -> Option<JobId> {
        match self {
            Command::Job(args) => Some(JobId(args.id)),
            _ => None,
        }
    }

    /// Tells whether SIGHUP means something else than the end.
    pub(crate) fn lives_on_hangup(&self) -> bool {
        matches!(self, Command::Daemon(_))
    }
}

/// The help text of the program.
pub(crate) fn help() -> String {
    Cli::command().render_help().to_string()
}
