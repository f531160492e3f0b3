//! What can be set, read and checked.

use std::path::PathBuf;
use std::time::Duration;

use cadangkan_core::settings::{self, SettingsError, mistake};
use cadangkan_storage::Url;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest secret, in bytes: it goes through a pipe in one piece.
const LONGEST_SECRET: usize = 2000;
const TIMEOUT: Duration = Duration::from_secs(60);

/// How to reach the server, and the folder on it.
pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) user: Option<String>,
    /// Without a slash at its end, unless it is the root.
    pub(crate) path: String,
    pub(crate) key: Option<PathBuf>,
    pub(crate) secret: Option<Secret>,
    pub(crate) known_hosts: Option<PathBuf>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) timeout: Duration,
}

/// What `ssh` asks for.
pub(crate) enum Secret {
    Password(String),
    Passphrase(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    host: String,
    port: Option<u16>,
    user: Option<String>,
    path: String,
    key: Option<PathBuf>,
    passphrase: Option<String>,
    password: Option<String>,
    known_hosts: Option<PathBuf>,
    ssh_config: Option<PathBuf>,
    timeout: Option<String>,
}

/// Reads settings, without connecting.
pub(crate) fn read(settings: &Value) -> Result<Settings, SettingsError> {
    let written: Written = settings::parse(settings)?;
    if !is_plain(&written.host) {
        return Err(mistake("host", "a host's name or address is needed"));
    }
    if !written.user.as_deref().is_none_or(is_plain) {
        return Err(mistake("user", "not the name of a user"));
    }
    if written.path.is_empty() || written.path.chars().any(char::is_control) {
        return Err(mistake("path", "a folder on the server is needed, such as `backups` or `/srv/backups`"));
    }
    for (name, path) in [("known_hosts", &written.known_hosts), ("ssh_config", &written.ssh_config)] {
        let text = path.as_ref().map(|path| path.to_string_lossy());
        if text.is_some_and(|text| text.contains('"') || text.chars().any(char::is_control)) {
            return Err(mistake(name, "ssh cannot read such a path"));
        }
    }
    let secret = match (written.password, written.passphrase) {
        (None, None) => None,
        (Some(password), None) if written.key.is_none() => Some(("password", Secret::Password(password))),
        (None, Some(passphrase)) if written.key.is_some() => {
            Some(("passphrase", Secret::Passphrase(passphrase)))
        }
        (Some(_), _) => return Err(mistake("password", "a password is for logins without `key`")),
        (None, Some(_)) => return Err(mistake("passphrase", "a passphrase is that of a `key`")),
    };
    if let Some((name, Secret::Password(text) | Secret::Passphrase(text))) = &secret
        && (text.is_empty() || text.len() > LONGEST_SECRET || text.contains(['\n', '\0']))
    {
        return Err(mistake(name, "it is empty, too long, or has a line break in it"));
    }
    Ok(Settings {
        host: written.host,
        port: written.port,
        user: written.user,
        path: match written.path.trim_end_matches('/') {
            "" => "/".to_owned(),
            path => path.to_owned(),
        },
        key: written.key,
        secret: secret.map(|(_, secret)| secret),
        known_hosts: written.known_hosts,
        config: written.ssh_config,
        timeout: settings::time_limit("timeout", written.timeout.as_deref())?.unwrap_or(TIMEOUT),
    })
}

/// Reads `sftp://user@host:22/folder`; a path that begins with `/~/` begins in the user's home.
pub(crate) fn parse_url(text: &str) -> Option<Result<Value, SettingsError>> {
    Some(Url::parse(text, "sftp")?.and_then(Url::expect_host).map(|url| {
        let path = match url.path.strip_prefix("/~/") {
            Some(path) => path.to_owned(),
            None if url.path.is_empty() => "/".to_owned(),
            None => url.path,
        };
        let mut settings = Map::new();
        settings.insert("host".to_owned(), url.host.into());
        settings.extend(url.port.map(|port| ("port".to_owned(), port.into())));
        settings.extend(url.user.map(|user| ("user".to_owned(), user.into())));
        settings.extend(url.password.map(|password| ("password".to_owned(), password.into())));
        settings.insert("path".to_owned(), path.into());
        Value::Object(settings)
    }))
}

/// Refuses what `ssh` would take for an option or for more than one word, and what a shell would act on: a
/// `ProxyCommand` with `%h` or `%r` goes through one, and only OpenSSH 9.6 and newer look at that themselves.
fn is_plain(text: &str) -> bool {
    let special = |character: char| {
        character.is_whitespace() || character.is_control() || "'`\"$\\;&<>|(){}".contains(character)
    };
    !text.is_empty() && !text.starts_with('-') && !text.contains(special)
}

impl Settings {
    /// Where it is, as a URL without secrets.
    pub(crate) fn location(&self) -> String {
        let user = self.user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
        let port = self.port.map_or_else(String::new, |port| format!(":{port}"));
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let path = match self.path.strip_prefix('/') {
            Some(path) => path.to_owned(),
            None => format!("~/{}", self.path),
        };
        format!("sftp://{user}{host}{port}/{path}")
    }

    /// The path of a place below the folder.
    pub(crate) fn below(&self, place: &str) -> String {
        match (self.path.as_str(), place) {
            (root, "") => root.to_owned(),
            ("/", place) => format!("/{place}"),
            (root, place) => format!("{root}/{place}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mistaken(settings: Value) -> Vec<String> {
        read(&settings).map(|_| Vec::new()).unwrap_or_else(|error| error.path)
    }

    #[test]
    fn places_are_named() {
        let at = |settings| {
            let settings = read(&settings).unwrap();
            (settings.location(), settings.below("a/b"))
        };
        assert_eq!(
            at(json!({ "host": "host", "user": "me", "port": 2222, "path": "/srv/b/" })),
            ("sftp://me@host:2222/srv/b".to_owned(), "/srv/b/a/b".to_owned())
        );
        assert_eq!(
            at(json!({ "host": "::1", "path": "b" })),
            ("sftp://[::1]/~/b".to_owned(), "b/a/b".to_owned())
        );
        assert_eq!(
            at(json!({ "host": "host", "path": "/" })),
            ("sftp://host/".to_owned(), "/a/b".to_owned())
        );
    }

    #[test]
    fn urls_are_read() {
        let read = |text| parse_url(text).unwrap().unwrap();
        assert_eq!(
            read("sftp://me:pw@host:2222/srv/b"),
            json!({ "host": "host", "port": 2222, "user": "me", "password": "pw", "path": "/srv/b" })
        );
        assert_eq!(read("sftp://host/~/b"), json!({ "host": "host", "path": "b" }));
        assert_eq!(read("sftp://host"), json!({ "host": "host", "path": "/" }));
        assert!(parse_url("sftp:///b").unwrap().is_err() && parse_url("ftp://host/b").is_none());
    }

    #[test]
    fn what_makes_no_sense_is_named_by_its_key() {
        for (key, settings) in [
            ("host", json!({ "host": "-oProxyCommand=x", "path": "b" })),
            ("host", json!({ "host": "$(id)", "path": "b" })),
            ("user", json!({ "host": "host", "user": "a b", "path": "b" })),
            ("path", json!({ "host": "host", "path": "" })),
            ("password", json!({ "host": "host", "path": "b", "key": "k", "password": "p" })),
            ("password", json!({ "host": "host", "path": "b", "password": "a\nb" })),
            ("passphrase", json!({ "host": "host", "path": "b", "passphrase": "p" })),
            ("timeout", json!({ "host": "host", "path": "b", "timeout": "never" })),
            ("known_hosts", json!({ "host": "host", "path": "b", "known_hosts": "a\"b" })),
        ] {
            assert_eq!(mistaken(settings.clone()), [key], "{settings}");
        }
    }
}
