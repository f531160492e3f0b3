//! Real PostgreSQL servers that `cargo xtask servers up` started, and databases on them.
//!
//! Without servers a test prints one line and returns early; where CI is true it fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "helpers of tests may fail, speak, and are told by the environment where the servers are"
)]

mod database;
mod schema;
mod tools;

use std::env;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

pub use database::TestDatabase;

/// The environment variable that names the file in which the servers are listed.
pub const VARIABLE: &str = "CADANGKAN_TEST_SERVERS";

/// One server; the role `postgres` is its superuser, `certuser` may log in with the client certificate only.
#[derive(Debug, Clone, Deserialize)]
pub struct PostgresServer {
    /// The major version, such as 15.
    pub version: u32,
    /// Of the superuser, with password, to the database `postgres`.
    pub url: String,
    /// On 127.0.0.1.
    pub port: u16,
    /// Whether it accepts TLS.
    pub tls: bool,
    /// The authority that signed the server's certificate, which is for `localhost` and `127.0.0.1`.
    pub root_cert: Option<PathBuf>,
    /// A certificate of the role `certuser`.
    pub client_cert: Option<PathBuf>,
    /// The key of the client certificate.
    pub client_key: Option<PathBuf>,
    /// The folder of its Unix socket.
    pub socket_dir: Option<PathBuf>,
    /// The folder with `psql`, `pg_dump` and `pg_restore` of this version; some versions come without.
    pub bin: Option<PathBuf>,
    /// Of the server's first process.
    pub pid: u32,
    /// As seen on this machine, also when the server runs in a root of its own.
    pub data_dir: PathBuf,
}

impl PostgresServer {
    /// The superuser.
    pub const USER: &str = "postgres";
    /// Of the superuser.
    pub const PASSWORD: &str = "pw";

    /// Returns the superuser's URL of a database.
    pub fn url_of(&self, database: &str) -> String {
        let escaped = escape_url(database);
        format!("postgres://{}:{}@127.0.0.1:{}/{escaped}", Self::USER, Self::PASSWORD, self.port)
    }
}

/// Returns all servers that are up and have client programs, in order of their versions; none prints a line.
///
/// # Panics
/// When none is up and CI is true.
pub fn postgres() -> Vec<PostgresServer> {
    #[derive(Deserialize)]
    struct State {
        servers: Vec<PostgresServer>,
    }
    let Some(path) = env::var_os(VARIABLE) else {
        let strict = env::var_os("CI").is_some_and(|ci| ci != *"" && ci != *"false" && ci != *"0");
        let what = "no PostgreSQL servers: `cargo xtask test` starts them, or `cargo xtask servers up`";
        assert!(!strict, "{what}");
        eprintln!("skipped, {what}");
        return Vec::new();
    };
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{VARIABLE}={}: {error}", path.display()));
    let mut servers = serde_json::from_slice::<State>(&text).expect("a list of servers").servers;
    servers.sort_by_key(|server| server.version);
    // pg_dump refuses a server that is newer than itself.
    let tools = servers.iter().filter(|server| server.bin.is_some()).map(|server| server.version).max();
    let (usable, too_new): (Vec<_>, Vec<_>) =
        servers.into_iter().partition(|server| Some(server.version) <= tools);
    for server in too_new {
        eprintln!("skipped PostgreSQL {}: no client programs of its version or a newer one", server.version);
    }
    usable
}

/// Returns the server to test with when one is enough: version 15, else the newest that has its own tools.
pub fn postgres_main() -> Option<PostgresServer> {
    let servers = postgres();
    let preferred = servers.iter().find(|server| server.version == 15);
    preferred.or_else(|| servers.iter().rev().find(|server| server.bin.is_some())).cloned()
}

/// Writes a name as it stands in a URL.
pub(crate) fn escape_url(name: &str) -> String {
    name.bytes().map(escape).collect()
}

fn escape(byte: u8) -> String {
    let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

#[cfg(test)]
mod tests;
