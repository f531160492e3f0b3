use std::path::PathBuf;
use std::time::Duration;

use cadangkan_core::settings::SettingsError;
use serde::Deserialize;

use crate::{Secret, SslMode};

/// What a person or a configuration gave; whatever is missing is looked up by [`Target::resolve`](crate::Target).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// A name or an address; `localhost` is the Unix socket where one is found.
    pub host: Option<String>,
    /// The port; given here, it makes `localhost` mean TCP.
    pub port: Option<u16>,
    /// The file of a Unix socket.
    pub socket: Option<PathBuf>,
    /// What `localhost` means.
    pub protocol: Option<Protocol>,
    /// The user to connect as.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The database to begin in.
    pub database: Option<String>,
    /// How much of TLS is asked for.
    pub ssl_mode: Option<SslMode>,
    /// A file of trusted certificates in PEM.
    pub ssl_ca: Option<PathBuf>,
    /// A file with our certificate in PEM.
    pub ssl_cert: Option<PathBuf>,
    /// A file with the key of our certificate in PEM.
    pub ssl_key: Option<PathBuf>,
    /// The longest time that one try of connecting may take.
    pub connect_timeout: Option<Duration>,
    /// Whether a server may be given the password in the clear, within TLS only (`mysql_clear_password`).
    pub enable_cleartext_plugin: Option<bool>,
    /// The one option file to read, instead of the usual ones.
    pub defaults_file: Option<PathBuf>,
    /// An option file to read before the person's own.
    pub defaults_extra_file: Option<PathBuf>,
    /// Groups of this suffix count as well: `_shop` reads `[client]` and `[client_shop]`.
    pub defaults_group_suffix: Option<String>,
    /// Whether no option file is read at all.
    pub no_defaults: Option<bool>,
}

/// How a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// By host and port.
    Tcp,
    /// By a Unix socket.
    Socket,
}

impl Settings {
    /// Reads a connection URL, `mysql://` or `mariadb://`.
    ///
    /// # Errors
    /// Names a parameter that is unknown or wrong; other parts of the URL are never repeated, as a character that
    /// was not percent-encoded may have moved the password there.
    pub fn from_url(_url: &str) -> Result<Settings, SettingsError> {
        Err(SettingsError { path: Vec::new(), message: "not yet".to_owned() })
    }
}
