use std::ffi::OsString;
use std::path::PathBuf;

use cadangkan_core::{Error, Result};
use cadangkan_pgwire::{Connection, Environment, Settings, Target};
pub(crate) use cadangkan_testkit::runs::{controlled as calmly, with_cancel};
use cadangkan_testkit::servers::{self, PostgresServer};

/// A URL, formatted, of which only the scheme is always the same.
macro_rules! url {
    ($($rest:tt)*) => { format!("postgres://{}", format_args!($($rest)*)) };
}
pub(crate) use url;

/// The server to test with; without one, a test returns early.
pub(crate) fn server() -> Option<PostgresServer> {
    servers::postgres_main()
}

/// The superuser's URL, without TLS, with a query string to add to.
pub(crate) fn plain(server: &PostgresServer) -> String {
    format!("{}?sslmode=disable", server.url)
}

/// The superuser's URL, with TLS.
pub(crate) fn encrypted(server: &PostgresServer) -> String {
    format!("{}?sslmode=require", server.url)
}

/// A machine without variables and without a home folder.
pub(crate) struct Bare;

impl Environment for Bare {
    fn variable(&self, _name: &str) -> Option<OsString> {
        None
    }

    fn home(&self) -> Option<PathBuf> {
        None
    }

    fn user(&self) -> Option<String> {
        Some("postgres".to_owned())
    }
}

pub(crate) fn target(url: &str) -> Target {
    let settings = Settings::from_url(url).unwrap_or_else(|error| panic!("{}", error.message));
    Target::resolve(&settings, &Bare).unwrap()
}

pub(crate) fn try_open(url: &str) -> Result<Connection> {
    calmly(|control| Connection::open(&target(url), control))
}

pub(crate) fn open(url: &str) -> Connection {
    try_open(url).unwrap()
}

pub(crate) fn refused(url: &str) -> Error {
    let error = try_open(url).err().expect("the server let us in");
    assert!(error.advice().is_some_and(|hint| !hint.is_empty()), "no hint: {error:?}");
    let shown = format!("{error:?} {error} {:?}", error.advice());
    assert!(!shown.contains("hunter2"), "a secret is shown: {shown}");
    error
}

/// Runs a statement that must succeed.
pub(crate) fn run(connection: &mut Connection, sql: &str) -> u64 {
    calmly(|control| connection.execute(sql, control)).unwrap()
}

/// The only value of a query.
pub(crate) fn one(connection: &mut Connection, sql: &str) -> String {
    let rows = calmly(|control| connection.query(sql, control)).unwrap();
    rows[0][0].clone().unwrap()
}
