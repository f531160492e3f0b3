//! The environment variables of libpq (manual, "Environment Variables"): read, and made for its programs.

use std::ffi::OsString;
use std::path::Path;

use cadangkan_core::Result;
use cadangkan_wire::{Roots, read_variables};

use crate::{Environment, Settings, SslMode, Target};

/// Those that say what a [`Settings`] can hold, with libpq's keyword.
const KNOWN: [(&str, &str); 17] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGDATABASE", "dbname"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGPASSFILE", "passfile"),
    ("PGSERVICE", "service"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGOPTIONS", "options"),
];

/// What else libpq and its programs read; a program of ours is to see none of it.
const OTHERS: [&str; 28] = [
    "PGAPPNAME",
    "PGCHANNELBINDING",
    "PGCLIENTENCODING",
    "PGDATESTYLE",
    "PGGEQO",
    "PGGSSDELEGATION",
    "PGGSSENCMODE",
    "PGGSSLIB",
    "PGKRBSRVNAME",
    "PGLOADBALANCEHOSTS",
    "PGLOCALEDIR",
    "PGMAXPROTOCOLVERSION",
    "PGMINPROTOCOLVERSION",
    "PGOAUTHDEBUG",
    "PGREQUIREAUTH",
    "PGREQUIREPEER",
    "PGREQUIRESSL",
    "PGSERVICEFILE",
    "PGSSLCERTMODE",
    "PGSSLCOMPRESSION",
    "PGSSLKEYLOGFILE",
    "PGSSLMAXPROTOCOLVERSION",
    "PGSSLMINPROTOCOLVERSION",
    "PGSSLNEGOTIATION",
    "PGSSLSNI",
    "PGSYSCONFDIR",
    "PGTCPUSERTIMEOUT",
    "PGTZ",
];

/// Where systems keep the certificates that they trust, for programs whose libpq does not know the word `system`.
const SYSTEM_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Reads the variables. An empty one counts as not set.
pub(crate) fn read(environment: &dyn Environment) -> Result<Settings> {
    let mut settings = Settings::default();
    read_variables(environment, &KNOWN, |keyword, value| settings.fill(keyword, value))?;
    Ok(settings)
}

/// Makes the variables for a program that is to reach a target.
pub(crate) fn write(target: &Target) -> Vec<(&'static str, Option<OsString>)> {
    let value = |keyword: &str| -> Option<OsString> {
        match keyword {
            "host" => Some(target.named_host().into()),
            "hostaddr" => {
                let address = target.through.map(|address| address.ip()).or(target.hostaddr);
                address.map(|address| address.to_string().into())
            }
            "port" => {
                let port = target.through.map_or(target.port, |address| address.port());
                Some(port.to_string().into())
            }
            "user" => Some(target.user.clone().into()),
            "password" => target.password().map(|password| password.expose().into()),
            "dbname" => Some(target.database.clone().into()),
            "sslmode" => Some(mode(target).to_string().into()),
            "sslrootcert" => roots(target),
            "sslcrl" => target.tls.revoked.iter().find(|path| !path.is_dir()).map(OsString::from),
            "sslcrldir" => target.tls.revoked.iter().find(|path| path.is_dir()).map(OsString::from),
            "sslcert" => target.tls.certificate.as_ref().map(|(certificate, _)| certificate.into()),
            "sslkey" => target.tls.certificate.as_ref().map(|(_, key)| key.into()),
            "connect_timeout" => {
                let seconds = target.connect_timeout.as_secs_f64().ceil().max(2.0);
                Some(format!("{seconds:.0}").into())
            }
            "options" => target.options.clone().map(OsString::from),
            _ => None,
        }
    };
    let known = KNOWN.iter().map(|(variable, keyword)| (*variable, value(keyword)));
    let others = OTHERS.iter().map(|variable| {
        let value: Option<OsString> = match *variable {
            // We do not encrypt by GSS either, so that both take the same way.
            "PGGSSENCMODE" => Some("disable".into()),
            "PGAPPNAME" => Some("cadangkan".into()),
            "PGCLIENTENCODING" => target.client_encoding.clone().map(OsString::from),
            _ => None,
        };
        (*variable, value)
    });
    known.chain(others).collect()
}

fn mode(target: &Target) -> SslMode {
    if target.unix_socket().is_some() { SslMode::Disable } else { target.sslmode }
}

fn roots(target: &Target) -> Option<OsString> {
    match &target.tls.roots {
        Roots::Unchecked => None,
        Roots::File(path) => Some(path.into()),
        Roots::System => {
            let file = SYSTEM_ROOTS.iter().find(|path| Path::new(path).exists());
            Some(file.unwrap_or(&"system").into())
        }
    }
}
