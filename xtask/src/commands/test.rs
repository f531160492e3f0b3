//! `cargo xtask test`: installs what the tests need and runs all of them; on a CI machine, every check as well.

use std::process::Command;

use anyhow::{Result, bail};
use lexopt::prelude::*;

use super::coverage::Instrumentation;
use super::{deny, docs, tidy};
use crate::process::{self, Mark};
use crate::project;
use crate::servers::{self, Choice, Missing, Raised};
use crate::summary::{Outcome, Summary};
use crate::workplace;

pub(crate) fn run(arguments: &mut lexopt::Parser) -> Result<()> {
    let (mut filter, mut all_servers) = (None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("all-servers") => all_servers = true,
            Value(name) if filter.is_none() => filter = Some(name.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    match filter {
        Some(filter) => {
            let servers = raise_servers(all_servers, all_servers)?;
            workspace_tests(&[&filter], false, None, Some(&servers))?;
            servers.end()
        }
        None if project::in_ci() => everything(all_servers),
        None => tests_only(all_servers),
    }
}

/// Runs the tests and the examples of the documentation; what this machine cannot have is skipped with a word.
fn tests_only(all_servers: bool) -> Result<()> {
    let mut summary = Summary::default();
    summary.step("tools", || match workplace::install(workplace::FOR_TESTS) {
        Ok(()) => Ok(Outcome::Passed),
        Err(error) => Ok(Outcome::Skipped(format!("{error:#}; tests that need them are skipped"))),
    });
    let mut servers = None;
    summary.step("servers", || begin_servers(&mut servers, all_servers, all_servers));
    summary.step("tests", || passed(workspace_tests(&[], false, None, servers.as_ref())));
    summary.step("docs", || documentation(None, servers.as_ref()));
    summary.step("servers end", || passed(servers.take().map_or(Ok(()), Raised::end)));
    summary.finish()
}

/// Runs every check there is; nothing is skipped but what no network or machine can give, and that is shown.
pub(crate) fn everything(all_servers: bool) -> Result<()> {
    let mut summary = Summary::default();
    summary.step("tools", || passed(workplace::install(workplace::FOR_TESTS)));
    summary.step("format", || passed(process::run(&mut project::cargo(&["fmt", "--all", "--check"])?)));
    summary.step("tidy", || passed(tidy::print_findings()));
    summary.step("lints", || passed(process::run(&mut lints()?)));
    summary.step("rustdoc", || passed(process::run(&mut rustdoc()?)));

    // Tests run once, instrumented where that can be had: twice would double the longest step.
    let mut instrumentation = None;
    summary.step("coverage tools", || match Instrumentation::begin() {
        Ok(begun) => {
            instrumentation = Some(begun);
            Ok(Outcome::Passed)
        }
        Err(error) => Ok(Outcome::Skipped(format!("no coverage: {error:#}"))),
    });
    let instrumentation = instrumentation.as_ref();
    let mut servers = None;
    summary.step("servers", || begin_servers(&mut servers, all_servers, true));
    summary.step("tests", || passed(workspace_tests(&[], true, instrumentation, servers.as_ref())));
    summary.step("docs", || documentation(instrumentation, servers.as_ref()));
    summary.step("servers end", || passed(servers.take().map_or(Ok(()), Raised::end)));
    if let Some(instrumentation) = instrumentation {
        summary.step("coverage", || passed(instrumentation.report()));
    }
    summary.step("dependencies", || passed(deny::licences_and_sources()));
    summary.step("advisories", deny::advisories);
    summary.finish()
}

fn passed(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

fn documentation(instrumentation: Option<&Instrumentation>, servers: Option<&Raised>) -> Result<Outcome> {
    let state = servers.map(Raised::state);
    docs::check(instrumentation, state.as_deref()).map(docs::Checked::outcome)
}

/// Starts the servers that tests need; with `strict`, all of them or none.
pub(crate) fn raise_servers(all: bool, strict: bool) -> Result<Raised> {
    Raised::up(if all { Choice::ALL } else { Choice::DAILY }, servers::FOR_TESTS, strict)
}

fn begin_servers(raised: &mut Option<Raised>, all: bool, strict: bool) -> Result<Outcome> {
    let servers = raised.insert(raise_servers(all, strict)?);
    if servers.missing.is_empty() {
        return Ok(Outcome::Passed);
    }
    let say = |server: &Missing| format!("{} cannot be had: {}", server.name, server.why);
    Ok(Outcome::Skipped(servers.missing.iter().map(say).collect::<Vec<_>>().join("; ")))
}

/// Runs `cargo test` over the workspace, and fails also when a test leaves a process running.
///
/// With `strict` (the environment has CI=true), tests that lack a tool fail, they do not skip.
pub(crate) fn workspace_tests(
    filter: &[&str],
    strict: bool,
    instrumentation: Option<&Instrumentation>,
    servers: Option<&Raised>,
) -> Result<()> {
    let mut command = project::cargo(&["test", "--workspace", "--no-fail-fast"])?;
    if !filter.is_empty() {
        command.arg("--").args(filter);
    }
    if strict {
        command.env("CI", "true");
    }
    if let Some(instrumentation) = instrumentation {
        instrumentation.apply(&mut command);
    }
    if let Some(servers) = servers {
        command.env("CADANGKAN_TEST_SERVERS", servers.state());
    }
    let mark = Mark::new();
    mark.put_on(&mut command);
    let result = process::run(&mut command);
    let leftovers = mark.end_leftovers();
    result?;
    if !leftovers.is_empty() {
        bail!("tests left processes running (ended now): {}", leftovers.join("; "));
    }
    Ok(())
}

fn lints() -> Result<Command> {
    project::cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
}

fn rustdoc() -> Result<Command> {
    let mut command =
        project::cargo(&["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"])?;
    command.env("RUSTDOCFLAGS", "-D warnings");
    Ok(command)
}
