use sha2::{Digest, Sha256, Sha384, Sha512};

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// 1.2.840.113549.1.1, PKCS #1 (RFC 8017, appendix C).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// 1.2.840.10045.4, ECDSA (RFC 5758, section 3.2).
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];

/// The hash of a server's certificate that binds SCRAM to this TLS session: `tls-server-end-point` of RFC 5929,
/// section 4.1. `None` where the signature's algorithm does not name a hash, such as Ed25519 and RSA-PSS: then
/// there is no binding.
pub(crate) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { algorithm OID, … }, … }
    let (inside, _) = element(certificate, SEQUENCE)?;
    let (_, after) = element(inside, SEQUENCE)?;
    let (algorithm, _) = element(after, SEQUENCE)?;
    let (identifier, _) = element(algorithm, OBJECT_IDENTIFIER)?;
    let rsa = identifier.strip_prefix(RSA);
    let ecdsa = identifier.strip_prefix(ECDSA);
    match (rsa, ecdsa) {
        // MD5 (4) and SHA-1 (5, and 1 of ECDSA) count as SHA-256.
        (Some([4 | 5 | 11]), _) | (_, Some([1] | [3, 2])) => Some(Sha256::digest(certificate).to_vec()),
        (Some([12]), _) | (_, Some([3, 3])) => Some(Sha384::digest(certificate).to_vec()),
        (Some([13]), _) | (_, Some([3, 4])) => Some(Sha512::digest(certificate).to_vec()),
        _ => None,
    }
}

/// Takes the DER element at the start: its content, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ ..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (*found == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use cadangkan_testkit::SELF_SIGNED;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn certificate(identifier: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, inside: &[u8]| [&[tag, u8::try_from(inside.len()).unwrap()], inside].concat();
        let algorithm = wrap(SEQUENCE, &wrap(OBJECT_IDENTIFIER, identifier));
        wrap(SEQUENCE, &[wrap(SEQUENCE, b"to be signed"), algorithm, vec![3, 1, 0]].concat())
    }

    #[test]
    fn the_signature_names_the_hash() {
        let length = |family: &[u8], last: &[u8]| {
            end_point(&certificate(&[family, last].concat())).map(|hash| hash.len())
        };
        assert_eq!(length(RSA, &[11]), Some(32));
        assert_eq!(length(RSA, &[5]), Some(32));
        assert_eq!(length(RSA, &[12]), Some(48));
        assert_eq!(length(ECDSA, &[3, 4]), Some(64));
        assert_eq!(length(RSA, &[10]), None);
        assert_eq!(length(&[0x2b, 0x65, 0x70], &[]), None);
    }

    #[test]
    fn cut_certificates_have_no_hash() {
        let whole = certificate(&[RSA, &[11]].concat());
        for end in 0..whole.len() {
            assert_eq!(end_point(&whole[..end]), None);
        }
        assert_eq!(end_point(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn a_real_certificate_can_bind_a_login() {
        let certificate = CertificateDer::from_pem_slice(SELF_SIGNED).unwrap();
        assert_eq!(end_point(&certificate).map(|hash| hash.len()), Some(32));
    }
}
