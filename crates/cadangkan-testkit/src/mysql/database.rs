//! Databases that exist as long as a test.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use super::MysqlServer;

/// A database with a random name, dropped at the end whoever is connected.
///
/// Dropping the value fails the test when the database stays.
pub struct TestDatabase {
    /// Its name; needs no quotes.
    pub name: String,
    /// The superuser's URL of it.
    pub url: String,
    /// Where it is.
    pub server: MysqlServer,
}

impl MysqlServer {
    /// Makes an empty database, in utf8mb4.
    pub fn database(&self) -> TestDatabase {
        self.database_with("CHARACTER SET utf8mb4")
    }

    /// Makes an empty database with what may follow `CREATE DATABASE name`.
    pub fn database_with(&self, options: &str) -> TestDatabase {
        let name = random_name();
        self.run("", &format!("CREATE DATABASE {name} {options}"));
        TestDatabase { url: self.url_of(&name), name, server: self.clone() }
    }

    /// Drops a database if it exists, and ends the connections to it.
    pub fn drop_database(&self, name: &str) -> Result<(), String> {
        // Not from information_schema: MySQL fails there when another session's statement has bytes outside of utf8mb3.
        let shown = name.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n");
        // It cuts statements, also within a character.
        let sessions = self.feed("", b"SHOW PROCESSLIST")?;
        for line in String::from_utf8_lossy(&sessions).lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            // Id, User, Host, db.
            if let [id, _, _, database, ..] = fields.as_slice()
                && *database == shown
            {
                // It may have gone by itself.
                self.try_run("", &format!("KILL {id}")).ok();
            }
        }
        let quoted = name.replace('`', "``");
        let drop_it = format!("SET lock_wait_timeout = 30; DROP DATABASE IF EXISTS `{quoted}`");
        self.try_run("", &drop_it).map(drop)
    }
}

impl TestDatabase {
    /// Runs statements by the stock client, and returns what they print: a line per row, tabs between columns, and
    /// in columns `\t`, `\n`, `\0` and `\\` for what these stand for.
    ///
    /// # Panics
    /// When a statement fails.
    pub fn run(&self, sql: &str) -> String {
        self.server.run(&self.name, sql)
    }

    /// Runs statements as [`TestDatabase::run`] does, and returns what the client complains of, if it does.
    ///
    /// # Errors
    /// What the client said, as text.
    pub fn try_run(&self, sql: &str) -> Result<String, String> {
        self.server.try_run(&self.name, sql)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Err(error) = self.server.drop_database(&self.name) {
            fail(&format!("cannot drop {}: {error}", self.name));
        }
    }
}

/// Without the password.
impl fmt::Debug for TestDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.name, self.server)
    }
}

/// Makes a name that nobody else has; it needs no quotes, and is short enough for a user.
pub(super) fn random_name() -> String {
    format!("cadangkan_test_{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// Fails the test, unless it fails already.
pub(super) fn fail(what: &str) {
    assert!(std::thread::panicking(), "{what}");
    eprintln!("{what}");
}
