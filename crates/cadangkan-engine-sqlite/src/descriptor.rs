use std::path::PathBuf;
use std::time::Duration;

use cadangkan_core::settings::{self, Field, FieldKind, SettingsError, mistake};
use cadangkan_engine::{Capabilities, Descriptor, Engine, Layout};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::SqliteEngine;
use crate::header;

/// SQLite, for the registry.
pub static SQLITE: Descriptor = Descriptor {
    id: "sqlite",
    display_name: "SQLite",
    extension: "sqlite",
    layout: Layout::Image,
    side_files: &[],
    fields: &[
        Field {
            name: "path",
            kind: FieldKind::Path,
            required: true,
            default: None,
            help: "the database's file",
        },
        Field {
            name: "busy_timeout",
            kind: FieldKind::Duration,
            required: false,
            default: Some("10s"),
            help: "how long to wait for a program that holds the database locked",
        },
    ],
    capabilities: Capabilities {
        dump_selection: false,
        load_selection: true,
        selective_read: false,
        parallel_dump: false,
        many_databases: false,
        combined: false,
        replace: true,
        sessions: false,
    },
    open,
    parse_url,
    read_client_file: |_, _| None,
    recognizes: header::is_sqlite,
};

const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// What can be set, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) path: PathBuf,
    pub(crate) busy_timeout: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    path: String,
    busy_timeout: Option<String>,
}

fn open(value: &Value) -> Result<Box<dyn Engine>, SettingsError> {
    let raw: RawConfig = settings::parse(value)?;
    if raw.path.is_empty() || raw.path.contains('\0') {
        return Err(mistake("path", "the path of a database's file is needed"));
    }
    let busy_timeout = match raw.busy_timeout.as_deref() {
        None => Duration::from_secs(10),
        Some(text) => {
            settings::parse_duration(text).filter(|time| *time <= MAX_TIMEOUT).ok_or_else(|| {
                mistake("busy_timeout", "a length of time such as `10s`, at most an hour, is needed")
            })?
        }
    };
    Ok(Box::new(SqliteEngine::new(Config { path: PathBuf::from(raw.path), busy_timeout })))
}

/// Reads `sqlite:…` and `file:…` URLs, and plain paths that look like a database's file.
fn parse_url(text: &str) -> Option<Result<Value, SettingsError>> {
    for scheme in ["sqlite:", "file:"] {
        if let Some(rest) = text.strip_prefix(scheme) {
            return Some(url_path(rest));
        }
    }
    let is_path = text.contains('/') || text.starts_with(['.', '~']);
    let is_name = [".db", ".sqlite", ".sqlite3", ".db3"].iter().any(|end| text.ends_with(end));
    if has_scheme(text) || !(is_path || is_name) {
        return None;
    }
    Some(Ok(json!({ "path": text })))
}

fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character))
    })
}

/// Takes the path out of what follows the scheme: `/abs`, `///abs` or `rel`.
fn url_path(rest: &str) -> Result<Value, SettingsError> {
    let path = match rest.strip_prefix("//") {
        Some(after) if after.starts_with('/') => after,
        Some(_) => {
            return Err(mistake(
                "path",
                "a file has no host: write `sqlite:path` or `sqlite:///absolute/path`",
            ));
        }
        None => rest,
    };
    if path.is_empty() {
        return Err(mistake("path", "the URL names no file"));
    }
    if path.contains('?') {
        return Err(mistake("path", "parameters after `?` are not supported"));
    }
    Ok(json!({ "path": path }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(text: &str) -> Option<String> {
        parse_url(text).map(|parsed| parsed.unwrap()["path"].as_str().unwrap().to_owned())
    }

    #[test]
    fn urls_and_paths_are_told_apart() {
        let cases = [
            ("sqlite:/srv/shop.db", Some("/srv/shop.db")),
            ("sqlite:///srv/shop.db", Some("/srv/shop.db")),
            ("sqlite:shop.db", Some("shop.db")),
            ("file:///srv/a b.db", Some("/srv/a b.db")),
            ("/srv/shop", Some("/srv/shop")),
            ("./shop", Some("./shop")),
            ("~/shop", Some("~/shop")),
            ("shop.sqlite3", Some("shop.sqlite3")),
            ("shop", None),
            ("postgres://host/shop.db", None),
            ("mongodb+srv://host/x", None),
        ];
        for (text, path) in cases {
            assert_eq!(path_of(text).as_deref(), path, "{text}");
        }
        for bad in ["sqlite:", "sqlite://host/x.db", "sqlite://", "sqlite:/x.db?mode=ro"] {
            assert!(parse_url(bad).unwrap().is_err(), "{bad}");
        }
    }

    #[test]
    fn settings_name_the_mistake() {
        let wrong = |value: Value| open(&value).err().unwrap().path;
        assert_eq!(wrong(json!({ "path": "" })), ["path"]);
        assert_eq!(wrong(json!({ "path": "a\0b" })), ["path"]);
        assert_eq!(wrong(json!({ "path": "a", "pth": 1 })), ["pth"]);
        for bad in ["10", "s", "2h", "-1s", "61m", "99999999999999999999s", "18446744073709551615m"] {
            assert_eq!(wrong(json!({ "path": "a", "busy_timeout": bad })), ["busy_timeout"], "{bad}");
        }
        assert!(open(&json!({ "path": "a", "busy_timeout": "250 ms" })).is_ok());
    }
}
