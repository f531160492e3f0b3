use std::ffi::OsString;
use std::path::PathBuf;

use cadangkan_core::{Error, Result};
use cadangkan_mywire::{Connection, Environment, Settings, Target};
use cadangkan_testkit::mysql::{self, MysqlServer};
pub(crate) use cadangkan_testkit::runs::{controlled as calmly, with_cancel};

/// A URL, formatted, of which only the scheme is always the same.
macro_rules! url {
    ($($rest:tt)*) => { format!("mysql://{}", format_args!($($rest)*)) };
}
pub(crate) use url;

/// The server to test with; without one, a test returns early.
pub(crate) fn server() -> Option<MysqlServer> {
    mysql::main_server()
}

/// The superuser's URL, without TLS, with a query string to add to.
pub(crate) fn plain(server: &MysqlServer) -> String {
    // Its password may have to be told in the clear once, so that its hash is at hand.
    drop(open(&encrypted(server)));
    format!("{}?ssl-mode=disabled", server.url_of(""))
}

/// The superuser's URL, with TLS.
pub(crate) fn encrypted(server: &MysqlServer) -> String {
    format!("{}?ssl-mode=required", server.url_of(""))
}

/// A machine without variables, files and sockets.
pub(crate) struct Bare;

impl Environment for Bare {}

impl cadangkan_wire::Environment for Bare {
    fn variable(&self, _name: &str) -> Option<OsString> {
        None
    }

    fn home(&self) -> Option<PathBuf> {
        None
    }

    fn user(&self) -> Option<String> {
        Some("root".to_owned())
    }
}

pub(crate) fn target(url: &str) -> Target {
    let settings = Settings::from_url(url).unwrap_or_else(|error| panic!("{}", error.message));
    Target::resolve(&settings, &Bare).unwrap()
}

pub(crate) fn try_open(url: &str) -> Result<Connection> {
    calmly(|control| Connection::open(&target(url), control))
}

#[track_caller]
pub(crate) fn open(url: &str) -> Connection {
    try_open(url).unwrap()
}

/// Fails to connect, and says so as it should.
#[track_caller]
pub(crate) fn refused(url: &str) -> Error {
    let error = try_open(url).err().expect("the server let us in");
    check(&error);
    error
}

/// Looks whether an error has a hint and no secret.
#[track_caller]
pub(crate) fn check(error: &Error) {
    assert!(error.advice().is_some_and(|hint| !hint.is_empty()), "no hint: {error:?}");
    let shown = format!("{error:?} {error} {:?}", error.advice());
    assert!(!shown.contains("hunter2"), "a secret is shown: {shown}");
}

/// Runs a statement that must succeed.
#[track_caller]
pub(crate) fn run(connection: &mut Connection, sql: &str) -> u64 {
    calmly(|control| connection.execute(sql, control)).unwrap()
}

/// The only value of a query.
#[track_caller]
pub(crate) fn one(connection: &mut Connection, sql: &str) -> String {
    let rows = calmly(|control| connection.query(sql, control)).unwrap();
    rows[0][0].clone().unwrap()
}

/// A user that goes at the end.
pub(crate) struct User<'a> {
    pub(crate) name: String,
    server: &'a MysqlServer,
}

impl<'a> User<'a> {
    /// Makes a user who may come from anywhere; `login` is what follows its name.
    pub(crate) fn new(server: &'a MysqlServer, name: &str, login: &str) -> User<'a> {
        let name = format!("mywire_{name}");
        server
            .try_run("", &format!("DROP USER IF EXISTS {name}@'%'; CREATE USER {name}@'%' {login}"))
            .unwrap();
        User { name, server }
    }

    pub(crate) fn url(&self, password: &str, rest: &str) -> String {
        url!("{}:{password}@127.0.0.1:{}/{rest}", self.name, self.server.port)
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        // A later test makes it anew if need be.
        let _ = self.server.try_run("", &format!("DROP USER IF EXISTS {}@'%'", self.name));
    }
}
