use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result};

use crate::{Environment, Settings, SslMode};

/// A server, a database and a way in, resolved: nothing more is looked up.
#[derive(Clone, Debug)]
pub struct Target {
    host: String,
    port: u16,
    socket: Option<PathBuf>,
    user: String,
    database: Option<String>,
    ssl_mode: SslMode,
    through: Option<SocketAddr>,
    connect_timeout: Duration,
    warnings: Vec<String>,
}

impl Target {
    /// Finds out where to connect. What is given counts most, then environment variables, then option files, then
    /// defaults.
    ///
    /// # Errors
    /// A setting that makes no sense, or an option file that is not there or cannot be read.
    pub fn resolve(_given: &Settings, _environment: &dyn Environment) -> Result<Target> {
        Err(Error::new(ErrorKind::Unsupported, "not yet"))
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
}
