use std::ffi::OsString;
use std::path::PathBuf;

/// What the machine says about the person: variables, home folder, name, and where options for all are kept.
pub trait Environment {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;
    /// The home folder.
    fn home(&self) -> Option<PathBuf>;
    /// The name of the user that this process runs as.
    fn user(&self) -> Option<String>;

    /// The option files of the whole machine, in the order in which they are read.
    fn system_option_files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Where servers put their Unix sockets.
    fn sockets(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place of this crate that may; callers pass it down"
    )]
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir()
    }

    /// As in `/etc/passwd`; users who are kept elsewhere are named by `LOGNAME` or `USER`.
    fn user(&self) -> Option<String> {
        let id = rustix::process::geteuid().as_raw().to_string();
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let known = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == id).then(|| name.to_owned())
        });
        let named = || ["LOGNAME", "USER"].iter().find_map(|name| self.variable(name)?.into_string().ok());
        known.or_else(named).filter(|name| !name.is_empty())
    }

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
