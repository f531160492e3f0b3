//! An FTP server: pyftpdlib, of Debian's packages.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Result;

use super::{Kind, Launch, Place};
use crate::servers::{Installation, PASSWORD};
use crate::workplace;

pub(super) const FTP: Kind = Kind { name: "ftp", obtain, prepare };

const USER: &str = "u";

fn obtain() -> Result<Installation> {
    let installed = Installation { user: "daemon".to_owned(), root: None, bin: "/usr/bin".into() };
    let modules = ["pyftpdlib", "OpenSSL"].map(|name| format!("/usr/lib/python3/dist-packages/{name}"));
    let there = modules.iter().all(|module| std::path::Path::new(module).is_dir());
    if !installed.has(&["python3"]) || !there {
        workplace::install_packages(&["python3-pyftpdlib", "python3-openssl"])?;
    }
    Ok(installed)
}

fn prepare(place: &Place<'_>) -> Result<Launch> {
    let files = super::make_files(place)?;
    let [root, certificate, key] = super::make_certificates(place)?;
    // The last one of its ports is that which the start waits for.
    let free = || Ok::<_, std::io::Error>(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port());
    let [implicit, old, port] = [free()?, free()?, place.port].map(|port| port.to_string());
    let arguments = ["-c", include_str!("pyftpdlib.py"), &files, USER, PASSWORD, &certificate];
    let arguments = [&arguments[..], &[key.as_str(), &implicit, &old, &port]].concat();
    let settings = [
        ("user", USER),
        ("password", PASSWORD),
        ("ca_file", &root),
        ("implicit_port", &implicit),
        ("old_port", &old),
    ];
    // Debian's own, whatever other Python is on PATH.
    Ok(Launch::new("python3", &arguments, &settings))
}
