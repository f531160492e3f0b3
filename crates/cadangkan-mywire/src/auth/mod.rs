//! Answers to a server's challenge, by the plugin that asks (manual, "Authentication Plugins").
//!
//! A password is told in the clear only where nobody listens: within TLS, or on a socket of this machine.

mod ed25519;
mod hashes;
mod parsec;

use cadangkan_core::{Error, ErrorKind, Result};

pub(crate) use parsec::Parsec;

/// The plugins that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plugin {
    Native,
    CachingSha2,
    Sha256,
    Ed25519,
    Parsec,
    Clear,
}

/// Who could listen to what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// Everybody on the way.
    None,
    /// Nobody outside of this machine.
    Socket,
    /// Nobody but who holds the certificate.
    Tls,
}

impl Plugin {
    const ALL: [(Plugin, &'static str); 6] = [
        (Plugin::Native, "mysql_native_password"),
        (Plugin::CachingSha2, "caching_sha2_password"),
        (Plugin::Sha256, "sha256_password"),
        (Plugin::Ed25519, "client_ed25519"),
        (Plugin::Parsec, "parsec"),
        (Plugin::Clear, "mysql_clear_password"),
    ];

    pub(crate) fn named(name: &str) -> Option<Plugin> {
        Plugin::ALL.iter().find(|(_, known)| *known == name).map(|(plugin, _)| *plugin)
    }

    pub(crate) fn name(self) -> &'static str {
        Plugin::ALL.iter().find(|(plugin, _)| *plugin == self).map_or("", |(_, name)| name)
    }

    /// The first answer to a challenge.
    ///
    /// # Errors
    /// A plugin that wants the password in the clear, where that may not be.
    pub(crate) fn answer(self, password: &str, challenge: &[u8], may: Permission) -> Result<Vec<u8>> {
        match self {
            Plugin::Native => Ok(hashes::native(password, challenge)),
            Plugin::CachingSha2 => Ok(hashes::caching_sha2(password, challenge)),
            Plugin::Ed25519 => Ok(ed25519::sign(password.as_bytes(), challenge).to_vec()),
            // It asks for its salt first.
            Plugin::Parsec => Ok(Vec::new()),
            // An empty password is told by an empty text, as in the clients.
            Plugin::Sha256 if password.is_empty() => Ok(vec![0]),
            Plugin::Sha256 if may.privacy == Privacy::Tls => Ok(clear(password)),
            Plugin::Sha256 => Err(unprotected(self)),
            Plugin::Clear if !may.clear_plugin => Err(not_asked_for()),
            Plugin::Clear if may.privacy != Privacy::Tls => Err(unprotected(self)),
            Plugin::Clear => Ok(clear(password)),
        }
    }

    /// The answer of `caching_sha2_password` to a server that does not have the password's hash at hand.
    ///
    /// A server's public key, which its own clients encrypt the password with where TLS is off, is not used: nobody
    /// vouches for it, and every server that has one has TLS as well.
    pub(crate) fn full_answer(password: &str, may: Permission) -> Result<Vec<u8>> {
        if may.privacy == Privacy::None { Err(unprotected(Plugin::CachingSha2)) } else { Ok(clear(password)) }
    }
}

/// What may be said to the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permission {
    pub(crate) privacy: Privacy,
    /// Whether the person switched `mysql_clear_password` on.
    pub(crate) clear_plugin: bool,
}

fn clear(password: &str) -> Vec<u8> {
    [password.as_bytes(), &[0]].concat()
}

fn unprotected(plugin: Plugin) -> Error {
    Error::new(
        ErrorKind::Denied,
        "the server asks for the password in the clear, and the connection has no TLS",
    )
    .context("plugin", plugin.name())
    .hint(
        "set ssl-mode to required, and switch TLS on at the server; on the same machine, use the Unix socket",
    )
}

fn not_asked_for() -> Error {
    Error::new(ErrorKind::Denied, "the server asks for the password in the clear")
        .context("plugin", Plugin::Clear.name())
        .hint(
            "where the user is kept outside of the server (PAM, LDAP), set enable-cleartext-plugin, with TLS",
        )
}

/// The server names a plugin that is not known here.
pub(crate) fn unknown(name: &str) -> Error {
    let shown: String = name.chars().filter(|character| !character.is_control()).take(64).collect();
    let known = Plugin::ALL.map(|(_, name)| name).join(", ");
    Error::new(ErrorKind::Unsupported, "the server asks for a way to log in that is not supported")
        .context("plugin", shown)
        .hint(format!("let the user log in by one of {known}"))
}

#[cfg(test)]
mod tests;
