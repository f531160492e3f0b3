use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_wire::TlsSettings;

use crate::{Environment, Protocol, Secret, Settings, SslMode, option_files, tls, variables};

pub(crate) const DEFAULT_PORT: u16 = 3306;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const LOCAL: &str = "localhost";

/// A server, a database and a way in, resolved: nothing more is looked up.
#[derive(Clone, Debug)]
pub struct Target {
    host: String,
    port: u16,
    socket: Option<PathBuf>,
    user: String,
    pub(crate) password: Option<Secret>,
    database: Option<String>,
    ssl_mode: SslMode,
    pub(crate) tls: TlsSettings,
    pub(crate) clear_plugin: bool,
    pub(crate) through: Option<SocketAddr>,
    connect_timeout: Duration,
    /// Run on each connection, before anything else.
    pub(crate) first_statement: Option<&'static str>,
    warnings: Vec<String>,
}

impl Target {
    /// Finds out where to connect. What is given counts most, then option files, then environment variables, then
    /// defaults (manual, "Specifying Program Options").
    ///
    /// A host of `localhost`, or none, is the Unix socket: the one that is named, or the first that is there. It is
    /// TCP where `given` has a port and no socket, where the protocol is `tcp`, and where no socket is found.
    ///
    /// # Errors
    /// A setting that makes no sense, or an option file that is wrong, or asked for and not there.
    pub fn resolve(given: &Settings, environment: &dyn Environment) -> Result<Target> {
        let files = option_files::read(given, environment)?;
        let settings = given.clone().or(files.settings).or(variables::read(environment)?);
        let (host, socket) = place(given, &settings, environment)?;
        let (ssl_mode, tls) = tls::resolve(&settings)?;
        let target = Target {
            host,
            socket,
            port: settings.port.unwrap_or(DEFAULT_PORT),
            user: settings.user.clone().or_else(|| environment.user()).ok_or_else(no_user)?,
            ssl_mode,
            tls,
            password: settings.password,
            database: settings.database.filter(|name| !name.is_empty()),
            clear_plugin: settings.enable_cleartext_plugin.unwrap_or(false),
            through: None,
            connect_timeout: settings.connect_timeout.unwrap_or(DEFAULT_TIMEOUT),
            first_statement: None,
            warnings: files.warnings,
        };
        target.check()?;
        Ok(target)
    }

    /// The same server, another database, or none.
    #[must_use]
    pub fn with_database(&self, name: Option<&str>) -> Target {
        Target { database: name.map(str::to_owned), ..self.clone() }
    }

    /// The same target reached at another address, such as the near end of a tunnel. Certificates are still held
    /// against the target's own name.
    #[must_use]
    pub fn through(&self, address: SocketAddr) -> Target {
        Target { through: Some(address), ..self.clone() }
    }

    /// The same target, where each connection begins with a statement.
    #[must_use]
    pub fn beginning_with(&self, statement: &'static str) -> Target {
        Target { first_statement: Some(statement), ..self.clone() }
    }

    /// The name or the address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The Unix socket, when that is how the server is reached.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref().filter(|_| self.through.is_none())
    }

    /// The user.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// How much of TLS is asked for.
    pub fn ssl_mode(&self) -> SslMode {
        self.ssl_mode
    }

    /// The longest time that one try of connecting may take.
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// What a person should know about the option files: passwords that others may read, files that were left out.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Refuses what the protocol cannot carry.
    fn check(&self) -> Result<()> {
        let password = self.password.as_ref().map_or("", |password| password.expose());
        let texts = [self.host.as_str(), &self.user, self.database().unwrap_or_default(), password];
        if texts.iter().any(|text| text.contains('\0')) {
            return Err(Error::new(
                ErrorKind::Configuration,
                "a host, user, password or database has a zero byte",
            )
            .hint("check host, user, password and database"));
        }
        if self.host.contains(',') {
            return Err(Error::new(ErrorKind::Unsupported, "several hosts are not supported")
                .hint("name the one server that is meant"));
        }
        Ok(())
    }
}

/// Decides between a host and a socket.
pub(crate) fn place(
    given: &Settings,
    settings: &Settings,
    environment: &dyn Environment,
) -> Result<(String, Option<PathBuf>)> {
    let host = settings.host.as_deref().filter(|host| !host.is_empty());
    if let Some(path) = host.filter(|host| host.starts_with('/')) {
        return Ok((LOCAL.to_owned(), Some(PathBuf::from(path))));
    }
    let remote = host.filter(|host| *host != LOCAL);
    let at_socket = |path: &PathBuf| (LOCAL.to_owned(), Some(path.clone()));
    let found = || environment.sockets().into_iter().find(|path| path.exists());
    Ok(match (settings.protocol, &given.socket, remote) {
        (Some(Protocol::Tcp), _, remote) => (remote.unwrap_or(LOCAL).to_owned(), None),
        (Some(Protocol::Socket), _, _) => {
            let path = settings.socket.clone().or_else(found).ok_or_else(no_socket)?;
            (LOCAL.to_owned(), Some(path))
        }
        (None, Some(_), Some(host)) if given.host.is_some() => {
            return Err(Error::new(ErrorKind::Configuration, "both a host and a socket are given")
                .context("host", host)
                .hint("give one of them, or say by `protocol` which one is meant"));
        }
        (None, Some(path), _) => at_socket(path),
        (None, None, Some(host)) => (host.to_owned(), None),
        (None, None, None) if given.port.is_some() => (LOCAL.to_owned(), None),
        (None, None, None) => (LOCAL.to_owned(), settings.socket.clone().or_else(found)),
    })
}

fn no_user() -> Error {
    Error::new(ErrorKind::Configuration, "it is not known which user to connect as").hint("give a user")
}

fn no_socket() -> Error {
    Error::new(ErrorKind::Configuration, "no Unix socket is named, and none is where servers put them")
        .hint("name it as `socket`, or connect by host and port")
}

#[cfg(test)]
mod tests;
