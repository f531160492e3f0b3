//! `cargo xtask servers up [--all | --storages] | down | status`: servers to test with by hand.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use lexopt::prelude::*;

use crate::servers::{self, Choice, State, mysql, postgres, services};
use crate::{no_more, project};

pub(crate) fn run(arguments: &mut lexopt::Parser) -> Result<()> {
    let verb = match arguments.next()? {
        Some(Value(verb)) => verb.string()?,
        _ => bail!("say what to do: `cargo xtask servers up`, `down` or `status`"),
    };
    match verb.as_str() {
        "up" => up(arguments),
        "down" => no_more(arguments).and_then(|()| down()),
        "status" => no_more(arguments).and_then(|()| status()),
        // Started by ourselves, see `servers::Raised`.
        "watch" => servers::watch(Path::new(&arguments.value()?)),
        unknown => bail!("servers can do up, down and status, not `{unknown}`"),
    }
}

/// Where the folder of the servers is found again.
fn link() -> Result<PathBuf> {
    Ok(project::cache()?.join("servers"))
}

fn up(arguments: &mut lexopt::Parser) -> Result<()> {
    let choice = match arguments.next()? {
        Some(Long("all")) => Choice::ALL,
        Some(Long("storages")) => Choice::STORAGES,
        Some(other) => return Err(other.unexpected().into()),
        None => Choice::DAILY,
    };
    no_more(arguments)?;
    let link = link()?;
    if link.symlink_metadata().is_ok() {
        bail!("servers are up, or were; first `cargo xtask servers down`");
    }
    let folder = servers::new_folder()?;
    symlink(&folder, &link).context("cannot note where the servers are")?;
    match servers::raise(&folder, choice, servers::FOR_TESTS, project::in_ci()) {
        Ok(missing) => {
            for server in missing {
                println!("{} cannot be had, its tests are skipped: {}", server.name, server.why);
            }
            println!("\nexport CADANGKAN_TEST_SERVERS={}", State::path(&link).display());
            Ok(())
        }
        Err(error) => down().context("and what was started is not stopped").map_or_else(Err, |()| Err(error)),
    }
}

fn down() -> Result<()> {
    let link = link()?;
    let Ok(folder) = fs::read_link(&link) else {
        println!("no servers are up");
        return Ok(());
    };
    // The folder is gone when the machine was started anew.
    if folder.exists() {
        servers::lower(&folder)?;
    }
    fs::remove_file(&link)?;
    println!("all servers are down");
    Ok(())
}

fn status() -> Result<()> {
    let link = link()?;
    if !link.exists() {
        println!("no servers are up");
        return Ok(());
    }
    let state = State::read(&link)?;
    for server in state.servers {
        let name = format!("PostgreSQL {}", server.version);
        print_status(&name, postgres::running(&server).is_some(), &server.url, server.pid);
    }
    for server in state.mysql {
        print_status(&server.name(), mysql::running(&server), &server.url, server.pid);
    }
    for service in state.services {
        let (process, address) = (services::running(&service), format!("127.0.0.1:{}", service.port));
        print_status(&service.name, process.is_some(), &address, process.unwrap_or_default());
    }
    println!("\nexport CADANGKAN_TEST_SERVERS={}", State::path(&link).display());
    Ok(())
}

fn print_status(name: &str, runs: bool, url: &str, pid: u32) {
    let runs = if runs { "up" } else { "NOT RUNNING" };
    println!("{name:14} {runs:12} {url} (process {pid})");
}
