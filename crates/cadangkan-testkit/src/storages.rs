//! Real servers of storages, and one of mail, that `cargo xtask servers up` started.
//!
//! Without one a test prints a line and returns early; where CI is true it fails.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "helpers of tests may fail, speak, and are told by the environment where the servers are"
)]

use std::collections::BTreeMap;
use std::env;
use std::fs;

use serde::Deserialize;

use crate::servers::VARIABLE;

/// One server.
#[derive(Debug, Clone, Deserialize)]
pub struct StorageServer {
    /// The storage that it serves, such as `sftp`.
    pub name: String,
    /// On 127.0.0.1.
    pub port: u16,
    settings: BTreeMap<String, String>,
}

impl StorageServer {
    /// Returns what else must be known of it, such as its `user`.
    ///
    /// # Panics
    /// When this server has no such setting.
    pub fn setting(&self, name: &str) -> &str {
        self.settings.get(name).unwrap_or_else(|| panic!("the server of {} has no {name}", self.name))
    }
}

/// Finds the server of a storage; none prints a line.
///
/// # Panics
/// When there is none and CI is true.
pub fn storage_server(name: &str) -> Option<StorageServer> {
    #[derive(Deserialize)]
    struct State {
        #[serde(default)]
        services: Vec<StorageServer>,
    }
    let servers = env::var_os(VARIABLE).map_or_else(Vec::new, |path| {
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{VARIABLE}={}: {error}", path.display()));
        serde_json::from_slice::<State>(&text).expect("a list of servers").services
    });
    let found = servers.into_iter().find(|server| server.name == name && server.port != 0);
    if found.is_none() {
        let strict = env::var_os("CI").is_some_and(|ci| ci != *"" && ci != *"false" && ci != *"0");
        let what = format!("no server of {name}: `cargo xtask test` starts one, or `cargo xtask servers up`");
        assert!(!strict, "{what}");
        eprintln!("skipped, {what}");
    }
    found
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    #[test]
    fn a_server_that_is_listed_is_there_and_has_its_settings() {
        for name in ["sftp", "webdav", "ftp"] {
            let Some(server) = storage_server(name) else { continue };
            assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).is_ok(), "{server:?}");
            assert_eq!(server.setting("password"), "pw");
        }
    }
}
