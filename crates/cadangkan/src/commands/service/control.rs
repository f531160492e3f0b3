//! Commands that are handed on to systemctl, journalctl, launchctl or tail.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::manager::Manager;
use super::step::words;
use super::units::HOME;
use crate::app::App;
use crate::commands::guard::{carry_out, code_of};
use crate::config;

/// How many lines are shown.
const LINES: &str = "200";

/// Arguments of `service logs`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "From the journal where systemd runs the service, else from logs/cadangkan.log of the home folder. What single runs did: `cadangkan logs`.\n\nExamples:\n  cadangkan service logs\n  cadangkan service logs --follow"
)]
pub(super) struct LogsArgs {
    /// Go on with what it says from now on, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
}

/// Calls what looks after services, and ends as it does. Where it cannot work, since something else started the machine, it says
/// so in words of its own; what to do then is told.
pub(super) fn manage(app: &App, manager: Manager, command: &[String]) -> Result<()> {
    match call(app, command)? {
        0 => Ok(()),
        code => manager.check().map(|()| app.pass_on(code)),
    }
}

/// Runs a program of the system on our own output; returns its exit code.
fn call(app: &App, command: &[String]) -> Result<u8> {
    let shown = command.join(" ");
    if app.global.dry_run {
        app.print(&json!({ "command": command }), || format!("Then this would be run: {shown}\n"))?;
        return Ok(0);
    }
    let Some(program) = command.first() else { return Ok(0) };
    if !is_there(program) {
        return Err(super::manager::not_here(&format!("there is no {program} here")));
    }
    app.finish_progress();
    let command: Vec<OsString> = command.iter().map(OsString::from).collect();
    Ok(code_of(carry_out(app, &command)?))
}

/// Shows the last lines of the log, and with `--follow` those that come.
pub(super) fn logs(app: &App, args: &LogsArgs, manager: Manager) -> Result<()> {
    let in_journal = manager == Manager::Systemd && manager.file().exists() && is_there("journalctl");
    let mut command = if in_journal {
        words(&["journalctl", "--no-pager", "--unit", "cadangkan", "--lines", LINES])
    } else {
        words(&["tail", "-n", LINES])
    };
    if args.follow {
        command.push(if in_journal { "--follow" } else { "-F" }.to_owned());
    }
    if !in_journal {
        command.push(log_file(app)?.to_string_lossy().into_owned());
    }
    match call(app, &command)? {
        0 => Ok(()),
        code => {
            app.pass_on(code);
            Ok(())
        }
    }
}

/// The log in the home folder of this person, else in that of the service.
fn log_file(app: &App) -> Result<PathBuf> {
    let home = config::locate(&app.sources(&[]))?.home;
    let file = |home: &Path| home.join("logs/cadangkan.log");
    let found = [file(&home), file(Path::new(HOME))].into_iter().find(|file| file.exists());
    found.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "no daemon has written a log yet, or it may not be read")
            .context("path", file(&home).display())
            .hint("start one with `cadangkan service start` or `cadangkan daemon`; `sudo` shows that of the service")
    })
}

/// Whether a program is in one of the folders of PATH.
fn is_there(program: &str) -> bool {
    let path = crate::environment::environment("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
