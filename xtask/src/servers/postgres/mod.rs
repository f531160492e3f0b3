//! PostgreSQL: its versions, and what a server of it is.

mod cluster;
mod npm;
mod releases;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Installation;
pub(crate) use cluster::running;
pub(super) use cluster::{Cluster, end};
pub(super) use releases::obtain;
pub(crate) use releases::{ALL, DAILY};

/// Who runs servers.
const USER: &str = "postgres";

/// What a version brings along, unless it comes from npm.
const CLIENTS: &[&str] = &["psql", "pg_dump", "pg_restore"];

/// One server; paths are those of this machine unless said otherwise.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Server {
    pub(crate) version: u32,
    pub(crate) url: String,
    /// 0 until it runs.
    pub(crate) port: u16,
    /// 0 until it runs.
    pub(crate) pid: u32,
    pub(crate) tls: bool,
    pub(crate) root_cert: Option<PathBuf>,
    pub(crate) client_cert: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    pub(crate) socket_dir: Option<PathBuf>,
    /// Where `psql`, `pg_dump` and `pg_restore` of this version are.
    pub(crate) bin: Option<PathBuf>,
    pub(crate) data_dir: PathBuf,
    pub(crate) installation: Installation,
    /// The folder of everything the server keeps, as seen in its root.
    pub(crate) home: PathBuf,
}
