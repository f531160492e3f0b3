use cadangkan_core::{Error, ErrorKind};
use rustls::CertificateError;

/// Why a request had no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// A wait was longer than its limit.
    Late,
    /// The host's name leads nowhere.
    UnknownName,
    /// What goes wrong with TLS stays wrong until somebody changes something.
    Tls(TlsTrouble),
    /// There was no connection, or it was lost.
    Lost,
}

/// What goes wrong with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsTrouble {
    /// The certificate is of no authority that is trusted, of another name, or past its time.
    Untrusted,
    /// The certificate is an authority's, which is not taken for a server's own, whether it is trusted or not.
    Authority,
    /// What the server says is no TLS: it waits for requests in clear.
    Plain,
    /// The two do not agree on how to speak.
    Failed,
}

impl Silence {
    /// Tells why a request failed.
    pub fn of(error: &ureq::Error) -> Silence {
        match error {
            ureq::Error::Timeout(_) => Silence::Late,
            ureq::Error::HostNotFound => Silence::UnknownName,
            ureq::Error::Rustls(error) => Silence::Tls(TlsTrouble::of(error)),
            ureq::Error::Tls(_) => Silence::Tls(TlsTrouble::Failed),
            ureq::Error::Io(error) => TlsTrouble::of_io(error).map_or(Silence::Lost, Silence::Tls),
            _ => Silence::Lost,
        }
    }

    /// Makes the error, without its source, which may name what nobody should see. `setting` is what names the server,
    /// `limit` what says how long is waited.
    pub fn error(self, setting: &str, limit: Option<&str>) -> Error {
        let (kind, message, hint) = match self {
            Silence::Late => (
                ErrorKind::Timeout,
                "the server does not answer in time",
                match limit {
                    Some(limit) => {
                        format!("check the network and {setting}; {limit} says how long is waited")
                    }
                    None => format!("check the network and {setting}"),
                },
            ),
            Silence::UnknownName => (
                ErrorKind::Unreachable,
                "the server's name is not known",
                format!("correct {setting}; check the machine's DNS"),
            ),
            Silence::Tls(trouble) => return trouble.error(setting),
            Silence::Lost => (
                ErrorKind::Unreachable,
                "the connection to the server was lost or not made",
                format!("check the network, a firewall or proxy in between, and {setting}"),
            ),
        };
        Error::new(kind, message).hint(hint).retryable()
    }
}

impl TlsTrouble {
    /// Tells what went wrong.
    pub fn of(error: &rustls::Error) -> TlsTrouble {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::Other(other))
                if format!("{other:?}").contains("CaUsedAsEndEntity") =>
            {
                TlsTrouble::Authority
            }
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
                TlsTrouble::Untrusted
            }
            rustls::Error::InvalidMessage(_) => TlsTrouble::Plain,
            _ => TlsTrouble::Failed,
        }
    }

    /// The same of what a stream over TLS fails with; nothing where it fails for another reason.
    pub fn of_io(error: &std::io::Error) -> Option<TlsTrouble> {
        error.get_ref().and_then(|inner| inner.downcast_ref()).map(TlsTrouble::of)
    }

    /// Makes the error, without its source. `setting` is what names the server.
    pub fn error(self, setting: &str) -> Error {
        let (message, hint) = match self {
            TlsTrouble::Untrusted => (
                "the server's certificate is not trusted",
                format!("name the file with the authority's certificate as `ca_file`, or correct {setting}"),
            ),
            // What `openssl req -x509` makes when it is asked for nothing else.
            TlsTrouble::Authority => (
                "the server's certificate is one of an authority, and none of a server",
                "give the server one that is signed by it, or a self-signed one with `basicConstraints = CA:FALSE`, and \
                 name that as `ca_file`"
                    .to_owned(),
            ),
            TlsTrouble::Plain => (
                "the server does not speak TLS there",
                format!("correct {setting}: another port, or a server that speaks TLS"),
            ),
            TlsTrouble::Failed => (
                "TLS with the server failed",
                format!(
                    "see which versions of TLS the server speaks (1.2 and 1.3 are spoken here), and {setting}"
                ),
            ),
        };
        Error::new(ErrorKind::Unreachable, message).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    /// What an agent meets at a server that answers so, and then hangs up.
    fn met(answer: &'static [u8]) -> Silence {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                let _ = stream.read(&mut [0; 4096]);
                stream.write_all(answer).unwrap();
            });
            let agent = crate::agent("127.0.0.1", Duration::from_secs(5), true, None).unwrap();
            Silence::of(&agent.get(&url).call().unwrap_err())
        })
    }

    #[test]
    fn a_server_without_tls_is_told_from_one_that_is_not_trusted() {
        assert_eq!(met(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Silence::Tls(TlsTrouble::Plain));
        assert_eq!(met(b"220 mail ESMTP\r\n"), Silence::Tls(TlsTrouble::Plain));
        assert_eq!(met(b""), Silence::Lost);
        // The alert handshake_failure (RFC 8446, section 6).
        assert_eq!(met(&[21, 3, 3, 0, 2, 2, 40]), Silence::Tls(TlsTrouble::Failed));
        let authority = rustls::OtherError(std::sync::Arc::new(std::io::Error::other("CaUsedAsEndEntity")));
        assert_eq!(TlsTrouble::of(&CertificateError::Other(authority).into()), TlsTrouble::Authority);
        let expired = rustls::CertificateError::Expired.into();
        assert_eq!(TlsTrouble::of(&expired), TlsTrouble::Untrusted);
    }
}
