use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use cadangkan_core::settings::SettingsError;

use crate::{Secret, SessionAttributes, SslMode};

/// What a person or a configuration gave; whatever is missing is looked up by [`Target::resolve`](crate::Target).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// A name, an address, or the absolute folder of a Unix socket; several with commas between them.
    pub host: Option<String>,
    /// An address to connect to, without a look at the name; the name stays what certificates are held against.
    /// Several with commas between them, as many as hosts.
    pub hostaddr: Option<String>,
    /// The port, also of a Unix socket: one for all hosts, or one for each.
    pub port: Option<Ports>,
    /// Which of several servers is meant.
    pub session: Option<SessionAttributes>,
    /// The role to connect as.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The database to connect to.
    pub database: Option<String>,
    /// How much of TLS is asked for.
    pub sslmode: Option<SslMode>,
    /// A file of trusted certificates in PEM, or the word `system`.
    pub sslrootcert: Option<PathBuf>,
    /// A file of revoked certificates in PEM.
    pub sslcrl: Option<PathBuf>,
    /// A folder of such files.
    pub sslcrldir: Option<PathBuf>,
    /// A file with our certificate in PEM.
    pub sslcert: Option<PathBuf>,
    /// A file with the key of our certificate in PEM.
    pub sslkey: Option<PathBuf>,
    /// A password file other than `~/.pgpass`.
    pub passfile: Option<PathBuf>,
    /// A section of the connection service file.
    pub service: Option<String>,
    /// The longest time that one try of connecting may take.
    pub connect_timeout: Option<Duration>,
    /// Command-line options for the server, such as `-c geqo=off`.
    pub options: Option<String>,
}

impl Settings {
    /// Reads a connection URL, `postgres://` or `postgresql://` (manual, "Connection URIs").
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
            hostaddr: self.hostaddr.or(other.hostaddr),
            port: self.port.or(other.port),
            session: self.session.or(other.session),
            user: self.user.or(other.user),
            password: self.password.or(other.password),
            database: self.database.or(other.database),
            sslmode: self.sslmode.or(other.sslmode),
            sslrootcert: self.sslrootcert.or(other.sslrootcert),
            sslcrl: self.sslcrl.or(other.sslcrl),
            sslcrldir: self.sslcrldir.or(other.sslcrldir),
            sslcert: self.sslcert.or(other.sslcert),
            sslkey: self.sslkey.or(other.sslkey),
            passfile: self.passfile.or(other.passfile),
            service: self.service.or(other.service),
            connect_timeout: self.connect_timeout.or(other.connect_timeout),
            options: self.options.or(other.options),
        }
    }

    /// Sets what has this name in libpq, unless it is set already.
    pub(crate) fn fill(&mut self, keyword: &str, value: &str) -> Result<(), String> {
        let text = || Some(value.to_owned());
        let path = || Some(PathBuf::from(value));
        match keyword {
            "host" => fill(&mut self.host, || Ok(text().filter(|text| !text.is_empty())))?,
            "hostaddr" => fill(&mut self.hostaddr, || Ok(text().filter(|text| !text.is_empty())))?,
            "port" => fill(&mut self.port, || value.parse().map(Some))?,
            "target_session_attrs" => fill(&mut self.session, || value.parse().map(Some))?,
            "user" => fill(&mut self.user, || Ok(text()))?,
            "password" => fill(&mut self.password, || Ok(Some(Secret::new(value))))?,
            "dbname" => fill(&mut self.database, || Ok(text()))?,
            "sslmode" => fill(&mut self.sslmode, || value.parse().map(Some))?,
            "sslrootcert" => fill(&mut self.sslrootcert, || Ok(path()))?,
            "sslcrl" => fill(&mut self.sslcrl, || Ok(path()))?,
            "sslcrldir" => fill(&mut self.sslcrldir, || Ok(path()))?,
            "sslcert" => fill(&mut self.sslcert, || Ok(path()))?,
            "sslkey" => fill(&mut self.sslkey, || Ok(path()))?,
            "passfile" => fill(&mut self.passfile, || Ok(path()))?,
            "service" => fill(&mut self.service, || Ok(text()))?,
            "connect_timeout" => fill(&mut self.connect_timeout, || seconds(value))?,
            "options" => fill(&mut self.options, || Ok(text()))?,
            // The name shown by the server's views is ours, whatever program the URL was written for.
            "application_name" | "fallback_application_name" => {}
            _ => return Err(unknown(keyword)),
        }
        Ok(())
    }
}

fn fill<T>(slot: &mut Option<T>, value: impl FnOnce() -> Result<Option<T>, String>) -> Result<(), String> {
    if slot.is_none() {
        *slot = value()?;
    }
    Ok(())
}

/// The ports of several servers; what is missing is the default one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(Vec<Option<u16>>);

impl Ports {
    /// The port of the first host; none for the default one.
    pub fn first(&self) -> Option<u16> {
        self.0.first().copied().flatten()
    }

    /// The port of a host by its place among `count` of them; none for the default one.
    ///
    /// # Errors
    /// When there are neither one nor as many ports as hosts.
    pub(crate) fn of(&self, place: usize, count: usize) -> Result<Option<u16>, String> {
        match self.0.as_slice() {
            [one] => Ok(*one),
            all if all.len() == count => Ok(all.get(place).copied().flatten()),
            all => Err(format!("there are {} ports for {count} hosts", all.len())),
        }
    }
}

impl From<u16> for Ports {
    fn from(port: u16) -> Self {
        Ports(vec![Some(port)])
    }
}

/// As libpq has it: `5432`, or `5432,,5433`.
impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ports: Vec<_> = text.split(',').collect();
        let several = ports.len() > 1;
        let read = |text: &str| match text.trim() {
            "" if several => Ok(None),
            text => {
                let number = text.parse().ok().filter(|number| *number != 0);
                number.map(Some).ok_or_else(|| "the port is not a number from 1 to 65535".to_owned())
            }
        };
        ports.into_iter().map(read).collect::<Result<_, _>>().map(Ports)
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports: Vec<_> =
            self.0.iter().map(|port| port.map_or_else(String::new, |port| port.to_string())).collect();
        f.write_str(&ports.join(","))
    }
}

/// Zero and less mean no limit in libpq; here they mean the default, as every wait has a limit.
fn seconds(value: &str) -> Result<Option<Duration>, String> {
    let number: i64 =
        value.trim().parse().map_err(|_| "connect_timeout is not a number of seconds".to_owned())?;
    Ok(u64::try_from(number).ok().filter(|number| *number > 0).map(Duration::from_secs))
}

/// Shows the keyword only when it looks like one.
fn unknown(keyword: &str) -> String {
    let plain = !keyword.is_empty() && keyword.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let name = if plain { format!("the parameter `{keyword}`") } else { "a parameter".to_owned() };
    format!("{name} is unknown or not supported")
}
