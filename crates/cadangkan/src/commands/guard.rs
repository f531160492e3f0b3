//! Something risky with a backup before it, and the way back after it.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use cadangkan_core::{BackupId, Error, ErrorKind, Result};

use crate::app::{App, CatalogNeed};
use crate::commands::backup::{self, BackupArgs};
use crate::commands::parse_wait;
use crate::commands::restore::{self, RestoreArgs};
use crate::commands::ticket::TicketArgs;
use crate::git;
use crate::inventory::DatabaseEntry;
use crate::process::Passing;
use crate::ui::escape;

/// How long is waited between two looks at the command.
const LOOK: Duration = Duration::from_millis(20);

/// Arguments of `guard`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The exit code is that of the command, 128 and the number of the signal where one ended it; when the backup or the restore fails, that of the failure.\n\nExamples:\n  cadangkan guard shop -- ./migrate.sh --all\n  cadangkan guard shop --on-failure restore --tag release-41 -- make migrate"
)]
pub(crate) struct GuardArgs {
    /// The database
    database: String,
    /// What happens when the command fails
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    on_failure: OnFailure,
    /// A word to find the backup by; may be given more than once
    #[arg(long, value_name = "WORD")]
    tag: Vec<String>,
    /// How long to wait for another run of this database: 30s, 10m, 2h
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_wait)]
    wait: Duration,
    #[command(flatten)]
    ticket: TicketArgs,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What happens when the command fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum OnFailure {
    /// Show what a restore would do, and ask; where nobody can answer, say how to do it
    #[default]
    Ask,
    /// Restore the backup without asking
    Restore,
    /// Say how to do it
    Nothing,
}

/// Backs up a database, runs a command, and offers the way back when that fails.
pub(crate) fn run(app: &App, args: &GuardArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.enabled_database(&args.database)?;
    if entry.is_server() {
        let message = format!("\"{}\" stands for many databases", entry.name);
        return Err(Error::new(ErrorKind::Unsupported, message)
            .hint("guard one of them: add it as a database of its own, and name that one"));
    }
    let here = std::env::current_dir().ok();
    let state = here.as_deref().and_then(git::state);
    let request = BackupArgs::guard(&entry.name, state, args.tag.clone(), args.wait, args.ticket.clone());
    let made = backup::back_up(app, &session, entry, &request)
        .map_err(|error| error.context("command", "it was not run"))?;
    let words: Vec<_> = args.command.iter().map(|word| word.to_string_lossy()).collect();
    let shown = escape(&words.join(" ")).into_owned();
    let Some(id) = made else {
        return app.print_text(&format!("\nThen this would be run: {shown}\n"));
    };
    app.finish_progress();
    let status = carry_out(app, &args.command)
        .map_err(|error| error.hint(format!("the backup is there, and nothing else was done: {id}")))?;
    if status.success() {
        return Ok(());
    }
    app.pass_on(code_of(status));
    app.warn(&format!("the command ended with {status}: {shown}"));
    go_back(app, args, entry, id)
}

/// Offers or does the restore.
fn go_back(app: &App, args: &GuardArgs, entry: &DatabaseEntry, id: BackupId) -> Result<()> {
    let name = &entry.name;
    let agreed = args.on_failure == OnFailure::Restore;
    let asks = args.on_failure == OnFailure::Ask && (app.process.can_ask || app.global.yes);
    if !agreed && !asks {
        app.warn(&format!(
            "{name} is as the command left it; back to how it was before: cadangkan restore {name} --from {id}"
        ));
        return Ok(());
    }
    match restore::run(app, &RestoreArgs::back(name, id, args.ticket.clone(), agreed)) {
        Err(error) if error.kind() == ErrorKind::Cancelled && !app.cancel.is_cancelled() => {
            app.warn(&format!("{name} stays as the command left it"));
            Ok(())
        }
        restored => restored,
    }
}

/// Runs the command on our own input and output. Signals are its own: one from the keyboard reaches it as it reaches us, others
/// are passed on.
pub(super) fn carry_out(app: &App, words: &[OsString]) -> Result<ExitStatus> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| Error::new(ErrorKind::Usage, "no command is named"))?;
    let name = escape(&program.to_string_lossy()).into_owned();
    let failed = |error| Error::io("cannot run the command", error).context("program", &name);
    let passing = app.signals.pass()?;
    let mut child = Command::new(program).args(arguments).spawn().map_err(failed)?;
    let ended = wait(&mut child, &passing, app.process.stdin_is_terminal).map_err(failed);
    drop(passing);
    app.signals.stop(&app.cancel, false)?;
    ended
}

fn wait(child: &mut Child, passing: &Passing, has_keyboard: bool) -> std::io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        passing.to(child, has_keyboard);
        std::thread::sleep(LOOK);
    }
}

/// The exit code as a shell would have it.
pub(super) fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
