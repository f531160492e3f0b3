//! Servers of WebDAV and SFTP: `rclone serve`, of Debian's package.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Kind, Launch, Place};
use crate::servers::{Installation, PASSWORD};
use crate::{process, workplace};

pub(super) const WEBDAV: Kind = Kind { name: "webdav", obtain, prepare };

/// Whose author is not OpenSSH's.
pub(super) const OTHER_SFTP: Kind = Kind { name: "other_sftp", obtain, prepare: prepare_sftp };

const USER: &str = "u";

fn obtain() -> Result<Installation> {
    workplace::install(workplace::FOR_WEBDAV)?;
    let program = process::find("rclone").context("no rclone")?;
    let bin = program.parent().context("a program lies in a folder")?.to_owned();
    Ok(Installation { user: "daemon".to_owned(), root: None, bin })
}

fn prepare(place: &Place<'_>) -> Result<Launch> {
    let files = super::make_files(place)?;
    let address = format!("127.0.0.1:{}", place.port);
    let arguments = ["serve", "webdav", "--config", "/dev/null", "--addr", &address];
    let arguments = [&arguments[..], &["--user", USER, "--pass", PASSWORD, &files]].concat();
    Ok(Launch::new("rclone", &arguments, &[("user", USER), ("password", PASSWORD)]))
}

fn prepare_sftp(place: &Place<'_>) -> Result<Launch> {
    let files = super::make_files(place)?;
    let key = place.outside("host");
    if !key.exists() {
        let mut make = Command::new("ssh-keygen");
        process::run_quietly(make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key))?;
        place.installation.give(&[&place.inside("host")])?;
    }
    let host = fs::read_to_string(place.outside("host.pub"))?;
    let known = place.outside("known_hosts");
    fs::write(&known, format!("[127.0.0.1]:{} {host}", place.port))?;
    let (address, key) = (format!("127.0.0.1:{}", place.port), place.inside("host").display().to_string());
    let arguments = ["serve", "sftp", "--config", "/dev/null", "--addr", &address, "--key", &key];
    let arguments = [&arguments[..], &["--user", USER, "--pass", PASSWORD, &files]].concat();
    let known = known.display().to_string();
    Ok(Launch::new("rclone", &arguments, &[("user", USER), ("password", PASSWORD), ("known_hosts", &known)]))
}
