use std::path::PathBuf;
use std::time::Duration;

use cadangkan_core::settings::{self, SettingsError, mistake, time_limit};
use cadangkan_core::{Error, Result};
use cadangkan_engine::{Databases, Names};
use cadangkan_mywire::{Secret, Settings, SslMode, SystemEnvironment, Target};
use cadangkan_tunnel::{SshSettings, Way};
use serde::Deserialize;
use serde_json::Value;

/// What can be set, checked.
#[derive(Clone)]
pub(crate) struct Config {
    /// How to connect, as far as it was given; option files and the environment fill the rest.
    pub(crate) given: Settings,
    /// How long to wait for locks.
    pub(crate) lock_timeout: Duration,
    /// How many connections dump or load at once, at most.
    pub(crate) jobs: usize,
    /// The databases of a whole server, when this is not a single one.
    pub(crate) whole: Option<Databases>,
    /// Whether this is one of a whole server's databases.
    pub(crate) of_many: bool,
    way: Way,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    host: Option<String>,
    port: Option<u16>,
    socket: Option<PathBuf>,
    database: Option<String>,
    databases: Option<Names>,
    exclude_databases: Option<Names>,
    user: Option<String>,
    password: Option<Secret>,
    ssl_mode: Option<String>,
    ssl_ca: Option<PathBuf>,
    ssl_crl: Option<PathBuf>,
    ssl_crlpath: Option<PathBuf>,
    ssl_cert: Option<PathBuf>,
    ssl_key: Option<PathBuf>,
    defaults_file: Option<PathBuf>,
    defaults_group_suffix: Option<String>,
    enable_cleartext_plugin: Option<bool>,
    connect_timeout: Option<String>,
    lock_timeout: Option<String>,
    jobs: Option<usize>,
    ssh: Option<SshSettings>,
    ssh_key: Option<PathBuf>,
}

impl Config {
    /// Reads settings; nothing is looked up or connected to.
    pub(crate) fn read(value: &Value) -> Result<Self, SettingsError> {
        let raw: RawConfig = settings::parse(value)?;
        let ssl_mode = match raw.ssl_mode.as_deref() {
            None => None,
            Some(text) => Some(text.parse::<SslMode>().map_err(|_| {
                mistake(
                    "ssl_mode",
                    "one of disabled, preferred, required, verify-ca, verify-identity is needed",
                )
            })?),
        };
        let jobs = raw.jobs.unwrap_or(4);
        if !(1..=64).contains(&jobs) {
            return Err(mistake("jobs", "a number of connections from 1 to 64 is needed"));
        }
        let whole = Databases::read(raw.databases, raw.exclude_databases)?;
        Ok(Config {
            given: Settings {
                host: raw.host,
                port: raw.port,
                socket: raw.socket,
                database: raw.database,
                user: raw.user,
                password: raw.password,
                ssl_mode,
                ssl_ca: raw.ssl_ca,
                ssl_crl: raw.ssl_crl,
                ssl_crlpath: raw.ssl_crlpath,
                ssl_cert: raw.ssl_cert,
                ssl_key: raw.ssl_key,
                defaults_file: raw.defaults_file,
                defaults_group_suffix: raw.defaults_group_suffix,
                enable_cleartext_plugin: raw.enable_cleartext_plugin,
                connect_timeout: time_limit("connect_timeout", raw.connect_timeout.as_deref())?,
                ..Settings::default()
            },
            lock_timeout: time_limit("lock_timeout", raw.lock_timeout.as_deref())?
                .unwrap_or(Duration::from_secs(60)),
            jobs,
            way: Way::new(raw.ssh, raw.ssh_key)?,
            whole,
            of_many: false,
        })
    }

    /// Fills in what option files and the environment know.
    pub(crate) fn resolve(&self) -> Result<Target> {
        Target::resolve(&self.given, &SystemEnvironment)
    }

    /// The settings of one database of the server; they share the way to it.
    pub(crate) fn single(&self, database: &str) -> Self {
        let given = Settings { database: Some(database.to_owned()), ..self.given.clone() };
        Config { given, whole: None, of_many: true, ..self.clone() }
    }

    /// What to connect to: through the SSH host where there is one. Good as long as this or a copy of it lives.
    pub(crate) fn target(&self) -> Result<Target> {
        let target = self.resolve()?;
        Ok(match self.way.through(target.host(), target.port())? {
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
        assert_eq!(wrong(json!({ "ssl_mode": "sometimes" })), ["ssl_mode"]);
        assert_eq!(wrong(json!({ "jobs": 0 })), ["jobs"]);
        assert_eq!(wrong(json!({ "port": 65_536 })), ["port"]);
        assert_eq!(wrong(json!({ "prot": 1 })), ["prot"]);
        assert_eq!(wrong(json!({ "ssh": "-oProxyCommand=x" })), ["ssh"]);
        assert_eq!(wrong(json!({ "ssh_key": "/k" })), ["ssh_key"]);
        assert_eq!(wrong(json!({ "databases": [1] })), ["databases"]);
        assert_eq!(wrong(json!({ "exclude_databases": ["x"] })), ["exclude_databases"]);
        for bad in ["0s", "10", "2d", "-1s"] {
            assert_eq!(wrong(json!({ "lock_timeout": bad })), ["lock_timeout"], "{bad}");
        }
    }

    #[test]
    fn nothing_needs_to_be_given() {
        let config = Config::read(&json!({})).unwrap();
        assert_eq!((config.jobs, config.lock_timeout), (4, Duration::from_secs(60)));
        let whole = Config::read(&json!({ "databases": "*" })).unwrap();
        assert_eq!(whole.single("x y").given.database.as_deref(), Some("x y"));
        assert!(whole.whole.is_some() && whole.single("x y").whole.is_none());
    }
}
