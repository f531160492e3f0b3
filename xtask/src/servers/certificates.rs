//! A certificate authority for one set of servers, made by openssl.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::process;

/// The authority, a server's certificate for `localhost` and `127.0.0.1`, and one of the user `certuser`.
pub(super) struct Certificates {
    pub(super) root: PathBuf,
    pub(super) server: PathBuf,
    pub(super) server_key: PathBuf,
    pub(super) client: PathBuf,
    pub(super) client_key: PathBuf,
}

const DAYS: &str = "30";

impl Certificates {
    /// Makes all of them in a new folder.
    pub(super) fn make(folder: &Path) -> Result<Self> {
        fs::create_dir(folder)?;
        let name = |name: &str| folder.join(name);
        let made = Self {
            root: name("root.crt"),
            server: name("server.crt"),
            server_key: name("server.key"),
            client: name("client.crt"),
            client_key: name("client.key"),
        };
        let root_key = name("root.key");
        let mut command = request("Cadangkan test authority", &root_key);
        process::run_quietly(command.args(["-x509", "-days", DAYS, "-out"]).arg(&made.root))?;
        for (subject, extensions, certificate, key) in [
            ("localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1", &made.server, &made.server_key),
            ("certuser", "extendedKeyUsage=clientAuth", &made.client, &made.client_key),
        ] {
            let (asked, extended) = (name("request.csr"), name("extensions.cnf"));
            process::run_quietly(request(subject, key).arg("-out").arg(&asked))?;
            fs::write(&extended, format!("{extensions}\n"))?;
            let mut sign = openssl(&["x509", "-req", "-days", DAYS, "-CAcreateserial", "-CA"]);
            sign.arg(&made.root).arg("-CAkey").arg(&root_key).arg("-in").arg(asked);
            process::run_quietly(sign.arg("-extfile").arg(extended).arg("-out").arg(certificate))?;
        }
        Ok(made)
    }
}

/// Makes a command that makes a key, and something signed with it; the key is for its owner only.
fn request(subject: &str, key: &Path) -> Command {
    let mut command =
        openssl(&["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    command.args(["-subj", &format!("/CN={subject}"), "-keyout"]).arg(key);
    command
}

fn openssl(arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(arguments);
    command
}
