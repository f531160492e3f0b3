//! Cadangkan: sleep soundly knowing your databases are backed up.

mod app;
mod cli;
mod commands;
mod config;
mod daemon;
mod encryption;
mod environment;
#[cfg(test)]
mod every_command;
mod git;
mod give_way;
mod health;
mod hooks;
mod inventory;
mod metrics;
mod notifications;
mod process;
mod program;
mod registry;
mod schedules;
mod secrets;
mod traces;
mod ui;
mod usage;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use cadangkan_core::{Error, Result};
use indicatif::ProgressDrawTarget;

use app::App;
use cli::{Cli, Global, OutputFormat};
use process::Process;
use ui::progress::{Output, Watcher};
use ui::{CANNOT_PRINT, Style};

fn main() -> ExitCode {
    environment::take_secrets();
    run(std::env::args_os())
}

fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::read(arguments, !usage::refuses_colors()) {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error),
    };
    let process = Process::read();
    let style = Style::detect(cli.global.no_color, process.stderr_is_terminal, &environment::environment);
    let output = cli.global.output;
    let results = Style::detect(cli.global.no_color, process.stdout_is_terminal, &environment::environment);
    let watcher = watcher(&cli.global, &process, style);
    let job = cli.command.as_ref().and_then(cli::Command::job);
    let app = App::new(cli.global, process, job, watcher, (results, style));
    let lives_on_hangup = cli.command.as_ref().is_some_and(cli::Command::lives_on_hangup);
    let begun = process::keep_no_cores().and_then(|()| app.signals.stop(&app.cancel, lives_on_hangup));
    let result = begun.and_then(|()| match &cli.command {
        Some(command) => commands::dispatch(&app, command),
        None => commands::first_run::run(&app),
    });
    app.watcher.finish(result.is_ok());
    traces::send(&app, result.as_ref().err());
    match (&result, app.passed_on.get()) {
        (Ok(()), Some(code)) => ExitCode::from(*code),
        _ => exit(result, output, style),
    }
}

fn watcher(global: &Global, process: &Process, style: Style) -> Watcher {
    let output = match (global.output, global.quiet, process.stderr_is_terminal) {
        (OutputFormat::Json, _, false) => Output::Json(Box::new(std::io::stderr())),
        (_, true, _) => Output::Quiet(Box::new(std::io::stderr())),
        (_, false, true) => Output::Bar(ProgressDrawTarget::stderr()),
        (_, false, false) => Output::Lines(Box::new(std::io::stderr())),
    };
    let began = Instant::now();
    Watcher::new(output, style, global.verbose, Box::new(move || began.elapsed()))
}

/// Tells how it went, and what that means for a script.
fn exit(result: Result<()>, output: OutputFormat, style: Style) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if is_closed_pipe(&error) {
        // Whoever read the output has seen enough, as `head` does.
        return ExitCode::SUCCESS;
    }
    let text = match output {
        OutputFormat::Json => format!("{:#}\n", ui::error::to_json(&error)),
        OutputFormat::Table => ui::error::render(&error, style),
    };
    // Nobody is left to tell when stderr is closed; the exit code still does.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(error.kind().exit_code())
}

fn is_closed_pipe(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    error.message() == CANNOT_PRINT
        && source.is_some_and(|source| source.kind() == std::io::ErrorKind::BrokenPipe)
}
