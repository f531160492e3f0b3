//! What can be set, read and checked.

use std::path::PathBuf;
use std::time::Duration;

use cadangkan_core::settings::{self, SettingsError, mistake};
use cadangkan_storage::Url;
use cadangkan_storage::encoding::{encode, encode_path};
use cadangkan_storage::tls::is_this_machine;
use serde::Deserialize;
use serde_json::{Map, Value};

const TIMEOUT: Duration = Duration::from_secs(60);

/// How to reach the server, and the folder on it.
pub(crate) struct Settings {
    pub(crate) host: String,
    port: Option<u16>,
    pub(crate) user: String,
    /// A secret.
    pub(crate) password: String,
    /// Without a slash at its end; empty for the root.
    pub(crate) path: String,
    pub(crate) tls: Tls,
    pub(crate) authorities: Option<PathBuf>,
    /// Longest wait for any progress.
    pub(crate) timeout: Duration,
}

/// When a session has TLS.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tls {
    /// From `AUTH TLS` on, before the login.
    #[default]
    Explicit,
    /// From the first byte on.
    Implicit,
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    host: String,
    port: Option<u16>,
    user: String,
    password: Option<String>,
    path: String,
    #[serde(default)]
    tls: Tls,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    allow_plain: bool,
    timeout: Option<String>,
}

/// Reads settings, without connecting.
pub(crate) fn read(settings: &Value) -> Result<Settings, SettingsError> {
    let written: Written = settings::parse(settings)?;
    let password = written.password.unwrap_or_default();
    for (key, text, needed) in [
        ("host", &written.host, true),
        ("user", &written.user, true),
        ("password", &password, false),
        ("path", &written.path, true),
    ] {
        if needed && text.is_empty() || text.chars().any(char::is_control) {
            return Err(mistake(key, "it is empty, or has a character that a command of FTP cannot carry"));
        }
    }
    if written.host.contains(['/', '@', ' ']) {
        return Err(mistake("host", "a host's name or address is needed"));
    }
    if written.tls == Tls::None && !written.allow_plain && !is_this_machine(&written.host) {
        return Err(mistake(
            "tls",
            "without TLS anybody in between reads the password and changes what is sent: use `explicit` or \
             `implicit`, or consent with `allow_plain: true`",
        ));
    }
    Ok(Settings {
        host: written.host,
        port: written.port,
        user: written.user,
        password,
        path: written.path.trim_end_matches('/').to_owned(),
        tls: written.tls,
        authorities: written.ca_file,
        timeout: settings::time_limit("timeout", written.timeout.as_deref())?.unwrap_or(TIMEOUT),
    })
}

/// Reads `ftps://user@host/folder` (with TLS by `AUTH TLS`, or from the first byte on port 990), or `ftp://` for a
/// server without TLS; a path that begins with `/~/` begins where the login does.
pub(crate) fn parse_url(text: &str) -> Option<Result<Value, SettingsError>> {
    let (secure, url) = [(true, "ftps"), (false, "ftp")]
        .into_iter()
        .find_map(|(secure, scheme)| Some((secure, Url::parse(text, scheme)?)))?;
    Some(url.and_then(Url::expect_host).map(|url| {
        let path = match url.path.strip_prefix("/~/") {
            Some(path) => path.to_owned(),
            None if url.path.is_empty() => "/".to_owned(),
            None => url.path,
        };
        let tls = match (secure, url.port) {
            (false, _) => "none",
            (true, Some(990)) => "implicit",
            (true, _) => "explicit",
        };
        let mut settings = Map::new();
        settings.insert("host".to_owned(), url.host.into());
        settings.extend(url.port.map(|port| ("port".to_owned(), port.into())));
        settings.extend(url.user.map(|user| ("user".to_owned(), user.into())));
        settings.extend(url.password.map(|password| ("password".to_owned(), password.into())));
        settings.insert("path".to_owned(), path.into());
        settings.insert("tls".to_owned(), tls.into());
        Value::Object(settings)
    }))
}

impl Settings {
    /// Where it is, as a URL without secrets.
    pub(crate) fn location(&self) -> String {
        let scheme = if self.tls == Tls::None { "ftp" } else { "ftps" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = match (self.port, self.tls) {
            (None, Tls::Implicit) => ":990".to_owned(),
            (port, _) => port.map_or_else(String::new, |port| format!(":{port}")),
        };
        let path = if self.path.is_empty() || self.path.starts_with('/') {
            encode_path(&self.path)
        } else {
            format!("/~/{}", encode_path(&self.path))
        };
        format!("{scheme}://{}@{host}{port}{path}", encode(&self.user))
    }

    /// The port for commands.
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls == Tls::Implicit { 990 } else { 21 })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn urls_are_read_and_a_location_is_one() {
        for (url, settings) in [
            (
                "ftps://me%40here@host:2121/srv/a%20b",
                json!({ "host": "host", "port": 2121, "user": "me@here", "path": "/srv/a b", "tls": "explicit" }),
            ),
            (
                "ftps://me@host:990/~/b",
                json!({ "host": "host", "port": 990, "user": "me", "path": "b", "tls": "implicit" }),
            ),
            ("ftp://me@[::1]/b", json!({ "host": "::1", "user": "me", "path": "/b", "tls": "none" })),
        ] {
            assert_eq!(parse_url(url).unwrap().unwrap(), settings);
            assert_eq!(read(&settings).unwrap().location(), url);
        }
        assert_eq!(parse_url("ftp://u:p%2F@host").unwrap().unwrap()["password"], "p/");
        let implicit = json!({ "host": "host", "user": "u", "path": "/", "tls": "implicit" });
        let implicit = read(&implicit).unwrap();
        assert_eq!((implicit.location(), implicit.port()), ("ftps://u@host:990".to_owned(), 990));
        assert!(parse_url("ftp:///b").unwrap().is_err() && parse_url("sftp://host/b").is_none());
    }

    #[test]
    fn what_makes_no_sense_is_named_by_its_key() {
        let with = |key: &str, value: Value| {
            let mut settings = json!({ "host": "host", "user": "me", "path": "b" });
            settings[key] = value;
            settings
        };
        for (key, value) in [
            ("host", json!("")),
            ("host", json!("a/b")),
            ("user", json!("a\r\nDELE b")),
            ("password", json!("a\nb")),
            ("path", json!("")),
            ("tls", json!("none")),
            ("tls", json!("sometimes")),
            ("timeout", json!("never")),
        ] {
            let settings = with(key, value);
            let mistaken = read(&settings).map(|_| Vec::new()).unwrap_or_else(|error| error.path);
            assert_eq!(mistaken, [key], "{settings}");
        }
        let consented =
            json!({ "host": "host", "user": "u", "path": "b", "tls": "none", "allow_plain": true });
        assert!(read(&consented).is_ok());
    }
}
