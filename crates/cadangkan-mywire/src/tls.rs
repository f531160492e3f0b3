//! TLS: what is asked for.

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_wire::{Roots, TlsSettings};

use crate::{Settings, SslMode};

/// Decides by the settings. A file of roots without a mode means that certificates are checked, as in the
/// clients; checking without a file trusts what the system trusts, where they would refuse.
pub(crate) fn resolve(settings: &Settings) -> Result<(SslMode, TlsSettings)> {
    let by_files = if settings.ssl_ca.is_some() { SslMode::VerifyCa } else { SslMode::Preferred };
    let mode = settings.ssl_mode.unwrap_or(by_files);
    let roots = match (mode, &settings.ssl_ca) {
        (SslMode::Disabled | SslMode::Preferred | SslMode::Required, _) => Roots::Unchecked,
        (SslMode::VerifyCa | SslMode::VerifyIdentity, Some(file)) => Roots::File(file.clone()),
        (SslMode::VerifyCa | SslMode::VerifyIdentity, None) => Roots::System,
    };
    let certificate = match (&settings.ssl_cert, &settings.ssl_key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        (certificate, key) => {
            let file = certificate.as_ref().or(key.as_ref()).map(|file| file.display().to_string());
            return Err(Error::new(
                ErrorKind::Configuration,
                "of a client certificate and its key, one is missing",
            )
            .context("path", file.unwrap_or_default())
            .hint("name both, the certificate as ssl-cert and its key as ssl-key"));
        }
    };
    let revoked = [&settings.ssl_crl, &settings.ssl_crlpath].into_iter().flatten().cloned().collect();
    Ok((mode, TlsSettings { roots, revoked, name_counts: mode == SslMode::VerifyIdentity, certificate }))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn trust_follows_mode_and_files() {
        let found = |mode: Option<SslMode>, file: Option<&str>| {
            let settings =
                Settings { ssl_mode: mode, ssl_ca: file.map(PathBuf::from), ..Settings::default() };
            resolve(&settings).map(|(mode, tls)| (mode, tls.roots)).unwrap()
        };
        let file = Roots::File("/ca".into());
        assert_eq!(found(None, None), (SslMode::Preferred, Roots::Unchecked));
        assert_eq!(found(None, Some("/ca")), (SslMode::VerifyCa, file.clone()));
        assert_eq!(found(Some(SslMode::Required), Some("/ca")).1, Roots::Unchecked);
        assert_eq!(found(Some(SslMode::VerifyIdentity), Some("/ca")).1, file);
        assert_eq!(found(Some(SslMode::VerifyIdentity), None).1, Roots::System);
    }

    #[test]
    fn a_certificate_needs_its_key() {
        for (certificate, key) in [(Some("/a"), None), (None, Some("/b"))] {
            let (ssl_cert, ssl_key) = (certificate.map(PathBuf::from), key.map(PathBuf::from));
            let error = resolve(&Settings { ssl_cert, ssl_key, ..Settings::default() });
            assert_eq!(error.unwrap_err().kind(), ErrorKind::Configuration);
        }
    }
}
