use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use cadangkan_core::{Error, ErrorKind, Result};
use serde::Deserialize;

/// How to reach the SSH host. What is not given comes from the person's own `~/.ssh/config`.
///
/// Written as `user@host:port`, or as a table of these.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct SshSettings {
    /// The host, or an alias of the SSH configuration.
    pub host: String,
    /// Its port.
    pub port: Option<u16>,
    /// The user to log in as.
    pub user: Option<String>,
    /// The private key's file.
    pub key: Option<PathBuf>,
    /// Another configuration file than `~/.ssh/config`; the system's own is then not read either (`ssh -F`).
    pub config: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Parts(Parts),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    host: String,
    port: Option<u16>,
    user: Option<String>,
    key: Option<PathBuf>,
    config: Option<PathBuf>,
}

impl TryFrom<Written> for SshSettings {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        let settings = match written {
            Written::Text(text) => SshSettings::parse(&text),
            Written::Parts(Parts { host, port, user, key, config }) => {
                let settings = SshSettings { host, port, user, key, config };
                settings.check().map(|()| settings)
            }
        };
        settings.map_err(|_| "`user@host` or `user@host:22` is needed")
    }
}

impl SshSettings {
    /// Reads `user@host:port`, user and port left out at will; an IPv6 address stands in brackets.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(ErrorKind::Usage, "not an SSH host")
                .context("text", text)
                .hint("write `user@host`, or `user@host:22`")
        };
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, text),
        };
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(wrong)?)),
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map(str::parse).transpose().map_err(|_| wrong())?;
        let settings = SshSettings { host: host.to_owned(), port, user, key: None, config: None };
        settings.check().map(|()| settings)
    }

    /// Refuses what `ssh` would take for an option or for more than one word, and what a shell would act on: a
    /// `ProxyCommand` with `%h` or `%r` goes through one, and only OpenSSH 9.6 and newer look at that themselves.
    pub fn check(&self) -> Result<()> {
        let special = |character: char| {
            character.is_whitespace() || character.is_control() || "'`\"$\\;&<>|(){}".contains(character)
        };
        let plain = |text: &str| !text.is_empty() && !text.starts_with('-') && !text.contains(special);
        if plain(&self.host) && self.user.as_deref().is_none_or(plain) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Usage, "not an SSH host and user")
            .hint("write `user@host`, or `user@host:22`"))
    }

    /// Makes the command that connects its standard input and output with `target`.
    pub(crate) fn command(&self, program: &OsStr, target: &str) -> Command {
        let mut command = Command::new(program);
        if let Some(config) = &self.config {
            command.arg("-F").arg(config);
        }
        command.args(["-T", "-W", target, "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]);
        // Dead peers are found within a minute.
        command.args(["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"]);
        // A connection that is shared already is used, but none is begun: it would outlive the tunnel.
        command.args(["-o", "ControlMaster=no"]);
        // Below this level the reason why a target is not reached goes unsaid.
        command.args(["-o", "LogLevel=INFO"]);
        if let Some(port) = self.port {
            command.args(["-p", &port.to_string()]);
        }
        if let Some(user) = &self.user {
            command.args(["-l", user]);
        }
        if let Some(key) = &self.key {
            command.arg("-i").arg(key).args(["-o", "IdentitiesOnly=yes"]);
        }
        command.args(["--", &self.host]);
        command
    }
}

/// The end of a tunnel as `ssh -W` takes it.
pub(crate) fn forward(host: &str, port: u16) -> Result<String> {
    if host.starts_with('/') {
        return Err(Error::new(ErrorKind::Usage, "a tunnel ends at a host and port, not at a Unix socket")
            .hint("give the server's host as the SSH host sees it: often localhost"));
    }
    Ok(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read() {
        let read = |text| SshSettings::parse(text).map(|read| (read.user, read.host, read.port)).ok();
        assert_eq!(
            read("me@db.example.com:2222"),
            Some((Some("me".into()), "db.example.com".into(), Some(2222)))
        );
        assert_eq!(read("bastion"), Some((None, "bastion".into(), None)));
        assert_eq!(read("me@[::1]:22"), Some((Some("me".into()), "::1".into(), Some(22))));
        for bad in [
            "",
            "-oProxyCommand=x",
            "me@",
            "a b",
            "@host",
            "host:ssh",
            "-l@host",
            "[::1]22",
            "`id`",
            "$(id)@host",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn addresses_with_colons_stand_in_brackets() {
        assert_eq!(forward("::1", 5432).unwrap(), "[::1]:5432");
        assert_eq!(forward("db", 5432).unwrap(), "db:5432");
        assert!(forward("/var/run/postgresql", 5432).is_err());
    }
}
