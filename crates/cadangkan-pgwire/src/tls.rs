//! TLS: what is asked for, and what binds a password to it.

mod binding;

use std::path::Path;

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_wire::{Roots, TlsSettings};

pub(crate) use binding::end_point;

use crate::{Settings, SslMode};

/// Decides how much of TLS is asked for, and finds the files, as in the manual's section "SSL Support".
///
/// Unlike libpq, `verify-ca` and `verify-full` without a file trust what the system trusts, and `allow` and
/// `prefer`, which fall back to no TLS at all, never look at certificates.
pub(crate) fn resolve(settings: &Settings, home: Option<&Path>) -> Result<(SslMode, TlsSettings)> {
    let present =
        |name: &str| home.map(|home| home.join(".postgresql").join(name)).filter(|path| path.exists());
    let system = settings.sslrootcert.as_deref() == Some(Path::new("system"));
    let mode = settings.sslmode.unwrap_or(if system { SslMode::VerifyFull } else { SslMode::Prefer });
    if system && mode != SslMode::VerifyFull {
        return Err(Error::new(
            ErrorKind::Configuration,
            "the system's certificates need sslmode verify-full",
        )
        .context("sslmode", mode)
        .hint("set sslmode to verify-full: anyone can get a certificate that the system trusts"));
    }
    let file = settings.sslrootcert.clone().filter(|_| !system);
    let file = file.or_else(|| if system { None } else { present("root.crt") });
    let roots = match (mode, file) {
        (SslMode::Disable | SslMode::Allow | SslMode::Prefer, _) | (SslMode::Require, None) => {
            Roots::Unchecked
        }
        (_, Some(file)) => Roots::File(file),
        (SslMode::VerifyCa | SslMode::VerifyFull, None) => Roots::System,
    };
    let named: Vec<_> = [&settings.sslcrl, &settings.sslcrldir].into_iter().flatten().cloned().collect();
    let revoked = if named.is_empty() { present("root.crl").into_iter().collect() } else { named };
    let certificate = settings.sslcert.clone().or_else(|| present("postgresql.crt"));
    let key = || settings.sslkey.clone().or_else(|| present("postgresql.key"));
    let certificate = certificate.map(|certificate| match key() {
        Some(key) => Ok((certificate, key)),
        None => Err(Error::new(ErrorKind::Configuration, "a client certificate is given without its key")
            .context("sslcert", certificate.display())
            .hint("name the key's file as sslkey")),
    });
    let name_counts = mode == SslMode::VerifyFull;
    Ok((mode, TlsSettings { roots, revoked, name_counts, certificate: certificate.transpose()? }))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn trust_follows_mode_and_files() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".postgresql");
        let found = |mode: Option<SslMode>, root: Option<&str>| {
            let settings =
                Settings { sslmode: mode, sslrootcert: root.map(PathBuf::from), ..Settings::default() };
            resolve(&settings, Some(home.path())).map(|(mode, tls)| (mode, tls.roots))
        };
        assert_eq!(found(None, None).unwrap(), (SslMode::Prefer, Roots::Unchecked));
        assert_eq!(found(Some(SslMode::Require), None).unwrap().1, Roots::Unchecked);
        assert_eq!(found(Some(SslMode::VerifyCa), None).unwrap().1, Roots::System);
        assert_eq!(found(None, Some("system")).unwrap(), (SslMode::VerifyFull, Roots::System));
        assert!(found(Some(SslMode::Require), Some("system")).is_err());
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("root.crt"), "").unwrap();
        let own = Roots::File(folder.join("root.crt"));
        assert_eq!(found(Some(SslMode::Require), None).unwrap().1, own);
        assert_eq!(found(Some(SslMode::VerifyFull), None).unwrap().1, own);
        assert_eq!(found(Some(SslMode::Prefer), None).unwrap().1, Roots::Unchecked);
        assert_eq!(found(None, Some("system")).unwrap().1, Roots::System);
        assert_eq!(found(Some(SslMode::VerifyCa), Some("/x")).unwrap().1, Roots::File("/x".into()));
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let settings = Settings { sslcert: Some("/a.crt".into()), ..Settings::default() };
        let error = resolve(&settings, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}
