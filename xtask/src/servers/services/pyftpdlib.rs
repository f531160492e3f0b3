//! An FTP server: pyftpdlib, of Debian's package.

use anyhow::Result;

use super::{Kind, Launch, Place};
use crate::servers::{Installation, PASSWORD};
use crate::workplace;

pub(super) const FTP: Kind = Kind { name: "ftp", obtain, prepare };

const USER: &str = "u";

fn obtain() -> Result<Installation> {
    let installed = Installation { user: "daemon".to_owned(), root: None, bin: "/usr/bin".into() };
    let module = "/usr/lib/python3/dist-packages/pyftpdlib";
    if !installed.has(&["python3"]) || !std::path::Path::new(module).is_dir() {
        workplace::install_packages(&["python3-pyftpdlib"])?;
    }
    Ok(installed)
}

fn prepare(place: &Place<'_>) -> Result<Launch> {
    let files = super::make_files(place)?;
    let port = place.port.to_string();
    let arguments = ["-m", "pyftpdlib", "-i", "127.0.0.1", "-p", &port, "-w"];
    let arguments = [&arguments[..], &["-d", &files, "-u", USER, "-P", PASSWORD]].concat();
    // Debian's own, whatever other Python is on PATH.
    Ok(Launch::new("python3", &arguments, &[("user", USER), ("password", PASSWORD)]))
}
