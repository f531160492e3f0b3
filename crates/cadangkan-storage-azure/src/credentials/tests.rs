use cadangkan_testkit::scripted::Scripted;

use super::*;

fn found(pairs: &[(&str, &str)]) -> Credentials {
    look(&|name| pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
}

fn token_of(credentials: &Credentials) -> Result<String> {
    let Credentials::Token(bearer) = credentials else { panic!("not a token") };
    bearer.get()
}

const ANSWER: &str = r#"{"access_token": "the-token", "expires_in": "3599"}"#;

#[test]
fn a_client_logs_in_with_its_secret() {
    let service = Scripted::once(200, ANSWER);
    let credentials = found(&[
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_CLIENT_SECRET", "s&cret"),
        ("AZURE_AUTHORITY_HOST", &format!("{}/", service.url)),
    ]);
    assert_eq!(token_of(&credentials).unwrap(), "the-token");
    // It is kept: the service answers only once.
    assert_eq!(token_of(&credentials).unwrap(), "the-token");
    let request = service.request();
    assert!(request.starts_with("POST /tenant/oauth2/v2.0/token HTTP/1.1"), "{request}");
    assert!(request.contains("client_secret=s%26cret") && request.contains("grant_type=client_credentials"));
    assert!(request.contains("scope=https%3A%2F%2Fstorage.azure.com%2F.default"), "{request}");
}

#[test]
fn a_workload_shows_its_token() {
    let service = Scripted::once(200, ANSWER);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "a.b.c\n").unwrap();
    let credentials = found(&[
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_FEDERATED_TOKEN_FILE", path.to_str().unwrap()),
        ("AZURE_AUTHORITY_HOST", &service.url),
    ]);
    assert_eq!(token_of(&credentials).unwrap(), "the-token");
    assert!(service.request().contains("client_assertion=a.b.c"));
}

#[test]
fn a_machine_and_an_app_have_identities() {
    let service = Scripted::once(200, ANSWER);
    let machine = found(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", &service.url), ("AZURE_CLIENT_ID", "which")]);
    assert_eq!(token_of(&machine).unwrap(), "the-token");
    let request = service.request().to_ascii_lowercase();
    assert!(
        request.starts_with("get /metadata/identity/oauth2/token?resource=https%3a%2f%2fstorage.azure.com")
    );
    assert!(request.contains("metadata: true") && request.contains("client_id=which"), "{request}");

    let service = Scripted::once(200, r#"{"access_token": "t", "expires_on": "1586984735"}"#);
    let app = found(&[("IDENTITY_ENDPOINT", &format!("{}/msi", service.url)), ("IDENTITY_HEADER", "secret")]);
    assert_eq!(token_of(&app).unwrap(), "t");
    let request = service.request().to_ascii_lowercase();
    assert!(request.starts_with("get /msi?resource=") && request.contains("x-identity-header: secret"));
}

#[test]
fn a_refusal_says_why_and_nothing_else() {
    let answer =
        r#"{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"}"#;
    let service = Scripted::once(401, answer);
    let credentials = found(&[
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_CLIENT_SECRET", "marked"),
        ("AZURE_AUTHORITY_HOST", &service.url),
    ]);
    let error = token_of(&credentials).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Denied, false));
    let text = error.chain().join(": ");
    assert!(text.contains("Entra ID gives no token") && text.contains("AADSTS7000215"), "{text}");
    assert!(!format!("{error:?}").contains("marked"));
}

#[test]
fn keys_and_signatures_of_the_environment_come_first() {
    let key = BASE64.encode("key");
    let Credentials::Key(Some(found_key)) = found(&[("AZURE_STORAGE_KEY", &key), ("AZURE_CLIENT_ID", "x")])
    else {
        panic!("no key")
    };
    assert_eq!(found_key, b"key");
    let Credentials::Signature(query) = found(&[("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=x")]) else {
        panic!("no signature")
    };
    assert_eq!(query, "sv=1&sig=x");
    assert!(matches!(Credentials::key("no base64!"), Credentials::Key(None)));
}

#[test]
fn without_anything_the_hint_says_what_to_give() {
    let credentials = found(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")]);
    let error = token_of(&credentials).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.advice().unwrap_or_default().contains("account_key"), "{error:?}");
}
