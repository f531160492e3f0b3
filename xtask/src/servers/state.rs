//! What `servers.json` says; the testkit reads it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::{mysql, postgres, services};

/// The name of the file in a folder of servers.
const FILE: &str = "servers.json";

/// All servers of a folder.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// Of PostgreSQL.
    pub(crate) servers: Vec<postgres::Server>,
    #[serde(default)]
    pub(crate) mysql: Vec<mysql::Server>,
    /// Of storages.
    #[serde(default)]
    pub(crate) services: Vec<services::Service>,
}

impl State {
    /// Returns the path of the file in a folder of servers.
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = Self::path(folder);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Writes the file so that a reader finds the old or the new one.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let (path, partial) = (Self::path(folder), folder.join("servers.json.partial"));
        fs::write(&partial, serde_json::to_vec_pretty(self)?)?;
        fs::rename(partial, path).context("cannot write the list of servers")
    }
}
