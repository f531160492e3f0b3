use std::borrow::Cow;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_wire::TlsSettings;

use crate::hosts::{self, Host, Hosts};
use crate::passfile::{self, Passwords};
use crate::{Environment, Secret, SessionAttributes, Settings, SslMode, service, tls, variables};

const DEFAULT_PORT: u16 = 5432;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// Where servers put their Unix sockets: Debian and Red Hat, then PostgreSQL's own default.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// A server, a database and a way in, resolved: nothing more is looked up.
#[derive(Clone, Debug)]
pub struct Target {
    pub(crate) host: String,
    pub(crate) hostaddr: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) password: Option<Secret>,
    pub(crate) stored: Passwords,
    pub(crate) hosts: Hosts,
    pub(crate) session: SessionAttributes,
    pub(crate) sslmode: SslMode,
    pub(crate) tls: TlsSettings,
    pub(crate) through: Option<SocketAddr>,
    pub(crate) connect_timeout: Duration,
    pub(crate) options: Option<String>,
    pub(crate) client_encoding: Option<String>,
}

impl Target {
    /// Finds out where to connect. What is given counts most, then the service file, then the variables whose
    /// names begin with `PG`, then defaults (manual, "Database Connection Control Functions").
    ///
    /// # Errors
    /// A setting that makes no sense, a service or file that is not there, or a file that others may read.
    pub fn resolve(given: &Settings, environment: &dyn Environment) -> Result<Target> {
        let from_variables = variables::read(environment)?;
        let service = given.service.as_ref().or(from_variables.service.as_ref());
        let from_service = match service {
            Some(service) => service::look_up(service, environment)?,
            None => Settings::default(),
        };
        let settings = given.clone().or(from_service).or(from_variables);
        let user = settings.user.clone().or_else(|| environment.user()).ok_or_else(no_user)?;
        let hosts = find_hosts(&settings, environment, &user)?;
        let Host { name: host, address: hostaddr, port, stored } =
            hosts.first().cloned().ok_or_else(|| Error::new(ErrorKind::Configuration, "no host is named"))?;
        let (sslmode, tls) = tls::resolve(&settings, environment.home().as_deref())?;
        let target = Target {
            sslmode,
            tls,
            database: settings.database.unwrap_or_else(|| user.clone()),
            password: settings.password,
            connect_timeout: settings.connect_timeout.unwrap_or(DEFAULT_TIMEOUT),
            options: settings.options,
            through: None,
            client_encoding: None,
            session: settings.session.unwrap_or_default(),
            hosts: Hosts::new(hosts),
            host,
            hostaddr,
            port,
            user,
            stored,
        };
        target.check()?;
        Ok(target)
    }

    /// The same server, another database; of a password file's lines the one for that database counts.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Target {
        Target { database: name.to_owned(), ..self.clone() }
    }

    /// The same target reached at another address, such as the near end of a tunnel. Certificates are still held
    /// against the target's own name.
    #[must_use]
    pub fn through(&self, address: SocketAddr) -> Target {
        Target { through: Some(address), ..self.clone() }
    }

    /// The same target, with texts in another encoding than UTF-8, by the server's name of it.
    #[must_use]
    pub fn with_client_encoding(&self, encoding: &str) -> Target {
        Target { client_encoding: Some(encoding.to_owned()), ..self.clone() }
    }

    /// The name, the address, or the folder of the Unix socket; of several servers all, with commas between them.
    pub fn host(&self) -> Cow<'_, str> {
        if self.hosts.are_several() { self.hosts.names().into() } else { self.host.as_str().into() }
    }

    /// Whether it names several servers, of which the first that fits is taken.
    pub fn is_several(&self) -> bool {
        self.hosts.are_several()
    }

    /// The port; of several servers that of the first.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The role.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The longest time that one try of connecting may take.
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// The environment of a program that uses libpq and is to reach the same target; `None` removes a variable.
    ///
    /// Of several servers it is the one to which a connection was made, of a target that is a copy of the same one.
    /// Of the variables that libpq reads, all are named here, so that none of ours leads the program elsewhere.
    pub fn libpq_environment(&self) -> Vec<(&'static str, Option<OsString>)> {
        variables::write(&hosts::settled(self))
    }

    pub(crate) fn password(&self) -> Option<&Secret> {
        let stored = || {
            let fits = |database: &str| database == "*" || database == self.database;
            self.stored.iter().find(|(database, _)| fits(database)).map(|(_, secret)| secret)
        };
        self.password.as_ref().or_else(stored)
    }

    /// The socket's file, when that is how the server is reached.
    pub(crate) fn unix_socket(&self) -> Option<PathBuf> {
        let local = self.host.starts_with('/') && self.hostaddr.is_none() && self.through.is_none();
        local.then(|| socket_file(&self.host, self.port))
    }

    /// The name that certificates are held against; a folder means nothing once a tunnel leads elsewhere.
    pub(crate) fn named_host(&self) -> String {
        match self.through {
            Some(address) if self.host.starts_with('/') => address.ip().to_string(),
            _ => self.host.clone(),
        }
    }

    /// Refuses what the protocol cannot carry.
    fn check(&self) -> Result<()> {
        let texts = [&self.host, &self.user, &self.database];
        if texts.iter().any(|text| text.is_empty() || text.contains('\0')) {
            return Err(Error::new(
                ErrorKind::Configuration,
                "a host, user or database is empty or has a zero byte",
            )
            .hint("check host, user and database"));
        }
        Ok(())
    }
}

/// Finds all servers with their ports and passwords.
fn find_hosts(settings: &Settings, environment: &dyn Environment, user: &str) -> Result<Vec<Host>> {
    let list = |text: &Option<String>| -> Vec<String> {
        text.iter().flat_map(|text| text.split(',')).map(|part| part.trim().to_owned()).collect()
    };
    let (names, addresses) = (list(&settings.host), list(&settings.hostaddr));
    let count = names.len().max(addresses.len()).max(1);
    let wrong = |message: String| {
        Error::new(ErrorKind::Configuration, message)
            .hint("give one port for all hosts or one for each, and as many addresses as names")
    };
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(wrong(format!("there are {} addresses for {} hosts", addresses.len(), names.len())));
    }
    let find = |place: usize| -> Result<Host> {
        let given = |list: &[String]| list.get(place).filter(|text| !text.is_empty()).cloned();
        let port = settings.port.as_ref().map_or(Ok(None), |ports| ports.of(place, count)).map_err(wrong)?;
        let port = port.unwrap_or(DEFAULT_PORT);
        let address = given(&addresses).as_deref().map(parse_address).transpose()?;
        let name = given(&names).or_else(|| given(&addresses)).unwrap_or_else(|| default_host(port));
        let stored = match &settings.password {
            Some(_) => Passwords::new(),
            None => stored_passwords(settings, environment, &name, port, user)?,
        };
        Ok(Host { name, address, port, stored })
    };
    (0..count).map(find).collect()
}

fn stored_passwords(
    settings: &Settings,
    environment: &dyn Environment,
    host: &str,
    port: u16,
    user: &str,
) -> Result<Passwords> {
    let default = || environment.home().map(|home| home.join(".pgpass"));
    let Some(path) = settings.passfile.clone().or_else(default) else { return Ok(Passwords::new()) };
    let host = if SOCKET_FOLDERS.contains(&host) { "localhost" } else { host };
    passfile::read(&path, host, port, user)
}

fn parse_address(text: &str) -> Result<IpAddr> {
    text.parse().map_err(|error| {
        Error::new(ErrorKind::Configuration, "hostaddr is not an address")
            .context("hostaddr", text)
            .source(error)
            .hint("give a name as `host`; `hostaddr` takes numbers only, such as 192.0.2.7")
    })
}

fn default_host(port: u16) -> String {
    let local = SOCKET_FOLDERS.iter().find(|folder| socket_file(folder, port).exists());
    (*local.unwrap_or(&"localhost")).to_owned()
}

fn socket_file(folder: &str, port: u16) -> PathBuf {
    Path::new(folder).join(format!(".s.PGSQL.{port}"))
}

fn no_user() -> Error {
    Error::new(ErrorKind::Configuration, "it is not known which role to connect as")
        .hint("give a user, or set PGUSER")
}

#[cfg(test)]
mod tests;
