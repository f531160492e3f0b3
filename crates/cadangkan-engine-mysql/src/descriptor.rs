use std::path::{Path, PathBuf};

use cadangkan_core::settings::{Field, FieldKind, SettingsError};
use cadangkan_engine::{Capabilities, ClientFile, Descriptor, Layout, SideKind};
use cadangkan_mywire::{OptionFile, Settings, SystemEnvironment};
use serde_json::{Map, Value};

use crate::config::Config;
use crate::engine::MysqlEngine;

/// The position of a backup, in a file that its name and others' tools lead to expect.
pub(crate) const POSITION: SideKind = SideKind { word: SideKind::POSITION, ending: "gtid" };

/// MySQL and MariaDB, for the registry.
pub static MYSQL: Descriptor = Descriptor {
    id: "mysql",
    display_name: "MySQL",
    extension: "sql",
    layout: Layout::Statements,
    side_files: &[SideKind::USERS, POSITION],
    fields: &[
        text("host", Some("localhost"), "the server's name or address; localhost is its Unix socket"),
        field("port", FieldKind::Integer, Some("3306"), "the server's port"),
        field("socket", FieldKind::Path, None, "the server's Unix socket"),
        text("database", None, "the database's name"),
        text(
            "databases",
            None,
            "a whole server: its databases as names and globs, separated by commas; * is all",
        ),
        text("exclude_databases", None, "databases of a whole server to leave out, as names and globs"),
        text("user", None, "the user to connect as"),
        field("password", FieldKind::Secret, None, "the user's password"),
        text(
            "ssl_mode",
            Some("preferred"),
            "TLS: disabled, preferred, required, verify-ca or verify-identity",
        ),
        field("ssl_ca", FieldKind::Path, None, "certificates of the authorities that sign servers"),
        field("ssl_crl", FieldKind::Path, None, "a list of certificates that an authority has revoked"),
        field("ssl_crlpath", FieldKind::Path, None, "a folder of such lists"),
        field("ssl_cert", FieldKind::Path, None, "the certificate to show to the server"),
        field("ssl_key", FieldKind::Path, None, "the key of that certificate"),
        field(
            "defaults_file",
            FieldKind::Path,
            None,
            "the one option file to read, instead of the usual ones",
        ),
        text("defaults_group_suffix", None, "also reads groups of this suffix, as [client_suffix]"),
        field(
            "enable_cleartext_plugin",
            FieldKind::Boolean,
            None,
            "whether a server may be given the password in the clear, within TLS only",
        ),
        field("connect_timeout", FieldKind::Duration, Some("10s"), "how long one try to connect may take"),
        field("lock_timeout", FieldKind::Duration, Some("60s"), "how long to wait for locks"),
        field("jobs", FieldKind::Integer, Some("4"), "how many connections dump or load at once, at most"),
        text("ssh", None, "an SSH host to go through: user@host or user@host:22"),
        field("ssh_key", FieldKind::Path, None, "the private key for the SSH host"),
    ],
    capabilities: Capabilities {
        dump_selection: true,
        load_selection: true,
        selective_read: true,
        parallel_dump: true,
        many_databases: true,
        combined: true,
        replace: true,
        sessions: true,
    },
    open: |settings| Ok(Box::new(MysqlEngine::new(Config::read(settings)?))),
    parse_url,
    read_client_file: |path, group| Some(read_client_file(path, group)),
    recognizes,
};

const fn field(
    name: &'static str,
    kind: FieldKind,
    default: Option<&'static str>,
    help: &'static str,
) -> Field {
    Field { name, kind, required: false, default, help }
}

const fn text(name: &'static str, default: Option<&'static str>, help: &'static str) -> Field {
    field(name, FieldKind::Text, default, help)
}

/// Reads `mysql://user:password@host:port/database?ssl-mode=…`, and the same with `mariadb://`.
fn parse_url(url: &str) -> Option<Result<Value, SettingsError>> {
    let ours = ["mysql://", "mariadb://"].iter().any(|scheme| url.starts_with(scheme));
    ours.then(|| Settings::from_url(url).map(as_settings))
}

fn read_client_file(path: &Path, group: Option<&str>) -> cadangkan_core::Result<ClientFile> {
    let OptionFile { settings, unknown, groups, warnings } =
        OptionFile::read(path, group, &SystemEnvironment)?;
    let groups = groups.into_iter().map(|group| format!("[{group}]"));
    let left_out = unknown.into_iter().chain(groups).collect();
    Ok(ClientFile { settings: as_settings(settings), left_out, warnings })
}

fn as_settings(given: Settings) -> Value {
    let path = |path: PathBuf| Value::from(path.to_string_lossy().into_owned());
    let entries = [
        ("host", given.host.map(Value::from)),
        ("port", given.port.map(Value::from)),
        ("socket", given.socket.map(path)),
        ("database", given.database.map(Value::from)),
        ("user", given.user.map(Value::from)),
        ("password", given.password.map(|password| Value::from(password.expose()))),
        ("ssl_mode", given.ssl_mode.map(|mode| Value::from(mode.to_string()))),
        ("ssl_ca", given.ssl_ca.map(path)),
        ("ssl_crl", given.ssl_crl.map(path)),
        ("ssl_crlpath", given.ssl_crlpath.map(path)),
        ("ssl_cert", given.ssl_cert.map(path)),
        ("ssl_key", given.ssl_key.map(path)),
        ("enable_cleartext_plugin", given.enable_cleartext_plugin.map(Value::from)),
        ("connect_timeout", given.connect_timeout.map(|time| Value::from(format!("{}s", time.as_secs())))),
    ];
    let given = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

/// Tells whether the first bytes may be those of a script: ours, or one of the server's own programs.
fn recognizes(first: &[u8]) -> bool {
    let text = String::from_utf8_lossy(first);
    if text.contains('\0') || text.contains("PostgreSQL database") {
        return false;
    }
    let begins = |line: &str| {
        let line = line.trim_start();
        let upper = line.get(..10.min(line.len())).unwrap_or_default().to_ascii_uppercase();
        [
            "--", "/*", "#", "SET ", "CREATE ", "INSERT ", "REPLACE ", "ALTER ", "DROP ", "USE ", "START ",
            "LOCK ",
        ]
        .iter()
        .any(|word| upper.starts_with(word))
    };
    text.lines().find(|line| !line.trim().is_empty()).is_some_and(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_recognized() {
        for ours in [
            "-- Cadangkan: MySQL",
            "-- MySQL dump 10.13",
            "/*M!999999\\- enable the sandbox mode */\n-- MariaDB dump",
            "\n\ncreate table t(a int);",
        ] {
            assert!(recognizes(ours.as_bytes()), "{ours}");
        }
        for other in [
            &b"SQLite format 3\0"[..],
            b"",
            b"\n",
            b"{\"a\":1}",
            b"\x28\xb5\x2f\xfd",
            b"--\n-- PostgreSQL database dump\n",
            b"PGDMP",
        ] {
            assert!(!recognizes(other), "{other:?}");
        }
    }

    #[test]
    fn urls_become_settings() {
        let parsed = parse_url("mysql://me:p%40ss@host:3307/app?ssl-mode=required").unwrap().unwrap();
        let expected = serde_json::json!({
            "host": "host", "port": 3307, "database": "app", "user": "me", "password": "p@ss", "ssl_mode": "required"
        });
        assert_eq!(parsed, expected);
        assert!((MYSQL.open)(&parsed).is_ok());
        assert!(parse_url("mariadb://host/d").unwrap().is_ok());
        assert!(parse_url("postgres://host/d").is_none());
    }

    #[test]
    fn every_field_is_understood() {
        for field in MYSQL.fields {
            let value = match (field.name, field.kind) {
                ("ssl_mode", _) => Value::from("required"),
                ("exclude_databases" | "ssh_key", _) => continue,
                (_, FieldKind::Integer) => Value::from(3),
                (_, FieldKind::Boolean) => Value::from(true),
                (_, FieldKind::Duration) => Value::from("5s"),
                _ => Value::from("x"),
            };
            let settings = Value::Object([(field.name.to_owned(), value)].into_iter().collect());
            assert!((MYSQL.open)(&settings).is_ok(), "{}", field.name);
        }
    }
}
