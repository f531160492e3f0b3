use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use cadangkan_core::settings::SettingsError;
use serde::Deserialize;

use crate::{Secret, SslMode};

/// What a person or a configuration gave; whatever is missing is looked up by [`Target::resolve`](crate::Target).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// A name or an address; `localhost` is the Unix socket where one is found; a path is that socket.
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
    /// A file of revoked certificates in PEM.
    pub ssl_crl: Option<PathBuf>,
    /// A folder of such files.
    pub ssl_crlpath: Option<PathBuf>,
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

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Protocol::Tcp),
            "socket" => Ok(Protocol::Socket),
            _ => Err("protocol is one of tcp, socket".to_owned()),
        }
    }
}

impl Settings {
    /// Reads a connection URL, `mysql://` or `mariadb://`, whose parameters are the clients' options, such as
    /// `ssl-mode`.
    ///
    /// # Errors
    /// Names a parameter that is unknown or wrong; other parts of the URL are never repeated, as a character that
    /// was not percent-encoded may have moved the password there.
    pub fn from_url(url: &str) -> Result<Settings, SettingsError> {
        crate::url::parse(url).map_err(|message| SettingsError { path: Vec::new(), message })
    }

    /// Takes from `other` whatever is missing here.
    pub(crate) fn or(self, other: Settings) -> Settings {
        Settings {
            host: self.host.or(other.host),
            port: self.port.or(other.port),
            socket: self.socket.or(other.socket),
            protocol: self.protocol.or(other.protocol),
            user: self.user.or(other.user),
            password: self.password.or(other.password),
            database: self.database.or(other.database),
            ssl_mode: self.ssl_mode.or(other.ssl_mode),
            ssl_ca: self.ssl_ca.or(other.ssl_ca),
            ssl_crl: self.ssl_crl.or(other.ssl_crl),
            ssl_crlpath: self.ssl_crlpath.or(other.ssl_crlpath),
            ssl_cert: self.ssl_cert.or(other.ssl_cert),
            ssl_key: self.ssl_key.or(other.ssl_key),
            connect_timeout: self.connect_timeout.or(other.connect_timeout),
            enable_cleartext_plugin: self.enable_cleartext_plugin.or(other.enable_cleartext_plugin),
            defaults_file: self.defaults_file.or(other.defaults_file),
            defaults_extra_file: self.defaults_extra_file.or(other.defaults_extra_file),
            defaults_group_suffix: self.defaults_group_suffix.or(other.defaults_group_suffix),
            no_defaults: self.no_defaults.or(other.no_defaults),
        }
    }

    /// Sets what has this name among the clients' options; false when none has. `value` is missing where an option
    /// stands alone. Of two the later one counts.
    pub(crate) fn set(&mut self, option: &str, value: Option<&str>) -> Result<bool, String> {
        let text = value.unwrap_or_default();
        let path = || Some(PathBuf::from(text)).filter(|path| !path.as_os_str().is_empty());
        let word = || Some(text.to_owned()).filter(|text| !text.is_empty());
        match option {
            "host" => self.host = word(),
            "port" => self.port = port(text)?,
            "socket" => self.socket = path(),
            "protocol" => self.protocol = Some(text.parse()?),
            "user" => self.user = word(),
            // Alone it means to ask for one, which is not done here.
            "password" => self.password = value.map(Secret::new),
            "database" => self.database = word(),
            "ssl-mode" => self.ssl_mode = Some(text.parse()?),
            "ssl-ca" => self.ssl_ca = path(),
            "ssl-crl" => self.ssl_crl = path(),
            "ssl-crlpath" => self.ssl_crlpath = path(),
            "ssl-cert" => self.ssl_cert = path(),
            "ssl-key" => self.ssl_key = path(),
            "connect-timeout" => self.connect_timeout = seconds(text)?,
            "enable-cleartext-plugin" => self.enable_cleartext_plugin = Some(switch(option, value)?),
            _ => return self.set_ssl(option, value),
        }
        Ok(true)
    }

    /// MariaDB's options, which say by two switches what `ssl-mode` says in one word.
    fn set_ssl(&mut self, option: &str, value: Option<&str>) -> Result<bool, String> {
        match option {
            "ssl" if switch(option, value)? => {
                self.ssl_mode.get_or_insert(SslMode::Required);
            }
            "ssl" => self.ssl_mode = Some(SslMode::Disabled),
            "skip-ssl" => self.ssl_mode = Some(SslMode::Disabled),
            "ssl-verify-server-cert" if switch(option, value)? => {
                self.ssl_mode = Some(SslMode::VerifyIdentity)
            }
            // As it is without it.
            "ssl-verify-server-cert" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn port(value: &str) -> Result<Option<u16>, String> {
    if value.is_empty() || value == "0" {
        // The clients' way to say that the usual one is meant.
        return Ok(None);
    }
    value.parse().map(Some).map_err(|_| "the port is not a number from 1 to 65535".to_owned())
}

/// Zero means no limit in the clients; here it means the default, as every wait has a limit.
fn seconds(value: &str) -> Result<Option<Duration>, String> {
    let number: u64 = value.parse().map_err(|_| "connect-timeout is not a number of seconds".to_owned())?;
    Ok(Some(number).filter(|number| *number > 0).map(Duration::from_secs))
}

fn switch(option: &str, value: Option<&str>) -> Result<bool, String> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        None | Some("1" | "on" | "true" | "yes") => Ok(true),
        Some("0" | "off" | "false" | "no") => Ok(false),
        Some(_) => Err(format!("{option} is either on or off")),
    }
}
