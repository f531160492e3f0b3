//! A mail server: aiosmtpd, of Debian's packages.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Result;

use super::{Kind, Launch, Place};
use crate::servers::{Installation, PASSWORD};
use crate::workplace;

pub(super) const SMTP: Kind = Kind { name: "smtp", obtain, prepare };

const USER: &str = "mailer";

fn obtain() -> Result<Installation> {
    let installed = Installation { user: "daemon".to_owned(), root: None, bin: "/usr/bin".into() };
    let there = std::path::Path::new("/usr/lib/python3/dist-packages/aiosmtpd").is_dir();
    if !installed.has(&["python3"]) || !there {
        workplace::install_packages(&["python3-aiosmtpd"])?;
    }
    Ok(installed)
}

fn prepare(place: &Place<'_>) -> Result<Launch> {
    let files = super::make_files(place)?;
    let [root, certificate, key] = super::make_certificates(place)?;
    // The last one of its ports is that which the start waits for.
    let tls = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port().to_string();
    let port = place.port.to_string();
    let arguments =
        ["-c", include_str!("aiosmtpd.py"), &files, USER, PASSWORD, &certificate, &key, &tls, &port];
    let settings =
        [("user", USER), ("password", PASSWORD), ("ca_file", &root), ("tls_port", &tls), ("files", &files)];
    // Debian's own, whatever other Python is on PATH.
    Ok(Launch::new("python3", &arguments, &settings))
}
