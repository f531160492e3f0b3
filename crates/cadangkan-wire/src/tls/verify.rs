use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Checks a server's certificate as far as it is asked for.
///
/// The server's proof that it has the certificate's key is always checked.
#[derive(Debug)]
pub(super) struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    roots: Option<RootCertStore>,
    pinned: Vec<CertificateDer<'static>>,
    name_counts: bool,
}

impl Verifier {
    /// Takes any certificate.
    pub(super) fn unchecked(provider: &Arc<CryptoProvider>) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Verifier { algorithms, roots: None, pinned: Vec::new(), name_counts: false }
    }

    /// Takes certificates that a root signed, and those that are `pinned` themselves.
    pub(super) fn new(
        provider: &Arc<CryptoProvider>,
        roots: RootCertStore,
        pinned: Vec<CertificateDer<'static>>,
        name_counts: bool,
    ) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Verifier { algorithms, roots: Some(roots), pinned, name_counts }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(roots) = &self.roots else { return Ok(ServerCertVerified::assertion()) };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms) {
            // A self-signed certificate, as `openssl req -x509` makes it, is its own authority.
            // webpki takes no authority for a server, and has no name of its own for this in rustls; it looks at
            // the dates before it gets there.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.pinned.contains(end_entity) => {}
            other => other?,
        }
        if self.name_counts {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cadangkan_testkit::SELF_SIGNED;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn check(pinned: bool, name_counts: bool, name: &str, year: u64) -> Result<ServerCertVerified, Error> {
        let certificate = CertificateDer::from_pem_slice(SELF_SIGNED).unwrap();
        let mut roots = RootCertStore::empty();
        let mut own = Vec::new();
        if pinned {
            roots.add(certificate.clone()).unwrap();
            own.push(certificate.clone());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(&provider, roots, own, name_counts);
        let now = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600));
        verifier.verify_server_cert(
            &certificate,
            &[],
            &ServerName::try_from(name.to_owned()).unwrap(),
            &[],
            now,
        )
    }

    #[test]
    fn a_self_signed_certificate_is_trusted_only_by_name_and_date() {
        assert!(check(true, true, "localhost", 2030).is_ok());
        assert!(check(true, false, "db.example", 2030).is_ok());
        let error = |result: Result<ServerCertVerified, Error>| format!("{:?}", result.unwrap_err());
        assert!(error(check(true, true, "db.example", 2030)).contains("NotValidForName"));
        assert!(error(check(true, true, "localhost", 2190)).contains("Expired"));
        assert!(error(check(true, true, "localhost", 2020)).contains("NotValidYet"));
        assert!(check(false, true, "localhost", 2030).is_err());
    }
}
