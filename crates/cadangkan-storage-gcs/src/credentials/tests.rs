use std::process::Command;

use cadangkan_testkit::scripted::Scripted;

use super::*;

const ANSWER: &str = r#"{"access_token": "the-token", "expires_in": 3599, "token_type": "Bearer"}"#;

fn now() -> Timestamp {
    "2026-11-26T18:00:00Z".parse().unwrap()
}

/// What a form says under a name.
fn said(request: &str, name: &str) -> String {
    let body = request.split("\r\n\r\n").nth(1).unwrap();
    let pair = body.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    cadangkan_storage::encoding::decode(pair.unwrap_or_default(), false).unwrap()
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_service_account_signs_what_openssl_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [key, public, text, signature] = ["key", "public", "text", "signature"].map(path);
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", &key]);
    openssl(&["pkey", "-in", &key, "-pubout", "-out", &public]);
    let service = Scripted::once(200, ANSWER);
    let file = json!({
        "type": "service_account", "project_id": "p", "private_key_id": "1", "client_email": "me@p.example",
        "private_key": std::fs::read_to_string(&key).unwrap(), "token_uri": format!("{}/token", service.url),
    });
    let found = of_file(&file.to_string(), now()).unwrap();
    assert_eq!((found.secret.as_str(), found.lasts.as_secs()), ("the-token", 3599));
    let request = service.request();
    assert_eq!(said(&request, "grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let assertion = said(&request, "assertion");
    let (signed, made) = assertion.rsplit_once('.').unwrap();
    std::fs::write(&text, signed).unwrap();
    std::fs::write(&signature, URL_SAFE_NO_PAD.decode(made).unwrap()).unwrap();
    openssl(&["dgst", "-sha256", "-verify", &public, "-signature", &signature, &text]);
    let claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert_eq!(claims["iss"], "me@p.example");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert_eq!((claims["aud"].as_str(), claims["scope"].as_str()), (file["token_uri"].as_str(), Some(SCOPE)));
}

#[test]
fn a_person_who_has_logged_in_is_known_by_the_file_of_gcloud() {
    let service = Scripted::once(200, ANSWER);
    let folder = tempfile::tempdir().unwrap();
    let file = json!({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r/1",
        "token_uri": service.url});
    std::fs::write(folder.path().join("application_default_credentials.json"), file.to_string()).unwrap();
    let folder = folder.path().to_str().unwrap().to_owned();
    let found = find(&|name| (name == "CLOUDSDK_CONFIG").then(|| folder.clone()), now()).unwrap();
    assert_eq!(found.secret, "the-token");
    let request = service.request();
    assert_eq!(
        (said(&request, "refresh_token").as_str(), said(&request, "client_secret").as_str()),
        ("r/1", "s")
    );
}

#[test]
fn a_workload_elsewhere_exchanges_its_token_and_becomes_a_service_account() {
    let own = Scripted::once(200, r#"{"value": "own-token"}"#);
    let exchange = Scripted::once(200, ANSWER);
    let account =
        Scripted::once(200, r#"{"accessToken": "of-the-account", "expireTime": "2026-11-26T19:00:00Z"}"#);
    let file = json!({
        "type": "external_account", "audience": "//iam/pool", "token_url": exchange.url,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "service_account_impersonation_url": account.url,
        "credential_source": {"url": own.url, "headers": {"authorization": "bearer x"},
            "format": {"type": "json", "subject_token_field_name": "value"}},
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.json");
    std::fs::write(&path, file.to_string()).unwrap();
    let path = path.to_str().unwrap().to_owned();
    let found =
        find(&|name| (name == "GOOGLE_APPLICATION_CREDENTIALS").then(|| path.clone()), now()).unwrap();
    assert_eq!(found.secret, "of-the-account");
    assert!(own.request().to_ascii_lowercase().contains("authorization: bearer x"));
    let request = exchange.request();
    assert_eq!(
        (said(&request, "subject_token").as_str(), said(&request, "scope").as_str()),
        ("own-token", PLATFORM)
    );
    let request = account.request();
    assert!(
        request.to_ascii_lowercase().contains("authorization: bearer the-token") && request.contains(SCOPE)
    );

    let exchange = Scripted::once(200, ANSWER);
    let token = folder.path().join("token");
    std::fs::write(&token, "from-a-file\n").unwrap();
    let file = json!({"type": "external_account", "audience": "a", "token_url": exchange.url,
        "subject_token_type": "t", "credential_source": {"file": token}});
    assert_eq!(of_file(&file.to_string(), now()).unwrap().secret, "the-token");
    let request = exchange.request();
    assert_eq!(
        (said(&request, "subject_token").as_str(), said(&request, "scope").as_str()),
        ("from-a-file", SCOPE)
    );
}

#[test]
fn a_machine_of_google_has_an_account() {
    let service = Scripted::once(200, ANSWER);
    let host = service.url.strip_prefix("http://").unwrap().to_owned();
    let found = find(&|name| (name == "GCE_METADATA_HOST").then(|| host.clone()), now()).unwrap();
    assert_eq!(found.secret, "the-token");
    let request = service.request().to_ascii_lowercase();
    assert!(
        request.starts_with("get /computemetadata/v1/instance/service-accounts/default/token "),
        "{request}"
    );
    assert!(request.contains("metadata-flavor: google"));
}

#[test]
fn what_cannot_be_used_is_told_without_a_secret() {
    for text in ["", "{}", r#"{"type": "marked"}"#, r#"{"type": "service_account", "private_key": "marked"}"#]
    {
        let error = of_file(text, now()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(!format!("{error:?}").contains("marked"), "{error:?}");
    }
    let text = r#"{"type": "service_account", "client_email": "e", "private_key": "marked"}"#;
    let error = of_file(text, now()).err().unwrap();
    assert!(error.message().contains("private key") && !format!("{error:?}").contains("marked"), "{error:?}");
    let none =
        find(&|name| (name == "GCE_METADATA_HOST").then(|| "127.0.0.1:1".to_owned()), now()).err().unwrap();
    assert_eq!(none.kind(), ErrorKind::Configuration);
    let service =
        Scripted::once(400, r#"{"error": "invalid_grant", "error_description": "Token has been revoked"}"#);
    let text = json!({"type": "authorized_user", "client_id": "c", "client_secret": "marked", "refresh_token": "marked",
        "token_uri": service.url});
    let error = of_file(&text.to_string(), now()).err().unwrap();
    let told = error.chain().join(": ");
    assert!(
        error.kind() == ErrorKind::Denied && told.contains("revoked") && !told.contains("marked"),
        "{told}"
    );
}
