use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cadangkan_core::ErrorKind;
use cadangkan_mywire::Connection;
use cadangkan_testkit::{RevocationLists, mysql};

use crate::support::{calmly, one, open, refused, target, url};

#[test]
fn certificates_are_checked_as_far_as_asked() {
    for server in mysql::servers() {
        let root = server.root_cert.display().to_string();
        let url = |host: &str, mode: &str, root: &str| {
            let root = if root.is_empty() { String::new() } else { format!("&ssl-ca={root}") };
            url!("root:pw@{host}:{}/?ssl-mode={mode}{root}", server.port)
        };
        // The certificate is for localhost and 127.0.0.1.
        for host in ["localhost", "127.0.0.1"] {
            let mut connection = open(&url(host, "verify-identity", &root));
            assert!(connection.is_encrypted());
            assert_ne!(one(&mut connection, "SHOW STATUS LIKE 'Ssl_cipher'"), "");
        }
        let error = refused(&url("localhost", "verify-identity", ""));
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("authority"), "{error:?}");

        let named_otherwise = |mode: &str| {
            let elsewhere =
                target(&url("db.example", mode, &root)).through(([127, 0, 0, 1], server.port).into());
            calmly(|control| Connection::open(&elsewhere, control))
        };
        assert!(named_otherwise("verify-ca").is_ok());
        let error = named_otherwise("verify-identity").err().unwrap();
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("another name"), "{error:?}");

        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        assert_eq!(refused(&url("localhost", "verify-ca", &file("none"))).kind(), ErrorKind::NotFound);
        std::fs::write(file("empty"), "nothing").unwrap();
        assert_eq!(refused(&url("localhost", "verify-ca", &file("empty"))).kind(), ErrorKind::Configuration);
        // The file of an authority without a mode asks for checks.
        let client = server.client_cert.display().to_string();
        let error = refused(&url!("root:pw@localhost:{}/?ssl-ca={client}", server.port));
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    }
}

#[test]
fn revoked_certificates_are_refused() {
    for server in mysql::servers() {
        let root = server.root_cert.display();
        let lists = RevocationLists::make(&server.root_cert);
        let url = |more: String| {
            url!("root:pw@localhost:{}/?ssl-mode=verify-identity&ssl-ca={root}&{more}", server.port)
        };
        open(&url(format!("ssl-crl={}", lists.empty())));
        open(&url(format!("ssl-crlpath={}", lists.folder_of_empty())));
        let error = refused(&url(format!("ssl-crl={}", lists.with_server())));
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("was revoked"), "{error:?}");
    }
}

#[test]
fn client_certificates_log_in() {
    for server in mysql::servers() {
        let folder = tempfile::tempdir().unwrap();
        let own_key = folder.path().join("client.key");
        std::fs::copy(&server.client_key, &own_key).unwrap();
        let allow =
            |mode: u32| std::fs::set_permissions(&own_key, std::fs::Permissions::from_mode(mode)).unwrap();
        allow(0o600);
        let root = server.root_cert.display();
        let url = |certificate: &Path, key: &Path| {
            let files = format!("ssl-cert={}&ssl-key={}", certificate.display(), key.display());
            url!("certuser@localhost:{}/?ssl-mode=verify-identity&ssl-ca={root}&{files}", server.port)
        };
        let mut connection = open(&url(&server.client_cert, &own_key));
        assert_eq!(one(&mut connection, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"), "certuser");

        let error = refused(&url!("certuser@localhost:{}/?ssl-mode=required", server.port));
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        let error = refused(&url(&server.root_cert, &own_key));
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error:?}");
        allow(0o644);
        let error = refused(&url(&server.client_cert, &own_key));
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("read by others"), "{error:?}");
    }
}
