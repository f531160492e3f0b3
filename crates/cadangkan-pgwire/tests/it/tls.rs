use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cadangkan_core::ErrorKind;
use cadangkan_testkit::RevocationLists;
use cadangkan_testkit::servers::PostgresServer;

use crate::support::{one, open, refused, run, server, try_open, url};

const ENCRYPTED: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/// The server, when it has TLS, and its authority's certificate.
fn with_tls() -> Option<(PostgresServer, String)> {
    let server = server().filter(|server| server.tls)?;
    let root = server.root_cert.as_ref()?.display().to_string();
    Some((server, root))
}

#[test]
fn each_mode_takes_its_way() {
    let Some((server, root)) = with_tls() else { return };
    let url = &server.url;
    for (mode, encrypted) in [("disable", "f"), ("allow", "f"), ("prefer", "t"), ("require", "t")] {
        let mut connection = open(&format!("{url}?sslmode={mode}"));
        assert_eq!(one(&mut connection, ENCRYPTED), encrypted, "{mode}");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let mut connection = open(&format!("{url}?sslmode={mode}&sslrootcert={root}"));
        assert_eq!(one(&mut connection, ENCRYPTED), "t", "{mode}");
    }
}

#[test]
fn names_and_authorities_are_checked() {
    let Some((server, root)) = with_tls() else { return };
    let url = |host: &str, mode: &str, root: &str| {
        let place = format!("{host}:{}/postgres?hostaddr=127.0.0.1", server.port);
        url!("postgres:pw@{place}&sslmode={mode}&sslrootcert={root}")
    };
    // The certificate is for localhost and 127.0.0.1.
    assert!(try_open(&url("localhost", "verify-full", &root)).is_ok());
    let error = refused(&url("db.example", "verify-full", &root));
    assert!(error.kind() == ErrorKind::Denied && error.message().contains("another name"), "{error:?}");
    assert!(try_open(&url("db.example", "verify-ca", &root)).is_ok());
    let error = refused(&url("localhost", "verify-full", "system"));
    assert!(error.kind() == ErrorKind::Denied && error.message().contains("authority"), "{error:?}");

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    assert_eq!(refused(&url("localhost", "verify-ca", &file("none"))).kind(), ErrorKind::NotFound);
    std::fs::write(file("empty"), "nothing").unwrap();
    assert_eq!(refused(&url("localhost", "verify-ca", &file("empty"))).kind(), ErrorKind::Configuration);
    // A certificate that is its own authority is fine where it stands in the file itself, and only there.
    let client = server.client_cert.as_ref().unwrap().display().to_string();
    assert_eq!(refused(&url("localhost", "require", &client)).kind(), ErrorKind::Denied);
}

#[test]
fn revoked_certificates_are_refused() {
    let Some((server, root)) = with_tls() else { return };
    let lists = RevocationLists::make(Path::new(&root));
    for mode in ["verify-ca", "verify-full"] {
        let url = |more: &str| format!("{}?sslmode={mode}&sslrootcert={root}&{more}", server.url);
        for good in [format!("sslcrl={}", lists.empty()), format!("sslcrldir={}", lists.folder_of_empty())] {
            assert!(try_open(&url(&good)).is_ok(), "{good}");
        }
        let refusal = |list: String, part: &str| {
            let error = refused(&url(&format!("sslcrl={list}")));
            assert!(error.kind() == ErrorKind::Denied && error.message().contains(part), "{list}: {error:?}");
        };
        refusal(lists.with_server(), "was revoked");
        refusal(lists.outdated(), "not known whether");
        refusal(lists.of_another(), "not known whether");
        let error = refused(&url(&format!("sslcrl={root}")));
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error:?}");
    }
    // Where certificates are not looked at, neither are lists.
    let url = format!("{}?sslmode=prefer&sslcrl={}", server.url, lists.with_server());
    assert!(try_open(&url).is_ok());
}

#[test]
fn client_certificates_log_in() {
    let Some((server, root)) = with_tls() else { return };
    let (Some(certificate), Some(key)) = (&server.client_cert, &server.client_key) else { return };
    let folder = tempfile::tempdir().unwrap();
    let own_key = folder.path().join("client.key");
    std::fs::copy(key, &own_key).unwrap();
    let allow =
        |mode: u32| std::fs::set_permissions(&own_key, std::fs::Permissions::from_mode(mode)).unwrap();
    allow(0o600);
    let url = |certificate: &Path, key: &Path| {
        let files = format!("sslcert={}&sslkey={}", certificate.display(), key.display());
        url!("certuser@localhost:{}/postgres?sslmode=verify-full&sslrootcert={root}&{files}", server.port)
    };
    let mut connection = open(&url(certificate, &own_key));
    assert_eq!(one(&mut connection, "SELECT current_user"), "certuser");

    let without = url!("certuser:hunter2@localhost:{}/postgres?sslmode=require", server.port);
    let error = refused(&without);
    assert!(error.kind() == ErrorKind::Denied && error.advice().unwrap().contains("sslcert"), "{error:?}");
    let error = refused(&url(Path::new(&root), &own_key));
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error:?}");
    allow(0o644);
    let error = refused(&url(certificate, &own_key));
    assert!(error.kind() == ErrorKind::Denied && error.message().contains("read by others"), "{error:?}");
}

#[test]
fn scram_is_bound_to_tls() {
    let Some((server, _)) = with_tls() else { return };
    // A wrong hash, or none where the server offers the binding, would be refused by the server.
    let mut connection = open(&format!("{}?sslmode=require", server.url));
    run(&mut connection, "DROP ROLE IF EXISTS pgwire_bound");
    run(
        &mut connection,
        "SET password_encryption = 'scram-sha-256'; CREATE ROLE pgwire_bound LOGIN PASSWORD 'x'",
    );
    let url = url!("pgwire_bound:x@127.0.0.1:{}/postgres?sslmode=require", server.port);
    drop(open(&url));
    run(&mut connection, "DROP ROLE pgwire_bound");
}
