//! `cargo xtask servers up [--all] | down | status`: PostgreSQL servers to test with by hand.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use lexopt::prelude::*;

use crate::servers::{self, ALL, DAILY, State};
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
    let versions = match arguments.next()? {
        Some(Long("all")) => ALL,
        Some(other) => return Err(other.unexpected().into()),
        None => DAILY,
    };
    no_more(arguments)?;
    let link = link()?;
    if link.symlink_metadata().is_ok() {
        bail!("servers are up, or were; first `cargo xtask servers down`");
    }
    let folder = servers::new_folder()?;
    symlink(&folder, &link).context("cannot note where the servers are")?;
    match servers::raise(&folder, versions, servers::FOR_TESTS, project::in_ci()) {
        Ok(missing) => {
            for (version, why) in missing {
                println!("PostgreSQL {version} cannot be had, its tests are skipped: {why}");
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
    for server in State::read(&link)?.servers {
        let runs = if servers::running(&server).is_some() { "up" } else { "NOT RUNNING" };
        println!("{:3} {runs:12} {} (process {})", server.version, server.url, server.pid);
    }
    println!("\nexport CADANGKAN_TEST_SERVERS={}", State::path(&link).display());
    Ok(())
}
