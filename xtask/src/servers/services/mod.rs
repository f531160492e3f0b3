//! Servers of storages, and of mail: each kind says what it needs and how it is started; starting and ending is the same for all.

mod aiosmtpd;
mod azurite;
mod ceph;
mod fake_gcs;
mod moto;
mod process;
mod pyftpdlib;
mod rclone;
mod sshd;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{Certificates, Home, Installation};
pub(super) use ceph::CEPH;
pub(crate) use process::running;
pub(super) use process::{end, planned, start};

/// Every kind there is; every run of the tests has all of them.
pub(crate) const ALL: &[Kind] = &[
    sshd::SFTP,
    rclone::WEBDAV,
    rclone::OTHER_SFTP,
    pyftpdlib::FTP,
    CEPH,
    moto::MOTO,
    azurite::AZURE,
    fake_gcs::GCS,
    aiosmtpd::SMTP,
];

/// Of the key to every server of S3.
const ACCESS_KEY: &str = "cadangkan";
const SECRET_KEY: &str = "cadangkan-secret";

/// A kind of server.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// What it serves, such as `sftp`.
    pub(crate) name: &'static str,
    /// Finds its programs, or installs them.
    pub(super) obtain: fn() -> Result<Installation>,
    /// Makes what it needs in its folder, which belongs to its user, and says how it is started.
    pub(super) prepare: fn(&Place<'_>) -> Result<Launch>,
}

/// Where a server is about to run.
pub(super) struct Place<'a> {
    pub(super) installation: &'a Installation,
    pub(super) home: &'a Home,
    /// On 127.0.0.1.
    pub(super) port: u16,
}

impl Place<'_> {
    /// Returns a path of the server's folder as the server sees it.
    pub(super) fn inside(&self, name: &str) -> PathBuf {
        self.home.path.join(name)
    }

    /// Returns a path of the server's folder as others see it.
    pub(super) fn outside(&self, name: &str) -> PathBuf {
        self.installation.outside(&self.inside(name))
    }
}

/// Makes the folder of what is stored on a server, and returns its path as the server sees it.
fn make_files(place: &Place<'_>) -> Result<String> {
    std::fs::create_dir_all(place.outside("files"))?;
    place.installation.give(&[&place.inside("files")])?;
    Ok(place.inside("files").display().to_string())
}

/// Makes an authority and a certificate that it signed, once; returns the files of the authority's certificate, the server's
/// and its key.
fn make_certificates(place: &Place<'_>) -> Result<[String; 3]> {
    let folder = place.outside("tls");
    if !folder.exists() {
        let made = Certificates::make(&folder)?;
        place.installation.give(&[&folder, &made.server, &made.server_key])?;
    }
    Ok(["root.crt", "server.crt", "server.key"].map(|name| folder.join(name).display().to_string()))
}

/// How a server is started.
pub(super) struct Launch {
    /// By its file in the installation's folder of programs, or by a whole path.
    pub(super) program: &'static str,
    pub(super) arguments: Vec<String>,
    /// What a test must know besides the port, such as `user`.
    pub(super) settings: BTreeMap<String, String>,
}

impl Launch {
    pub(super) fn new(program: &'static str, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { program, arguments, settings: settings.collect() }
    }
}

/// One server; paths are those of this machine unless said otherwise.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Service {
    /// The storage that it serves.
    pub(crate) name: String,
    /// 0 until it runs.
    pub(crate) port: u16,
    /// What a test must know besides.
    pub(crate) settings: BTreeMap<String, String>,
    pub(super) installation: Installation,
    /// Of the server in its root.
    pub(super) home: PathBuf,
    /// Of its process.
    pub(super) front: PathBuf,
}
