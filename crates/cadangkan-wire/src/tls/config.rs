use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::verify::Verifier;
use super::{Roots, TlsSettings};
use crate::Words;

/// Makes the configuration of TLS; files are read now.
pub(crate) fn client_config(settings: &TlsSettings, words: &Words) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = match &settings.roots {
        Roots::Unchecked => Ok(Verifier::unchecked(&provider)),
        Roots::File(path) => {
            let (store, pinned) = roots_of_file(path)?;
            Verifier::new(&provider, store, pinned, revoked(settings)?, settings.name_counts)
        }
        Roots::System => {
            let store = roots_of_system(words)?;
            Verifier::new(&provider, store, Vec::new(), revoked(settings)?, settings.name_counts)
        }
    }
    .map_err(|error| {
        Error::new(ErrorKind::Configuration, "a list of revoked certificates cannot be used")
            .context(words.revoked, names(&settings.revoked))
            .source(error)
            .hint("give lists of version 2, as `openssl ca -gencrl` makes them with `crlnumber` set")
    })?;
    let unusable =
        |error: rustls::Error| Error::new(ErrorKind::Internal, "TLS cannot be set up").source(error);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some((certificate, key)) = &settings.certificate else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates(certificate)?;
    builder.with_client_auth_cert(chain, private_key(key)?).map_err(|error| {
        Error::new(ErrorKind::Configuration, "the client certificate and its key do not fit")
            .context(words.certificate, certificate.display())
            .context(words.key, key.display())
            .source(error)
            .hint("name the key that the certificate was made for")
    })
}

/// The name that a certificate is held against, and that the server is told.
pub(crate) fn server_name(host: &str, words: &Words) -> Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(|error| {
        Error::new(ErrorKind::Configuration, "the host is no name that a certificate can be for")
            .context("host", host)
            .source(error)
            .hint(format!("use the server's real name, or set {} to {}", words.mode, words.without))
    })
}

/// The roots in a file, and the same certificates as they are.
fn roots_of_file(path: &Path) -> Result<(RootCertStore, Vec<CertificateDer<'static>>)> {
    let certificates = certificates(path)?;
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates.iter().cloned());
    if added == 0 {
        return Err(Error::new(
            ErrorKind::Configuration,
            "the file has no root certificate that can be used",
        )
        .context("path", path.display())
        .hint("give a file with X.509 version 3 certificates in PEM"));
    }
    Ok((store, certificates))
}

fn roots_of_system(words: &Words) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(Error::new(ErrorKind::Configuration, "the system has no root certificates")
            .hint(format!("install the package ca-certificates, or name a file as {}", words.roots)));
    }
    Ok(store)
}

/// The lists in the files, and in the files of the folders; a folder may hold other things too.
fn revoked(settings: &TlsSettings) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    let unreadable = |path: &Path, error| {
        Error::io("cannot read the list of revoked certificates", error)
            .context("path", path.display())
            .hint("check the path and the permissions")
    };
    let mut lists = Vec::new();
    for path in &settings.revoked {
        let read = |path: &Path| {
            let bytes = std::fs::read(path).map_err(|error| unreadable(path, error))?;
            let found: std::result::Result<Vec<_>, _> =
                CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
            Ok::<_, Error>(found.unwrap_or_default())
        };
        let before = lists.len();
        if path.is_dir() {
            for entry in std::fs::read_dir(path).map_err(|error| unreadable(path, error))? {
                let file = entry.map_err(|error| unreadable(path, error))?.path();
                if file.is_file() {
                    lists.extend(read(&file)?);
                }
            }
        } else {
            lists.extend(read(path)?);
        }
        if lists.len() == before {
            return Err(Error::new(ErrorKind::Configuration, "there is no list of revoked certificates")
                .context("path", path.display())
                .hint("give a file in PEM: it has lines `-----BEGIN X509 CRL-----`"));
        }
    }
    Ok(lists)
}

fn names(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let bytes = std::fs::read(path).map_err(|error| {
        Error::io("cannot read the certificate's file", error)
            .context("path", path.display())
            .hint("check the path and the file's permissions")
    })?;
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let none = |message: &str| {
        Error::new(ErrorKind::Configuration, message)
            .context("path", path.display())
            .hint("give a file in PEM: it has lines `-----BEGIN CERTIFICATE-----`")
    };
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(none("the file has no certificate")),
        Err(error) => Err(none("the certificate's file cannot be understood").source(error)),
    }
}

/// Reads a key that only we may read; root's keys may be shared with a group.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let unreadable = |error| {
        Error::io("cannot read the client certificate's key", error)
            .context("path", path.display())
            .hint("check the path and the file's permissions")
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        return Err(Error::new(ErrorKind::Denied, "the client certificate's key may be read by others")
            .context("path", path.display())
            .hint("take the permissions of group and others away: `chmod 0600` on the file"));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        Error::new(ErrorKind::Configuration, "the file has no private key that can be used")
            .context("path", path.display())
            .source(error)
            .hint("give a key in PEM without a passphrase")
    })
}
