use std::path::PathBuf;

use cadangkan_wire::SystemEnvironment;

/// What the machine says about the person, and where it keeps what is for all.
pub trait Environment: cadangkan_wire::Environment {
    /// The option files of the whole machine, in the order in which they are read.
    fn system_option_files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Where servers put their Unix sockets.
    fn sockets(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

impl Environment for SystemEnvironment {
    /// Those that both MySQL's and MariaDB's clients read.
    fn system_option_files(&self) -> Vec<PathBuf> {
        ["/etc/my.cnf", "/etc/mysql/my.cnf"].map(PathBuf::from).to_vec()
    }

    /// Debian, then Red Hat, then the default of the sources.
    fn sockets(&self) -> Vec<PathBuf> {
        [
            "/run/mysqld/mysqld.sock",
            "/var/run/mysqld/mysqld.sock",
            "/var/lib/mysql/mysql.sock",
            "/tmp/mysql.sock",
        ]
        .map(PathBuf::from)
        .to_vec()
    }
}
