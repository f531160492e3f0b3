use std::{fmt, io};

use cadangkan_core::{Error, ErrorKind};
use rustls::{AlertDescription, CertificateError};

/// What the programs of one protocol call that which messages have to name.
#[derive(Debug)]
pub struct Words {
    /// The protocol, in the genitive: `ACME's`.
    pub whose: &'static str,
    /// The setting that says how much of TLS is asked for.
    pub mode: &'static str,
    /// The value of that setting for no TLS at all.
    pub without: &'static str,
    /// The setting with a file of trusted certificates.
    pub roots: &'static str,
    /// The setting with files of revoked certificates.
    pub revoked: &'static str,
    /// The setting with a file of our certificate.
    pub certificate: &'static str,
    /// The setting with a file of our certificate's key.
    pub key: &'static str,
    /// The server's settings of versions and ciphers of TLS.
    pub versions: &'static str,
    /// The server's settings of where it listens.
    pub listening: &'static str,
    /// What to do where a Unix socket is not there.
    pub no_socket: &'static str,
}

impl Words {
    /// Turns a failure of the network or of TLS into an error; `doing` is what it interrupted.
    pub fn network(&self, error: io::Error, doing: &str) -> Error {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            let (kind, message, hint) = self.tls(tls);
            return Error::new(kind, message).source(error).hint(hint);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                Error::new(ErrorKind::Unreachable, "nothing takes connections there")
                    .source(error)
                    .retryable()
                    .hint(format!("check host and port, that the server runs, and its {}", self.listening))
            }
            io::ErrorKind::NotFound => Error::new(ErrorKind::Unreachable, "the server's socket is not there")
                .source(error)
                .hint(self.no_socket),
            io::ErrorKind::PermissionDenied => {
                Error::new(ErrorKind::Denied, "the server's socket may not be used")
                    .source(error)
                    .hint("run as a user who may use it, or connect by host and port")
            }
            io::ErrorKind::TimedOut => {
                Error::new(ErrorKind::Timeout, format!("the server did not answer in time during {doing}"))
                    .source(error)
                    .hint("check the network between, such as a firewall that drops packets silently")
            }
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                Error::new(ErrorKind::Unreachable, "there is no way to the server's address")
                    .source(error)
                    .retryable()
                    .hint("check the address and the network")
            }
            _ => lost(doing).source(error),
        }
    }

    /// The other side does not keep to the protocol.
    pub fn foreign(&self, what: impl fmt::Display) -> Error {
        let message = format!("what answers there does not speak {} protocol: {what}", self.whose);
        Error::new(ErrorKind::Unsupported, message)
            .hint("check host and port: another kind of server, or a proxy, may listen there")
    }

    fn tls(&self, error: &rustls::Error) -> (ErrorKind, &'static str, String) {
        use ErrorKind as K;
        match error {
            rustls::Error::InvalidCertificate(certificate) => self.certificate_error(certificate),
            rustls::Error::AlertReceived(
                AlertDescription::CertificateRequired
                | AlertDescription::HandshakeFailure
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateUnknown
                | AlertDescription::AccessDenied
                | AlertDescription::UnknownCA,
            ) => (
                K::Denied,
                "the server does not take our certificate, or asks for one",
                format!(
                    "name a certificate that the server's authority signed, and its key, as {} and {}",
                    self.certificate, self.key
                ),
            ),
            rustls::Error::PeerIncompatible(_)
            | rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) => (
                K::Unsupported,
                "server and client have no version of TLS or cipher in common",
                format!("allow TLS 1.2 or 1.3 on the server ({})", self.versions),
            ),
            _ => (K::Unreachable, "TLS failed", "see the cause and the server's log".to_owned()),
        }
    }

    fn certificate_error(&self, error: &CertificateError) -> (ErrorKind, &'static str, String) {
        use CertificateError as C;
        let (message, hint) = match error {
            C::UnknownIssuer | C::BadSignature => (
                "the server's certificate is not signed by an authority that is trusted",
                format!(
                    "name the authority's certificate as {}; if that is right already, someone may stand between",
                    self.roots
                ),
            ),
            C::NotValidForName | C::NotValidForNameContext { .. } => (
                "the server's certificate is for another name",
                "connect by a name among the certificate's alternative names (subjectAltName; the common name does not count), or use verify-ca".to_owned(),
            ),
            C::Expired | C::ExpiredContext { .. } => (
                "the server's certificate has expired",
                "renew the server's certificate; check this machine's clock".to_owned(),
            ),
            C::Revoked => (
                "the server's certificate was revoked",
                "do not trust what answers there; the server's owner has to give it a new certificate".to_owned(),
            ),
            C::UnknownRevocationStatus | C::ExpiredRevocationList | C::ExpiredRevocationListContext { .. } => (
                "it is not known whether the server's certificate was revoked",
                format!("name a list of its authority that is still valid as {}", self.revoked),
            ),
            C::NotValidYet | C::NotValidYetContext { .. } => {
                ("the server's certificate is not valid yet", "check this machine's clock".to_owned())
            }
            _ => (
                "the server's certificate cannot be used",
                format!(
                    "a server's certificate is of X.509 version 3 and no authority, unless it stands in {} itself",
                    self.roots
                ),
            ),
        };
        (ErrorKind::Denied, message, hint)
    }
}

/// The connection ended where it should not.
pub fn lost(doing: &str) -> Error {
    Error::new(ErrorKind::Unreachable, format!("the connection was lost during {doing}"))
        .retryable()
        .hint("look into the server's log: it may have been stopped or restarted, or the network failed")
}
