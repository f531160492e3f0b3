//! Cadangkan: sleep soundly knowing your databases are backed up.

mod app;
mod cli;
mod commands;
mod config;
mod inventory;
mod process;
mod registry;
mod ui;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use cadangkan_core::{Cancel, Error, ErrorKind, Result};
use clap::Parser;
use indicatif::ProgressDrawTarget;

use app::App;
use cli::{Cli, Global, OutputFormat};
use process::{Process, SystemClock};
use ui::Style;
use ui::progress::{Output, Watcher};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let process = Process::read();
    let style = Style::detect(cli.global.no_color, process.stderr_is_terminal, &process::environment);
    let output = cli.global.output;
    let app = App {
        watcher: watcher(&cli.global, &process, style),
        style: Style::detect(cli.global.no_color, process.stdout_is_terminal, &process::environment),
        message_style: style,
        global: cli.global,
        process,
        cancel: Cancel::default(),
        clock: SystemClock,
    };
    let result = process::stop_on_signals(&app.cancel).and_then(|()| match &cli.command {
        Some(command) => commands::dispatch(&app, command),
        None => commands::first_run::run(&app),
    });
    app.watcher.finish(result.is_ok());
    exit(result, output, style)
}

/// Prints what clap has to say: help goes to stdout, a mistake to stderr with our exit code.
fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    match (error.exit_code(), printed) {
        (0, Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::from(ErrorKind::Usage.exit_code()),
    }
}

fn watcher(global: &Global, process: &Process, style: Style) -> Watcher {
    let output = match (global.quiet, process.stderr_is_terminal) {
        (true, _) => Output::Quiet,
        (false, true) => Output::Bar(ProgressDrawTarget::stderr()),
        (false, false) => Output::Lines(Box::new(std::io::stderr())),
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
    error.message().starts_with("cannot write the result")
        && source.is_some_and(|source| source.kind() == std::io::ErrorKind::BrokenPipe)
}
