use std::path::PathBuf;
use std::time::Duration;

use cadangkan_core::settings::{self, SettingsError, mistake, time_limit};
use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_engine::{Databases, Names};
use cadangkan_pgwire::{Ports, Secret, Settings, SslMode, SystemEnvironment, Target};
use cadangkan_tunnel::{SshSettings, Way};
use serde::Deserialize;
use serde_json::Value;

/// What can be set, checked.
#[derive(Clone)]
pub(crate) struct Config {
    /// How to connect, as far as it was given; the environment fills the rest when a connection is made.
    pub(crate) given: Settings,
    /// How long to wait for a lock on a table.
    pub(crate) lock_timeout: Duration,
    /// How many connections dump or load at once, at most.
    pub(crate) jobs: usize,
    /// The folder of `pg_dump` and `pg_restore`, when it was given.
    pub(crate) pg_bin: Option<PathBuf>,
    /// The databases of a whole server, when this is not a single one.
    pub(crate) whole: Option<Databases>,
    way: Way,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    host: Option<String>,
    hostaddr: Option<String>,
    port: Option<RawPort>,
    target_session_attrs: Option<String>,
    database: Option<String>,
    databases: Option<Names>,
    exclude_databases: Option<Names>,
    user: Option<String>,
    password: Option<Secret>,
    passfile: Option<PathBuf>,
    service: Option<String>,
    sslmode: Option<String>,
    sslrootcert: Option<PathBuf>,
    sslcrl: Option<PathBuf>,
    sslcrldir: Option<PathBuf>,
    sslcert: Option<PathBuf>,
    sslkey: Option<PathBuf>,
    connect_timeout: Option<String>,
    lock_timeout: Option<String>,
    jobs: Option<usize>,
    pg_bin: Option<PathBuf>,
    ssh: Option<SshSettings>,
    ssh_key: Option<PathBuf>,
}

/// A number, or one for each of several hosts: `5432,5433`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a number from 1 to 65535 is needed, or several with commas between them")]
enum RawPort {
    One(u16),
    Several(String),
}

impl RawPort {
    fn ports(self) -> Result<Ports, SettingsError> {
        match self {
            RawPort::One(port) => Ok(port.into()),
            RawPort::Several(text) => text.parse().map_err(|message: String| mistake("port", &message)),
        }
    }
}

/// As many connections as this machine has cores, from 2 to 4: most servers are where the backup runs, or have as many.
fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4))
}

impl Config {
    /// Reads settings; nothing is looked up or connected to.
    pub(crate) fn read(value: &Value) -> Result<Self, SettingsError> {
        let raw: RawConfig = settings::parse(value)?;
        let sslmode = match raw.sslmode.as_deref() {
            None => None,
            Some(text) => Some(text.parse::<SslMode>().map_err(|_| {
                mistake("sslmode", "one of disable, allow, prefer, require, verify-ca, verify-full is needed")
            })?),
        };
        let session = raw.target_session_attrs.map(|text| text.parse());
        let session =
            session.transpose().map_err(|message: String| mistake("target_session_attrs", &message))?;
        let jobs = raw.jobs.unwrap_or_else(default_jobs);
        if !(1..=64).contains(&jobs) {
            return Err(mistake("jobs", "a number of connections from 1 to 64 is needed"));
        }
        let whole = Databases::read(raw.databases, raw.exclude_databases)?;
        // Every server has this one, for work on others (manual, initdb).
        let first = whole.as_ref().map(|_| "postgres".to_owned());
        Ok(Config {
            given: Settings {
                host: raw.host,
                hostaddr: raw.hostaddr,
                port: raw.port.map(RawPort::ports).transpose()?,
                session,
                database: raw.database.or(first),
                user: raw.user,
                password: raw.password,
                passfile: raw.passfile,
                service: raw.service,
                sslmode,
                sslrootcert: raw.sslrootcert,
                sslcrl: raw.sslcrl,
                sslcrldir: raw.sslcrldir,
                sslcert: raw.sslcert,
                sslkey: raw.sslkey,
                connect_timeout: time_limit("connect_timeout", raw.connect_timeout.as_deref())?,
                ..Settings::default()
            },
            lock_timeout: time_limit("lock_timeout", raw.lock_timeout.as_deref())?
                .unwrap_or(Duration::from_secs(60)),
            jobs,
            pg_bin: raw.pg_bin,
            way: Way::new(raw.ssh, raw.ssh_key)?,
            whole,
        })
    }

    /// Fills in what the environment knows: `PG*` variables, service file, password file.
    pub(crate) fn resolve(&self) -> Result<Target> {
        Target::resolve(&self.given, &SystemEnvironment)
    }

    /// The settings of one database of the server; they share the way to it.
    pub(crate) fn single(&self, database: &str) -> Self {
        let given = Settings { database: Some(database.to_owned()), ..self.given.clone() };
        Config { given, whole: None, ..self.clone() }
    }

    /// What to connect to: through the SSH host where there is one. Good as long as this or a copy of it lives.
    pub(crate) fn target(&self) -> Result<Target> {
        let target = self.resolve()?;
        if self.way.is_through() && target.is_several() {
            return Err(Error::new(ErrorKind::Unsupported, "a way through an SSH host leads to one server")
                .context("host", target.host())
                .hint("name the one server that is meant, or go without `ssh`"));
        }
        Ok(match self.way.through(&target.host(), target.port())? {
            Some(address) => target.through(address),
            None => target,
        })
    }

    /// Says why a connection failed where the way through the SSH host was the reason.
    pub(crate) fn explain(&self, error: Error) -> Error {
        self.way.explain(error)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_name_the_mistake() {
        let wrong = |value: Value| Config::read(&value).err().unwrap().path;
        assert_eq!(wrong(json!({ "sslmode": "sometimes" })), ["sslmode"]);
        assert_eq!(wrong(json!({ "jobs": 0 })), ["jobs"]);
        assert_eq!(wrong(json!({ "jobs": 65 })), ["jobs"]);
        assert_eq!(wrong(json!({ "port": 65_536 })), ["port"]);
        assert_eq!(wrong(json!({ "prot": 1 })), ["prot"]);
        assert_eq!(wrong(json!({ "ssh": "-oProxyCommand=x" })), ["ssh"]);
        assert_eq!(wrong(json!({ "ssh": { "host": "a b" } })), ["ssh"]);
        assert_eq!(wrong(json!({ "ssh_key": "/k" })), ["ssh_key"]);
        assert_eq!(wrong(json!({ "databases": [1] })), ["databases"]);
        assert_eq!(wrong(json!({ "exclude_databases": ["x"] })), ["exclude_databases"]);
        assert!(
            Config::read(&json!({ "ssh": { "host": "bastion", "user": "me" }, "ssh_key": "/k" })).is_ok()
        );
        for bad in ["0s", "10", "2d", "-1s"] {
            assert_eq!(wrong(json!({ "lock_timeout": bad })), ["lock_timeout"], "{bad}");
        }
    }

    #[test]
    fn a_whole_server_is_connected_to_by_the_database_that_every_server_has() {
        let first = |value: Value| Config::read(&value).unwrap().given.database;
        assert_eq!(first(json!({ "databases": ["*"] })).as_deref(), Some("postgres"));
        assert_eq!(first(json!({ "databases": "*", "database": "app" })).as_deref(), Some("app"));
        let whole = Config::read(&json!({ "databases": "*" })).unwrap();
        assert_eq!(whole.single("x y").given.database.as_deref(), Some("x y"));
        assert!(whole.single("x y").whole.is_none());
    }

    #[test]
    fn nothing_needs_to_be_given() {
        let config = Config::read(&json!({})).unwrap();
        assert!((2..=4).contains(&config.jobs));
        assert_eq!(config.lock_timeout, Duration::from_secs(60));
    }
}
