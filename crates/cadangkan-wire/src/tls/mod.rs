mod config;
mod verify;

use std::io;
use std::path::PathBuf;

use cadangkan_core::Error;

pub(crate) use config::{client_config, server_name};

/// Whether a session has TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// It has none.
    Without,
    /// It has it when the server offers it.
    IfOffered,
    /// It has it, or there is no session.
    Needed,
}

/// What is asked of TLS, with all files named.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// Whom we trust.
    pub roots: Roots,
    /// Files, or folders of files, with the certificates that an authority has revoked. When there are any, each
    /// certificate's authority must have a list among them.
    pub revoked: Vec<PathBuf>,
    /// Whether the certificate must be for the server's name.
    pub name_counts: bool,
    /// Our certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Whom we trust to sign a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Certificates are not looked at.
    Unchecked,
    /// Those in a file.
    File(PathBuf),
    /// Those that the system trusts.
    System,
}

/// Whether TLS itself failed, not what was said within.
pub fn is_of_tls(error: &Error) -> bool {
    let inner = |error: &io::Error| error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    error.cause::<rustls::Error>().is_some() || error.cause::<io::Error>().is_some_and(inner)
}
