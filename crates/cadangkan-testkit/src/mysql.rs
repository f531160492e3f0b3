//! Real MySQL and MariaDB servers that `cargo xtask servers up` started, and databases on them.
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

mod contents;
mod database;
mod definitions;
mod own;
mod tools;
mod users;

use std::env;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

pub use crate::servers::VARIABLE;
pub use database::TestDatabase;
pub use own::OwnServer;
pub use users::PlainUser;

/// Whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavor {
    /// MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
}

/// One server; `root` is its superuser, `certuser` may log in with the client certificate only.
#[derive(Debug, Clone, Deserialize)]
pub struct MysqlServer {
    /// Whose server it is.
    pub flavor: Flavor,
    /// The release, such as `10.11`.
    pub version: String,
    /// Of the superuser, with password, without a database.
    pub url: String,
    /// On 127.0.0.1.
    pub port: u16,
    /// Of its Unix socket.
    pub socket: PathBuf,
    /// The authority that signed the server's certificate, which is for `localhost` and `127.0.0.1`.
    pub root_cert: PathBuf,
    /// A certificate of the user `certuser`.
    pub client_cert: PathBuf,
    /// The key of the client certificate.
    pub client_key: PathBuf,
    /// The folder of the client programs of this version, see [`MysqlServer::tool`].
    pub bin: PathBuf,
    /// Of the server's process.
    pub pid: u32,
    /// As seen on this machine, also when the server runs in a root of its own; binary logs are in it as well.
    pub data_dir: PathBuf,
}

impl MysqlServer {
    /// The superuser.
    pub const USER: &str = "root";
    /// Of the superuser.
    pub const PASSWORD: &str = "pw";

    /// Tells whether it is MariaDB.
    pub fn is_mariadb(&self) -> bool {
        self.flavor == Flavor::Mariadb
    }

    /// The table of sessions that can always be read: in MySQL's other one, what some session runs may have characters
    /// that the table cannot hold, and then reading it fails (error 3854).
    pub fn processlist(&self) -> &'static str {
        if self.is_mariadb() { "information_schema.processlist" } else { "performance_schema.processlist" }
    }

    /// Returns the release as numbers, such as `(10, 11)`.
    pub fn number(&self) -> (u32, u32) {
        let (major, minor) = self.version.split_once('.').expect("a release has a dot");
        (major.parse().expect("a number"), minor.parse().expect("a number"))
    }

    /// Returns the superuser's URL of a database.
    pub fn url_of(&self, database: &str) -> String {
        self.url_for(Self::USER, Self::PASSWORD, database)
    }

    /// Returns a user's URL of a database.
    pub fn url_for(&self, user: &str, password: &str, database: &str) -> String {
        let [user, password, database] = [user, password, database].map(crate::servers::escape_url);
        format!("mysql://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }
}

impl fmt::Display for MysqlServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.is_mariadb() { "MariaDB" } else { "MySQL" };
        write!(f, "{name} {}", self.version)
    }
}

/// Returns all servers that are up, MariaDB first, in order of their versions; none prints a line.
///
/// # Panics
/// When none is up and CI is true.
pub fn servers() -> Vec<MysqlServer> {
    #[derive(Deserialize)]
    struct State {
        #[serde(default)]
        mysql: Vec<MysqlServer>,
    }
    let mut servers = env::var_os(VARIABLE).map_or_else(Vec::new, |path| {
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{VARIABLE}={}: {error}", path.display()));
        serde_json::from_slice::<State>(&text).expect("a list of servers").mysql
    });
    if servers.is_empty() {
        let strict = env::var_os("CI").is_some_and(|ci| ci != *"" && ci != *"false" && ci != *"0");
        let what = "no MySQL servers: `cargo xtask test` starts them, or `cargo xtask servers up`";
        assert!(!strict, "{what}");
        eprintln!("skipped, {what}");
    }
    servers.sort_by_key(|server| (!server.is_mariadb(), server.number()));
    servers
}

/// Returns the server to test with when one is enough: MariaDB 10.11, else the first there is.
pub fn main_server() -> Option<MysqlServer> {
    servers().into_iter().next()
}

#[cfg(test)]
mod tests;
