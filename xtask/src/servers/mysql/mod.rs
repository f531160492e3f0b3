//! MySQL and MariaDB: their releases, and what a server of them is.

mod cluster;
mod configuration;
mod releases;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Installation;
pub(crate) use cluster::running;
pub(super) use cluster::{Cluster, end};
pub(super) use releases::obtain;
pub(crate) use releases::{ALL, Flavor, MARIADB_10_11, Release};

/// One server; paths are those of this machine unless said otherwise.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Server {
    pub(crate) flavor: Flavor,
    /// The release, such as `10.11`.
    pub(crate) version: String,
    /// Of the superuser, without a database.
    pub(crate) url: String,
    /// 0 until it runs.
    pub(crate) port: u16,
    /// 0 until it runs.
    pub(crate) pid: u32,
    pub(crate) socket: PathBuf,
    pub(crate) root_cert: PathBuf,
    pub(crate) client_cert: PathBuf,
    pub(crate) client_key: PathBuf,
    /// Where the client programs of this version are, by the names that the version has for them.
    pub(crate) bin: PathBuf,
    pub(crate) data_dir: PathBuf,
    pub(crate) installation: Installation,
    /// The folder of everything the server keeps, as seen in its root.
    pub(crate) home: PathBuf,
}

impl Server {
    /// Returns its name as people say it, such as `MariaDB 10.11`.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.flavor.name(), self.version)
    }
}
