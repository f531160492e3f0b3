use cadangkan_core::settings::{Field, FieldKind, SettingsError, mistake};
use serde_json::{Map, Value};

use crate::encoding;

/// The parts of a URL such as `sftp://user:password@host:22/folder`, with what is escaped by `%` read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    /// The user, if it is given.
    pub user: Option<String>,
    /// The password, if it is given.
    pub password: Option<String>,
    /// The host, without the brackets of an IPv6 address; may be empty.
    pub host: String,
    /// The port, if it is given.
    pub port: Option<u16>,
    /// The path with the slash before it; empty when there is none.
    pub path: String,
}

impl Url {
    /// Reads a URL of a scheme; `None` when it is of another one. Messages never repeat a part of it.
    pub fn parse(text: &str, scheme: &str) -> Option<Result<Self, SettingsError>> {
        let rest = text.strip_prefix(scheme)?.strip_prefix("://")?;
        Some(Url::parse_rest(rest).ok_or_else(|| {
            let message = format!("not a URL such as `{scheme}://user@host/folder`");
            SettingsError { path: Vec::new(), message }
        }))
    }

    fn parse_rest(rest: &str) -> Option<Self> {
        let decode = |text| encoding::decode(text, false);
        let split = rest.find('/').unwrap_or(rest.len());
        let (place, path) = rest.split_at_checked(split)?;
        let (login, place) = match place.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, place),
        };
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            Some((user, password)) => (decode(user)?, decode(password)?),
            None => Default::default(),
        };
        let (host, port) = match place.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(ends) => {
                let (host, port) = ends?;
                let port = if port.is_empty() { None } else { Some(port.strip_prefix(':')?) };
                (host, port)
            }
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let given = |text: String| if text.is_empty() { None } else { Some(text) };
        Some(Url {
            user: given(user),
            password: given(password),
            host: decode(host)?,
            port: port.map(str::parse).transpose().ok()?,
            path: decode(path)?,
        })
    }

    /// Fails when there is no host.
    pub fn expect_host(self) -> Result<Self, SettingsError> {
        if self.host.is_empty() { Err(mistake("host", "the URL has no host")) } else { Ok(self) }
    }
}

/// Reads `bucket/folder?key=value` of a URL: the place and the folder as they are called, then settings that are no secrets.
pub fn read_place(
    rest: &str,
    [place, folder]: [&'static str; 2],
    fields: &[Field],
) -> Result<Map<String, Value>, SettingsError> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (name, prefix) = path.split_once('/').unwrap_or((path, ""));
    if name.is_empty() || name.contains(['@', ':']) {
        let message = format!("the URL names no {place}, or more than that; keys do not belong into it");
        return Err(mistake(place, &message));
    }
    let text = |text: &str| {
        encoding::decode(text, false).ok_or_else(|| mistake(folder, "it is not encoded rightly"))
    };
    let mut settings = Map::new();
    settings.insert(place.into(), text(name)?.into());
    if !prefix.is_empty() {
        settings.insert(folder.into(), text(prefix)?.into());
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let known = fields.iter().find(|field| field.name == name && !settings.contains_key(name));
        let field = known.ok_or_else(|| {
            mistake(place, "the URL has a key that this storage does not know, or has twice")
        })?;
        let value = text(value)?;
        let value = match field.kind {
            FieldKind::Secret => return Err(mistake(field.name, "a secret does not belong into a URL")),
            FieldKind::Boolean => Value::Bool(value == "true"),
            FieldKind::Integer => {
                Value::from(value.parse::<u32>().map_err(|_| mistake(field.name, "a number is needed"))?)
            }
            _ => value.into(),
        };
        settings.insert(name.to_owned(), value);
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_are_read() {
        let url = Url::parse("sftp://me%40here:p%2Fw@[::1]:2222/a%20b/%C3%A4", "sftp").unwrap().unwrap();
        let expected = Url {
            user: Some("me@here".into()),
            password: Some("p/w".into()),
            host: "::1".into(),
            port: Some(2222),
            path: "/a b/ä".into(),
        };
        assert_eq!(url, expected);
        let url = Url::parse("ftp://host", "ftp").unwrap().unwrap();
        assert_eq!(url, Url { host: "host".into(), ..Url::default() });
    }

    #[test]
    fn what_is_no_url_is_told_without_a_part_of_it() {
        for bad in [
            "sftp://host:port/x",
            "sftp://u:secret%zz@host/x",
            "sftp://[::1/x",
            "sftp://host/%ff",
            "sftp://host/%e",
        ] {
            let error = Url::parse(bad, "sftp").unwrap().unwrap_err();
            assert!(
                !error.message.contains("secret") && error.message.contains("sftp://user@host"),
                "{error:?}"
            );
        }
        assert_eq!(Url::parse("sftpx://host", "sftp"), None);
        assert!(Url::parse("sftp:///x", "sftp").unwrap().unwrap().expect_host().is_err());
    }
}
