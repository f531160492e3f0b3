//! `cargo xtask deny`: what deny.toml says about every dependency.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::summary::{Outcome, Summary};
use crate::{process, project, workplace};

const VERSION: &str = "0.20.2";

pub(crate) fn run(arguments: &mut lexopt::Parser) -> Result<()> {
    crate::no_more(arguments)?;
    let mut summary = Summary::default();
    summary.step("dependencies", || licences_and_sources().map(|()| Outcome::Passed));
    summary.step("advisories", advisories);
    summary.finish()
}

/// Checks licences, bans and sources; needs no network but cargo's own.
pub(crate) fn licences_and_sources() -> Result<()> {
    let which = ["--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
    process::run(cargo_deny()?.args(which))
}

/// Checks for published advisories, where their database can be had; it comes from a git host.
pub(crate) fn advisories() -> Result<Outcome> {
    let fetched = process::succeeds(cargo_deny()?.args(["fetch", "db"]));
    if !fetched && !database_is_stored() {
        let why = "NOT CHECKED, the database of advisories cannot be fetched from here";
        return Ok(Outcome::Skipped(why.to_owned()));
    }
    let mut command = cargo_deny()?;
    if !fetched {
        println!("the database of advisories cannot be fetched now; an older copy is used");
        command.arg("--offline");
    }
    process::run(command.args(["--locked", "check", "advisories"]))?;
    Ok(Outcome::Passed)
}

/// Tells whether an earlier fetch left a copy in cargo's home.
fn database_is_stored() -> bool {
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    let folder = cargo.or_else(home).unwrap_or_default().join("advisory-dbs");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().join(".git").exists())
}

fn cargo_deny() -> Result<Command> {
    let mut command = Command::new(workplace::cargo_tool("cargo-deny", VERSION)?);
    command.current_dir(project::root()?);
    Ok(command)
}
