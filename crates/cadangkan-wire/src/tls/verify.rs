use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Checks a server's certificate as far as it is asked for.
///
/// The server's proof that it has the certificate's key is always checked.
#[derive(Debug)]
pub(super) struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    /// Checks that a root signed a certificate, that nobody has revoked it, and at last its name.
    signed: Option<Arc<WebPkiServerVerifier>>,
    pinned: Vec<CertificateDer<'static>>,
    name_counts: bool,
}

impl Verifier {
    /// Takes any certificate.
    pub(super) fn unchecked(provider: &Arc<CryptoProvider>) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Verifier { algorithms, signed: None, pinned: Vec::new(), name_counts: false }
    }

    /// Takes certificates that a root signed, and those that are `pinned` themselves.
    ///
    /// With lists of revoked certificates each one in the chain must be known to be good, by a list that is not older
    /// than it says it may be; as OpenSSL does it for libpq.
    ///
    /// # Errors
    /// When a list cannot be understood.
    pub(super) fn new(
        provider: &Arc<CryptoProvider>,
        roots: RootCertStore,
        pinned: Vec<CertificateDer<'static>>,
        revoked: Vec<CertificateRevocationListDer<'static>>,
        name_counts: bool,
    ) -> Result<Self, VerifierBuilderError> {
        let signed = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .with_crls(revoked)
            .enforce_revocation_expiration()
            .build()?;
        let algorithms = provider.signature_verification_algorithms;
        Ok(Verifier { algorithms, signed: Some(signed), pinned, name_counts })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        use CertificateError as C;
        let Some(signed) = &self.signed else { return Ok(ServerCertVerified::assertion()) };
        match signed.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // A self-signed certificate, as `openssl req -x509` makes it, is its own authority.
            // webpki takes no authority for a server, and has no name of its own for this in rustls; it looks at
            // the dates before it gets there.
            Err(Error::InvalidCertificate(C::Other(_))) if self.pinned.contains(end_entity) => {
                if self.name_counts {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            // The name is looked at when all else is right.
            Err(Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }))
                if !self.name_counts =>
            {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
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
        let verifier = Verifier::new(&provider, roots, own, Vec::new(), name_counts)
            .map_err(|error| Error::General(error.to_string()))?;
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
