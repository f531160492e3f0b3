use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

/// What a server is, and how it is asked for what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands::docs) enum Kind {
    Postgres,
    Mariadb,
}

/// Of the superusers of servers for tests (CONTRIBUTING.md, Servers).
const PASSWORD: &str = "pw";

/// What the clients know by options alone: the user, and for the dump program the server; newer ones want to know of
/// certificates.
const OPTIONS: &str = "[client]\nuser = root\n\n[mariadb-client]\ndisable-ssl-verify-server-cert\n\n\
    [mariadb-dump]\ndisable-ssl-verify-server-cert\nhost = 127.0.0.1\n";

impl Kind {
    pub(super) const ALL: [Kind; 2] = [Kind::Postgres, Kind::Mariadb];

    /// The client program, by which a page shows that it needs such a server.
    pub(super) fn client(self) -> &'static str {
        match self {
            Kind::Postgres => "psql",
            Kind::Mariadb => "mariadb",
        }
    }

    /// Sets the variables by which programs find the server.
    pub(super) fn apply(self, port: u16, command: &mut Command) {
        let port = port.to_string();
        match self {
            Kind::Postgres => command
                .env("PGHOST", "127.0.0.1")
                .env("PGPORT", port)
                .env("PGUSER", "postgres")
                .env("PGPASSWORD", PASSWORD),
            Kind::Mariadb => {
                command.env("MYSQL_HOST", "127.0.0.1").env("MYSQL_TCP_PORT", port).env("MYSQL_PWD", PASSWORD)
            }
        };
    }

    /// Writes what programs look for in a home folder.
    pub(super) fn prepare(self, port: u16, home: &Path) -> Result<()> {
        if self == Kind::Mariadb {
            let path = home.join(".my.cnf");
            fs::write(&path, format!("{OPTIONS}port = {port}\n"))?;
            fs::set_permissions(path, Permissions::from_mode(0o600))?;
        }
        Ok(())
    }

    /// Asks for databases and users, each as its sort and its name; names of PostgreSQL as psql quotes them.
    pub(super) fn things(self) -> &'static str {
        match self {
            Kind::Postgres => {
                "SELECT pg_catalog.format('DATABASE %I', datname) FROM pg_catalog.pg_database
                 UNION ALL SELECT pg_catalog.format('ROLE %I', rolname) FROM pg_catalog.pg_roles ORDER BY 1"
            }
            Kind::Mariadb => {
                "SELECT CONCAT('DATABASE ', SCHEMA_NAME) FROM information_schema.SCHEMATA
                 UNION ALL SELECT CONCAT('USER ', User, '@', Host) FROM mysql.user ORDER BY 1"
            }
        }
    }

    /// The statement that drops one of them, whoever is connected.
    pub(super) fn drop_statement(self, thing: &str) -> String {
        let (sort, name) = thing.split_once(' ').unwrap_or((thing, ""));
        match (self, sort) {
            (Kind::Postgres, "DATABASE") => format!("DROP {thing} WITH (FORCE)"),
            (Kind::Postgres, _) => format!("DROP {thing}"),
            (Kind::Mariadb, "USER") => {
                let (user, host) = name.rsplit_once('@').unwrap_or((name, "%"));
                format!("DROP USER '{user}'@'{host}'")
            }
            (Kind::Mariadb, _) => format!("SET lock_wait_timeout = 30; DROP DATABASE `{name}`"),
        }
    }

    /// A command that runs statements as the superuser, once it knows where.
    pub(super) fn statement(self, programs: &Path, sql: &str) -> Command {
        let mut command = Command::new(programs.join(self.client()));
        match self {
            Kind::Postgres => command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", sql]),
            Kind::Mariadb => {
                command.args(["--no-defaults", "--user=root", "--skip-ssl-verify-server-cert"]);
                command.args(["--batch", "--skip-column-names", "--execute", sql])
            }
        };
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_dropped_by_their_names() {
        assert_eq!(Kind::Postgres.drop_statement("DATABASE \"a b\""), "DROP DATABASE \"a b\" WITH (FORCE)");
        assert_eq!(Kind::Postgres.drop_statement("ROLE r"), "DROP ROLE r");
        assert_eq!(Kind::Mariadb.drop_statement("USER u@%"), "DROP USER 'u'@'%'");
        assert!(Kind::Mariadb.drop_statement("DATABASE d").ends_with("DROP DATABASE `d`"));
    }
}
