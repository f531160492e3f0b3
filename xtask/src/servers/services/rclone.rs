//! A WebDAV server: `rclone serve webdav`, of Debian's package.

use anyhow::{Context as _, Result};

use super::{Kind, Launch, Place};
use crate::servers::{Installation, PASSWORD};
use crate::workplace;

pub(super) const WEBDAV: Kind = Kind { name: "webdav", obtain, prepare };

const USER: &str = "u";

fn obtain() -> Result<Installation> {
    workplace::install(workplace::FOR_WEBDAV)?;
    let program = crate::process::find("rclone").context("no rclone")?;
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
