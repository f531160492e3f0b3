use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// Where a database is, for people and for the manifest; without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The server's host or socket; none for files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The server's port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The database's name there, or the path of its file.
    pub database: String,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.host, self.port) {
            (Some(host), Some(port)) => write!(f, "{host}:{port}/{}", self.database),
            (Some(host), None) => write!(f, "{host}/{}", self.database),
            _ => f.write_str(&self.database),
        }
    }
}

/// One of the databases on a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DatabaseInfo {
    /// Its name.
    pub name: String,
    /// Bytes it takes on the server's disk, when this user may know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Number of its tables, when known without connecting to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tables: Option<u64>,
    /// How many of its tables lie in which storage engine, where the server has several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub engines: BTreeMap<String, u64>,
    /// Its tables that have no transactions, and so no snapshot: they are locked while they are read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without_transactions: Vec<String>,
}

/// What a look at a whole server showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scan {
    /// The server.
    pub server: ServerInfo,
    /// Its part in replication, in the words of its engine: `role`, `source`, `read_only` …
    pub replication: Map<String, Value>,
    /// Its databases, in order of their names.
    pub databases: Vec<DatabaseInfo>,
}

/// What a look at a database showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerInfo {
    /// The server's version, or that of the library for files: `3.51.3`.
    pub version: String,
    /// Bytes it takes on its disk, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Number of tables, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tables: Option<u64>,
    /// Other facts worth showing, as label and value: `("journal mode", "wal")`.
    pub facts: Vec<(String, String)>,
}
