//! What can be set, read and checked.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cadangkan_core::settings::{self, SettingsError, mistake};
use cadangkan_storage::encoding::{decode, encode, encode_path};
use cadangkan_storage::http::is_loopback;
use cadangkan_storage::{Url, is_path};
use serde::Deserialize;
use serde_json::{Map, Value};

const TIMEOUT: Duration = Duration::from_secs(60);

/// How to reach the server, and the folder on it.
pub(crate) struct Settings {
    pub(crate) tls: bool,
    /// The host, with a port that is not the usual one.
    pub(crate) host: String,
    /// The path of the folder, decoded, with a slash before each part; empty for the root.
    pub(crate) path: String,
    user: Option<String>,
    /// The header `Authorization`: a secret.
    pub(crate) authorization: Option<String>,
    pub(crate) authorities: Option<PathBuf>,
    /// Longest wait for any progress.
    pub(crate) stall: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    address: String,
    user: Option<String>,
    password: Option<String>,
    token: Option<String>,
    timeout: Option<String>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    allow_http: bool,
}

/// Reads settings, without connecting.
pub(crate) fn read(settings: &Value) -> Result<Settings, SettingsError> {
    let written: Written = settings::parse(settings)?;
    let (tls, host, path) = split(&written.address)?;
    if !tls && !written.allow_http && !is_loopback(host) {
        return Err(mistake(
            "address",
            "without TLS anybody in between reads and changes what is sent: use https://, or consent with \
             `allow_http: true`",
        ));
    }
    let authorization = match (&written.user, written.password, written.token) {
        (None, None, None) => None,
        (None, None, Some(token)) if is_header(&token) => Some(format!("Bearer {token}")),
        (None, None, Some(_)) => {
            return Err(mistake("token", "it is empty, or has a character that HTTP forbids"));
        }
        (_, _, Some(_)) => return Err(mistake("token", "a token takes the place of `user` and `password`")),
        (Some(user), _, None) if user.is_empty() || user.contains(':') => {
            return Err(mistake("user", "the name of a user is not empty and has no colon"));
        }
        (Some(user), Some(password), None) => {
            Some(format!("Basic {}", BASE64.encode(format!("{user}:{password}"))))
        }
        (Some(_), None, None) => return Err(mistake("user", "`user` needs `password`")),
        (None, Some(_), None) => return Err(mistake("password", "`password` needs `user`")),
    };
    Ok(Settings {
        tls,
        host: host.to_owned(),
        path,
        user: written.user,
        authorization,
        authorities: written.ca_file,
        stall: settings::time_limit("timeout", written.timeout.as_deref())?.unwrap_or(TIMEOUT),
    })
}

/// Takes a URL apart: whether it has TLS, the host, and the path.
fn split(url: &str) -> Result<(bool, &str, String), SettingsError> {
    let wrong = || {
        mistake(
            "address",
            "a URL such as https://host/dav/backups is needed, without a login or a question mark",
        )
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let known = matches!(scheme, "https" | "http") && host.parse::<http::uri::Authority>().is_ok();
    if !known || host.is_empty() || host.contains('@') || path.contains(['?', '#']) {
        return Err(wrong());
    }
    let path = decode(path.trim_matches('/'), false).ok_or_else(wrong)?;
    if !path.is_empty() && !is_path(&path) {
        return Err(mistake("address", "its path has no empty part, and none that begins with a dot"));
    }
    let path = if path.is_empty() { path } else { format!("/{path}") };
    Ok((scheme == "https", host, path))
}

/// Whether a text can stand in a header as it is.
fn is_header(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads `webdavs://user@host/folder`, or `webdav://` for a server without TLS.
pub(crate) fn parse_url(text: &str) -> Option<Result<Value, SettingsError>> {
    let ways = [("webdavs", "https"), ("webdav", "http")];
    let (scheme, url) =
        ways.into_iter().find_map(|(ours, theirs)| Some((theirs, Url::parse(text, ours)?)))?;
    Some(url.and_then(Url::expect_host).map(|url| {
        let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host };
        let port = url.port.map_or_else(String::new, |port| format!(":{port}"));
        let mut settings = Map::new();
        settings.insert(
            "address".to_owned(),
            format!("{scheme}://{host}{port}{}", encode_path(&url.path)).into(),
        );
        settings.extend(url.user.map(|user| ("user".to_owned(), user.into())));
        settings.extend(url.password.map(|password| ("password".to_owned(), password.into())));
        Value::Object(settings)
    }))
}

impl Settings {
    /// Where it is, as a URL without secrets that [`parse_url`] reads.
    pub(crate) fn location(&self) -> String {
        let scheme = if self.tls { "webdavs" } else { "webdav" };
        let user = self.user.as_ref().map_or_else(String::new, |user| format!("{}@", encode(user)));
        format!("{scheme}://{user}{}{}", self.host, encode_path(&self.path))
    }

    /// The whole URL of a path on the server, encoded.
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.host, encode_path(path))
    }

    /// The path on the server of a place below the folder.
    pub(crate) fn below(&self, place: &str) -> String {
        if place.is_empty() { self.path.clone() } else { format!("{}/{place}", self.path) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_named() {
        let at = |settings| {
            let settings = read(&settings).unwrap();
            (settings.location(), settings.url(&settings.below("a b/c")))
        };
        assert_eq!(
            at(json!({ "address": "https://host:8443/dav/x%20y/", "user": "me@here", "password": "p" })),
            (
                "webdavs://me%40here@host:8443/dav/x%20y".to_owned(),
                "https://host:8443/dav/x%20y/a%20b/c".to_owned()
            )
        );
        assert_eq!(
            at(json!({ "address": "http://[::1]:80" })),
            ("webdav://[::1]:80".to_owned(), "http://[::1]:80/a%20b/c".to_owned())
        );
    }

    #[test]
    fn urls_are_read_and_a_location_is_one() {
        let read_url = |text| parse_url(text).unwrap().unwrap();
        let settings = read_url("webdavs://me%40here:p%2Fw@host:8443/dav/x%20y");
        assert_eq!(
            settings,
            json!({ "address": "https://host:8443/dav/x%20y", "user": "me@here", "password": "p/w" })
        );
        assert_eq!(read(&settings).unwrap().location(), "webdavs://me%40here@host:8443/dav/x%20y");
        assert_eq!(read_url("webdav://[::1]/b"), json!({ "address": "http://[::1]/b" }));
        assert!(parse_url("webdav:///b").unwrap().is_err() && parse_url("https://host/b").is_none());
    }

    #[test]
    fn what_makes_no_sense_is_named_by_its_key() {
        for (key, settings) in [
            ("address", json!({ "address": "host/dav" })),
            ("address", json!({ "address": "ftp://host/dav" })),
            ("address", json!({ "address": "https://me:pw@host/dav" })),
            ("address", json!({ "address": "https://host/dav?x=y" })),
            ("address", json!({ "address": "https://host/a/../b" })),
            ("address", json!({ "address": "https:///dav" })),
            ("address", json!({ "address": "http://host/dav" })),
            ("user", json!({ "address": "https://host", "user": "a:b", "password": "p" })),
            ("user", json!({ "address": "https://host", "user": "me" })),
            ("password", json!({ "address": "https://host", "password": "p" })),
            ("token", json!({ "address": "https://host", "token": "a\r\nb" })),
            ("token", json!({ "address": "https://host", "token": "t", "user": "me", "password": "p" })),
            ("timeout", json!({ "address": "https://host", "timeout": "never" })),
        ] {
            let mistaken = read(&settings).map(|_| Vec::new()).unwrap_or_else(|error| error.path);
            assert_eq!(mistaken, [key], "{settings}");
        }
        assert!(read(&json!({ "address": "http://host/dav", "allow_http": true })).is_ok());
    }
}
