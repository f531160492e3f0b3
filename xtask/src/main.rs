//! Everything a person repeats in this repository, as `cargo xtask <command>`.
//!
//! Each command is one file under `commands/`; the checks of `tidy` are one file each under `tidy/`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "xtask is a program that reports on a terminal"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "xtask is a program: it may read the environment and the clock"
)]

mod commands;
mod pages;
mod process;
mod project;
mod servers;
mod summary;
mod tidy;
mod workplace;

use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::*;

const USAGE: &str = "\
Usage: cargo xtask <command>

  test [<filter>] [--all-servers]
                         install what the tests need, start servers, then run all tests; with CI=true every check as
                         well; --all-servers tests against all versions of servers, not only the daily ones
  ci                     what .ci/run does: `test` with CI=true
  tidy                   the rules of ARCHITECTURE.md and CONTRIBUTING.md that a compiler does not know
  deny                   licences, sources, bans and advisories of all dependencies (cargo-deny)
  coverage               run all tests instrumented, and print line coverage per crate (cargo-llvm-cov)
  docs                   run the examples of README.md and docs/, and compare what they print
  golden [--write]       make the golden archives again and compare; --write adds what is new
  bench sqlite [--size 1G] [--runs 5] [--name <text>] [--peers]
                         backup and restore beside zstd and sqlite3, as whole processes
  bench postgres [--size 2G] [--runs 5] [--name <text>] [--peers]
                         beside pg_dump and pg_restore; --peers measures those alone
  bench mysql [--size 2G] [--runs 5] [--name <text>] [--peers]
                         beside mariadb-dump, mariadb, mydumper and myloader, on MariaDB
  bench storage [--size 500M] [--runs 5] [--name <text>] [--peers]
                         an S3 server on this machine beside a folder, rclone and the AWS command line
  servers up [--all | --storages] | down | status
                         PostgreSQL 15, 17 and 18, MariaDB 10.11 and 11.8, MySQL 9.7 to test with by hand; --all
                         adds PostgreSQL 12, 13, 14 and 16
  help                   this text

Build products go to CARGO_TARGET_DIR, tools and data to CADANGKAN_CACHE or the user's cache folder.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = lexopt::Parser::from_env();
    let command = match arguments.next()? {
        Some(Value(command)) => command.string()?,
        Some(Short('h') | Long("help")) | None => "help".to_owned(),
        Some(other) => bail!("{}\n\n{USAGE}", other.unexpected()),
    };
    match command.as_str() {
        "test" => commands::test::run(&mut arguments),
        "ci" => commands::ci::run(&mut arguments),
        "tidy" => commands::tidy::run(&mut arguments),
        "deny" => commands::deny::run(&mut arguments),
        "coverage" => commands::coverage::run(&mut arguments),
        "docs" => commands::docs::run(&mut arguments),
        "golden" => commands::golden::run(&mut arguments),
        "bench" => commands::bench::run(&mut arguments),
        "servers" => commands::servers::run(&mut arguments),
        "help" => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => bail!("there is no command `{unknown}`\n\n{USAGE}"),
    }
}

/// Refuses any argument that is left.
fn no_more(arguments: &mut lexopt::Parser) -> Result<()> {
    match arguments.next()? {
        Some(argument) => Err(argument.unexpected().into()),
        None => Ok(()),
    }
}
