use cadangkan_core::settings::{Field, FieldKind, SettingsError};
use cadangkan_engine::{Capabilities, Descriptor, Layout};
use cadangkan_pgwire::{Ports, Settings};
use serde_json::{Map, Value};

use crate::config::Config;
use crate::engine::PostgresEngine;

/// PostgreSQL, for the registry.
pub static POSTGRES: Descriptor = Descriptor {
    id: "postgres",
    display_name: "PostgreSQL",
    extension: "sql",
    layout: Layout::Statements,
    side_files: &[],
    fields: &[
        text("host", Some("localhost"), "the server's name or address, or the folder of its Unix socket"),
        field("port", FieldKind::Integer, Some("5432"), "the server's port"),
        text(
            "target_session_attrs",
            Some("any"),
            "of several hosts, separated by commas, the first that is: any, read-write, read-only, primary, standby or prefer-standby",
        ),
        text("database", None, "the database's name"),
        text(
            "databases",
            None,
            "a whole server: its databases as names and globs, separated by commas; * is all",
        ),
        text("exclude_databases", None, "databases of a whole server to leave out, as names and globs"),
        text("user", None, "the user to connect as"),
        field("password", FieldKind::Secret, None, "the user's password"),
        text("sslmode", Some("prefer"), "TLS: disable, allow, prefer, require, verify-ca or verify-full"),
        field("sslrootcert", FieldKind::Path, None, "certificates of the authorities that sign servers"),
        field("sslcrl", FieldKind::Path, None, "a list of certificates that an authority has revoked"),
        field("sslcrldir", FieldKind::Path, None, "a folder of such lists"),
        field("sslcert", FieldKind::Path, None, "the certificate to show to the server"),
        field("sslkey", FieldKind::Path, None, "the key of that certificate"),
        text("service", None, "a section of pg_service.conf with more settings"),
        field("passfile", FieldKind::Path, None, "a password file other than ~/.pgpass"),
        text("hostaddr", None, "the server's address, where host is only the name in its certificate"),
        field("connect_timeout", FieldKind::Duration, Some("10s"), "how long one try to connect may take"),
        field("lock_timeout", FieldKind::Duration, Some("60s"), "how long to wait for a lock on a table"),
        field(
            "jobs",
            FieldKind::Integer,
            None,
            "how many connections dump or load at once; by default the number of cores, 2 to 4",
        ),
        text("ssh", None, "an SSH host to go through: user@host or user@host:22"),
        field("ssh_key", FieldKind::Path, None, "the private key for the SSH host"),
        field("pg_bin", FieldKind::Path, None, "the folder of pg_dump, when it is not where it usually is"),
    ],
    capabilities: Capabilities {
        dump_selection: true,
        load_selection: true,
        selective_read: true,
        parallel_dump: true,
        many_databases: true,
        combined: false,
        replace: true,
        sessions: true,
    },
    open: |settings| Ok(Box::new(PostgresEngine::new(Config::read(settings)?))),
    parse_url,
    read_client_file: |_, _| None,
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

/// Reads `postgres://user:password@host:port/database?sslmode=…`.
fn parse_url(url: &str) -> Option<Result<Value, SettingsError>> {
    let ours = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
    ours.then(|| Settings::from_url(url).and_then(as_settings))
}

fn as_settings(given: Settings) -> Result<Value, SettingsError> {
    if given.options.is_some() {
        let message = "`options` is not supported: settings of the session are ours".to_owned();
        return Err(SettingsError { path: vec!["options".to_owned()], message });
    }
    let path = |path: std::path::PathBuf| Value::from(path.to_string_lossy().into_owned());
    let entries = [
        ("host", given.host.map(Value::from)),
        ("hostaddr", given.hostaddr.map(Value::from)),
        ("port", given.port.map(|port| as_port(&port))),
        ("target_session_attrs", given.session.map(|session| Value::from(session.to_string()))),
        ("database", given.database.map(Value::from)),
        ("user", given.user.map(Value::from)),
        ("password", given.password.map(|password| Value::from(password.expose()))),
        ("passfile", given.passfile.map(path)),
        ("service", given.service.map(Value::from)),
        ("sslmode", given.sslmode.map(|mode| Value::from(mode.to_string()))),
        ("sslrootcert", given.sslrootcert.map(path)),
        ("sslcrl", given.sslcrl.map(path)),
        ("sslcrldir", given.sslcrldir.map(path)),
        ("sslcert", given.sslcert.map(path)),
        ("sslkey", given.sslkey.map(path)),
        ("connect_timeout", given.connect_timeout.map(|time| Value::from(format!("{}s", time.as_secs())))),
    ];
    let given = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Ok(Value::Object(given.collect::<Map<_, _>>()))
}

/// One port as a number, several as a text.
fn as_port(ports: &Ports) -> Value {
    let text = ports.to_string();
    text.parse::<u16>().map_or_else(|_| Value::from(text.clone()), Value::from)
}

/// Tells whether the first bytes may be those of a script, or of a custom-format dump.
fn recognizes(first: &[u8]) -> bool {
    if first.starts_with(b"PGDMP") {
        return true;
    }
    let text = String::from_utf8_lossy(first);
    let begins = |line: &str| {
        let line = line.trim_start();
        let upper = line.get(..12.min(line.len())).unwrap_or_default().to_ascii_uppercase();
        ["--", "SET ", "SELECT ", "CREATE ", "COPY ", "BEGIN", "INSERT ", "ALTER ", "DROP ", "\\RESTRICT"]
            .iter()
            .any(|word| upper.starts_with(word))
    };
    !text.contains('\0') && text.lines().find(|line| !line.trim().is_empty()).is_some_and(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_custom_dumps_are_recognized() {
        for ours in
            ["--\n-- PostgreSQL database dump\n", "\n\nSET x = 1;", "PGDMP\x01\x0e", "create table t();"]
        {
            assert!(recognizes(ours.as_bytes()), "{ours}");
        }
        for other in [&b"SQLite format 3\0"[..], b"", b"\n", b"{\"a\":1}", b"\x28\xb5\x2f\xfd"] {
            assert!(!recognizes(other), "{other:?}");
        }
    }

    #[test]
    fn urls_become_settings() {
        let parsed = parse_url("postgresql://me:p%40ss@host:5433/app?sslmode=require").unwrap().unwrap();
        let expected = serde_json::json!({
            "host": "host", "port": 5433, "database": "app", "user": "me", "password": "p@ss", "sslmode": "require"
        });
        assert_eq!(parsed, expected);
        assert!(parse_url("mysql://host/app").is_none() && parse_url("/srv/app.db").is_none());
    }
}
