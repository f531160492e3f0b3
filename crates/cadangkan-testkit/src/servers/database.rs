//! Databases that exist as long as a test.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use super::PostgresServer;

/// A database with a random name, dropped at the end whoever is connected.
pub struct TestDatabase {
    /// Its name; needs no quotes.
    pub name: String,
    /// The superuser's URL of it.
    pub url: String,
    /// Where it is.
    pub server: PostgresServer,
}

impl PostgresServer {
    /// Makes an empty database.
    pub fn database(&self) -> TestDatabase {
        self.database_with("TEMPLATE template0")
    }

    /// Makes an empty database with what may follow `CREATE DATABASE name`.
    pub fn database_with(&self, options: &str) -> TestDatabase {
        let name = format!("cadangkan_test_{:016x}", RandomState::new().hash_one(std::process::id()));
        self.psql("postgres", &format!("CREATE DATABASE {name} {options}"));
        TestDatabase { url: self.url_of(&name), name, server: self.clone() }
    }

    /// Drops a database if it exists, and ends the connections to it.
    pub fn drop_database(&self, name: &str) -> Result<(), String> {
        let quoted = name.replace('"', "\"\"");
        let literal = name.replace('\'', "''");
        // A database with a subscription is not dropped. Subscriptions of tests were never connected.
        if self.try_psql(name, DROP_SUBSCRIPTIONS).is_err() {
            return self.try_psql("postgres", &format!("DROP DATABASE IF EXISTS \"{quoted}\"")).map(drop);
        }
        let force = if self.version >= 13 { "WITH (FORCE)" } else { "" };
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = E'{}' AND {force_ends};",
            literal.replace('\\', "\\\\"),
            force_ends = self.version < 13,
        );
        let drop_it = format!("{end}\nDROP DATABASE IF EXISTS \"{quoted}\" {force};");
        self.try_psql("postgres", &drop_it).map(drop)
    }
}

const DROP_SUBSCRIPTIONS: &str = "
SELECT format('ALTER SUBSCRIPTION %1$I DISABLE; ALTER SUBSCRIPTION %1$I SET (slot_name = NONE); \
DROP SUBSCRIPTION %1$I', subname)
FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
\\gexec
";

impl TestDatabase {
    /// Runs statements by psql, and returns what they print.
    ///
    /// # Panics
    /// When a statement fails.
    pub fn psql(&self, sql: &str) -> String {
        self.server.psql(&self.name, sql)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Err(error) = self.server.drop_database(&self.name) {
            eprintln!("cannot drop {}: {error}", self.name);
        }
    }
}

/// Without the password.
impl fmt::Debug for TestDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on PostgreSQL {}", self.name, self.server.version)
    }
}
