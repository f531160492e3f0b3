use cadangkan_storage_azure::AZURE;
use serde_json::{Value, json};

fn opened(more: Value) -> String {
    let mut settings = json!({"account": "acme", "container": "backups", "account_key": "a2V5"});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    match (AZURE.open)(&settings) {
        Ok(storage) => storage.location(),
        Err(error) => format!("{}: {}", error.path.join("."), error.message),
    }
}

#[test]
fn places_are_named() {
    for (more, location) in [
        (json!({}), "azure://acme/backups"),
        (json!({"prefix": "/x/y/"}), "azure://acme/backups/x/y"),
        (json!({"account_key": null}), "azure://acme/backups"),
        (json!({"endpoint": "https://host/"}), "https://host/backups"),
        (
            json!({"endpoint": "http://127.0.0.1:10000/acme", "prefix": "x"}),
            "http://127.0.0.1:10000/acme/backups/x",
        ),
        (json!({"endpoint": "http://host:1", "allow_http": true}), "http://host:1/backups"),
    ] {
        assert_eq!(opened(more.clone()), location, "{more}");
    }
}

#[test]
fn mistakes_are_named_with_their_key() {
    for (more, begins) in [
        (json!({"account": ""}), "account: "),
        (json!({"account": "https://acme"}), "account: "),
        (json!({"container": "c/folder"}), "container: "),
        (json!({"endpoint": "acme.blob.core.windows.net"}), "endpoint: "),
        (json!({"endpoint": "https://user@host"}), "endpoint: "),
        (json!({"endpoint": "https://host/a/b"}), "endpoint: "),
        (json!({"endpoint": "http://host"}), "endpoint: without TLS"),
        (json!({"prefix": "a//b"}), "prefix: "),
        (json!({"sas_token": "sv=1"}), "sas_token: "),
        (json!({"access_tier": "Archive"}), "access_tier: "),
        (json!({"part_size_mib": 0}), "part_size_mib: "),
        (json!({"connections": 33}), "connections: "),
        (json!({"timeout": "0s"}), "timeout: "),
        (json!({"colour": "red"}), "colour: "),
    ] {
        let found = opened(more.clone());
        assert!(found.starts_with(begins), "{more} gives: {found}");
    }
}

#[test]
fn a_url_is_read_and_a_location_is_one() {
    let read = |url: &str| (AZURE.parse_url)(url).map(|found| found.map_err(|error| error.path.join(".")));
    let plain = json!({"account": "acme", "container": "backups", "prefix": "a b/c"});
    assert_eq!(read("azure://acme/backups/a%20b/c"), Some(Ok(plain)));
    let more = json!({"account": "acme", "container": "backups", "access_tier": "Cool", "connections": 2});
    assert_eq!(read("azure://acme/backups?access_tier=Cool&connections=2"), Some(Ok(more)));
    assert_eq!(read("s3://acme/backups"), None);
    for (url, key) in [
        ("azure://", "container"),
        ("azure://acme", "container"),
        ("azure://acme/", "container"),
        ("azure://acme:key@host/backups", "container"),
        ("azure://acme/backups?account_key=x", "account_key"),
        ("azure://acme/backups?colour=red", "container"),
        ("azure://acme/backups?container=other", "container"),
        ("azure://acme/backups/%zz", "prefix"),
    ] {
        assert_eq!(read(url), Some(Err(key.to_owned())), "{url}");
    }
}
