use cadangkan_storage_gcs::GCS;
use serde_json::{Value, json};

fn opened(more: Value) -> String {
    let mut settings = json!({"bucket": "backups"});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    match (GCS.open)(&settings) {
        Ok(storage) => storage.location(),
        Err(error) => format!("{}: {}", error.path.join("."), error.message),
    }
}

#[test]
fn places_are_named() {
    for (more, location) in [
        (json!({}), "gs://backups"),
        (json!({"prefix": "/x/y/", "credentials": "{}", "project": "p"}), "gs://backups/x/y"),
        (json!({"endpoint": "https://host/"}), "https://host/backups"),
        (json!({"endpoint": "http://127.0.0.1:4443", "prefix": "x"}), "http://127.0.0.1:4443/backups/x"),
        (json!({"endpoint": "http://host:1", "allow_http": true}), "http://host:1/backups"),
    ] {
        assert_eq!(opened(more.clone()), location, "{more}");
    }
}

#[test]
fn mistakes_are_named_with_their_key() {
    for (more, begins) in [
        (json!({"bucket": ""}), "bucket: "),
        (json!({"bucket": "b/folder"}), "bucket: "),
        (json!({"endpoint": "host"}), "endpoint: "),
        (json!({"endpoint": "https://user@host"}), "endpoint: "),
        (json!({"endpoint": "https://host/a"}), "endpoint: "),
        (json!({"endpoint": "http://host"}), "endpoint: without TLS"),
        (json!({"prefix": "a//b"}), "prefix: "),
        (json!({"part_size_mib": 0}), "part_size_mib: "),
        (json!({"part_size_mib": 1025}), "part_size_mib: "),
        (json!({"move_to": "ARCHIVE"}), "move_to: "),
        (json!({"timeout": "0s"}), "timeout: "),
        (json!({"colour": "red"}), "colour: "),
    ] {
        let found = opened(more.clone());
        assert!(found.starts_with(begins), "{more} gives: {found}");
    }
}

#[test]
fn a_url_is_read_and_a_location_is_one() {
    let read = |url: &str| (GCS.parse_url)(url).map(|found| found.map_err(|error| error.path.join(".")));
    assert_eq!(read("gs://backups/a%20b/c"), Some(Ok(json!({"bucket": "backups", "prefix": "a b/c"}))));
    let more = json!({"bucket": "backups", "storage_class": "NEARLINE", "tags": true});
    assert_eq!(read("gs://backups?storage_class=NEARLINE&tags=true"), Some(Ok(more)));
    assert_eq!(read("s3://backups"), None);
    for (url, key) in [
        ("gs://", "bucket"),
        ("gs://key@backups", "bucket"),
        ("gs://backups?credentials=x", "credentials"),
        ("gs://backups?colour=red", "bucket"),
        ("gs://backups/%zz", "prefix"),
    ] {
        assert_eq!(read(url), Some(Err(key.to_owned())), "{url}");
    }
}
