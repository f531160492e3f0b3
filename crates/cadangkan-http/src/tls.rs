//! Whom connections with TLS trust, and when it may be left out.

use std::path::Path;
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Makes the configuration of a client that trusts the authorities in a file, or those of the system.
pub fn client_config(file: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(authorities(file)?);
    if added == 0 {
        return Err(Error::new(ErrorKind::Configuration, "no certificate of an authority can be used")
            .hint("give a file with X.509 version 3 certificates as `ca_file`"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Internal, "TLS cannot be set up").source(error))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Tells whether a host is this machine, so that nobody in between reads what is sent.
pub fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Returns the certificates in a file in PEM, or those that the system trusts.
pub fn authorities(file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>> {
    let Some(path) = file else {
        let found = rustls_native_certs::load_native_certs().certs;
        if found.is_empty() {
            return Err(Error::new(ErrorKind::Configuration, "the system has no root certificates")
                .hint("install the package ca-certificates, or name a file as `ca_file`"));
        }
        return Ok(found);
    };
    let bytes = std::fs::read(path).map_err(|error| {
        Error::io("cannot read the certificates of authorities", error)
            .context("ca_file", path.display())
            .hint("check the path and the file's permissions")
    })?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes).flatten().collect();
    if found.is_empty() {
        return Err(Error::new(ErrorKind::Configuration, "the file has no certificate")
            .context("ca_file", path.display())
            .hint("give a file in PEM: it has lines `-----BEGIN CERTIFICATE-----`"));
    }
    Ok(found)
}
