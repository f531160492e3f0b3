//! Users with ordinary rights.

use super::database::{fail, random_name};
use super::{MysqlServer, TestDatabase};

/// A user with a random name, dropped at the end; it may come from 127.0.0.1 and through the socket.
pub struct PlainUser {
    /// Its name; needs no quotes.
    pub name: String,
    /// Of it, with password, to the database it was made for.
    pub url: String,
    server: MysqlServer,
}

const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

impl PlainUser {
    /// Of every such user.
    pub const PASSWORD: &str = "pw of a plain user";
}

impl TestDatabase {
    /// Makes a user with rights on this database, such as `SELECT, SHOW VIEW`, or, with `ON` in it, on anything, such
    /// as `RELOAD ON *.*`.
    ///
    /// # Panics
    /// When the server does not know a right.
    pub fn plain_user(&self, grants: &[&str]) -> PlainUser {
        let name = random_name();
        let url = self.server.url_for(&name, PlainUser::PASSWORD, &self.name);
        let user = PlainUser { name, url, server: self.server.clone() };
        let mut sql = String::new();
        for host in HOSTS {
            let account = format!("'{}'@'{host}'", user.name);
            sql += &format!("CREATE USER {account} IDENTIFIED BY '{}';\n", PlainUser::PASSWORD);
            for grant in grants {
                let on = if grant.contains(" ON ") { String::new() } else { format!("ON {}.*", self.name) };
                sql += &format!("GRANT {grant} {on} TO {account};\n");
            }
        }
        self.run(&sql);
        user
    }
}

impl Drop for PlainUser {
    fn drop(&mut self) {
        let accounts = HOSTS.map(|host| format!("'{}'@'{host}'", self.name)).join(", ");
        if let Err(error) = self.server.try_run("", &format!("DROP USER IF EXISTS {accounts}")) {
            fail(&format!("cannot drop the user {}: {error}", self.name));
        }
    }
}
