use cadangkan_storage_s3::S3;
use serde_json::{Value, json};

fn mistake(more: Value) -> String {
    let mut settings = json!({"bucket": "bucket", "access_key": "A", "secret_key": "S"});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    match (S3.open)(&settings) {
        Ok(storage) => storage.location(),
        Err(error) => format!("{}: {}", error.path.join("."), error.message),
    }
}

#[test]
fn each_provider_has_its_endpoint() {
    for (more, location) in [
        (json!({}), "s3://bucket"),
        (json!({"region": "eu-central-1"}), "s3://bucket"),
        (json!({"provider": "r2", "account": "0a1b"}), "0a1b.r2.cloudflarestorage.com/bucket"),
        (json!({"provider": "b2", "region": "us-west-004"}), "s3.us-west-004.backblazeb2.com/bucket"),
        (json!({"provider": "wasabi"}), "s3.us-east-1.wasabisys.com/bucket"),
        (json!({"provider": "spaces", "region": "fra1"}), "fra1.digitaloceanspaces.com/bucket"),
        (json!({"provider": "minio", "endpoint": "https://host:9000/"}), "host:9000/bucket"),
        (json!({"endpoint": "http://127.0.0.1:9000", "prefix": "/x/y/"}), "127.0.0.1:9000/bucket/x/y"),
        (json!({"endpoint": "http://[::1]:9000"}), "[::1]:9000/bucket"),
        (json!({"endpoint": "http://host:1", "allow_http": true}), "host:1/bucket"),
    ] {
        let found = mistake(more.clone());
        assert_eq!(found.trim_start_matches("https://").trim_start_matches("http://"), location, "{more}");
    }
}

#[test]
fn mistakes_are_named_with_their_key() {
    for (more, begins) in [
        (json!({"bucket": "b/folder"}), "bucket: "),
        (json!({"bucket": ""}), "bucket: "),
        (json!({"provider": "tape"}), "provider: "),
        (json!({"provider": "r2"}), "account: "),
        (json!({"provider": "b2"}), "region: "),
        (json!({"provider": "minio"}), "endpoint: "),
        (json!({"region": "eu central"}), "region: "),
        (json!({"endpoint": "s3.example.com"}), "endpoint: "),
        (json!({"endpoint": "https://user@host"}), "endpoint: "),
        (json!({"endpoint": "https://host/bucket"}), "endpoint: "),
        (json!({"endpoint": "http://host"}), "endpoint: without TLS"),
        (json!({"endpoint": "http://bucket"}), "endpoint: without TLS"),
        (json!({"prefix": "a//b"}), "prefix: "),
        (json!({"prefix": "../b"}), "prefix: "),
        (json!({"secret_key": null}), "access_key: "),
        (json!({"access_key": null}), "secret_key: "),
        (json!({"aws_profile": "p"}), "aws_profile: "),
        (json!({"part_size_mib": 1}), "part_size_mib: "),
        (json!({"connections": 0}), "connections: "),
        (json!({"timeout": "0s"}), "timeout: "),
        (json!({"colour": "red"}), "colour: "),
        (json!({"sse": "rot13"}), "sse: "),
        (json!({"sse": "customer"}), "sse: "),
        (json!({"sse": "s3", "sse_kms_key": "k"}), "sse_kms_key: "),
        (json!({"sse_customer_key": "x"}), "sse_customer_key: "),
        (json!({"storage_class": "DEEP_ARCHIVE"}), "storage_class: "),
        (json!({"thaw": "soon"}), "thaw: "),
        (json!({"thaw_tier": "slow"}), "thaw_tier: "),
        (json!({"lock_mode": "governance"}), "lock_days: "),
        (json!({"lock_mode": "governance", "lock_days": 0}), "lock_days: "),
    ] {
        let found = mistake(more.clone());
        assert!(found.starts_with(begins), "{more} gives: {found}");
    }
}

#[test]
fn a_url_is_read() {
    let read = |url: &str| (S3.parse_url)(url).map(|found| found.map_err(|error| error.path.join(".")));
    assert_eq!(read("s3://bucket"), Some(Ok(json!({"bucket": "bucket"}))));
    assert_eq!(
        read("s3://bucket/a%20b/c?region=eu-central-1&path_style=true&connections=2"),
        Some(Ok(
            json!({"bucket": "bucket", "prefix": "a b/c", "region": "eu-central-1", "path_style": true, "connections": 2})
        ))
    );
    assert_eq!(read("/srv/bucket"), None);
    for (url, key) in [
        ("s3://", "bucket"),
        ("s3://key:secret@bucket", "bucket"),
        ("s3://bucket?secret_key=x", "secret_key"),
        ("s3://bucket?colour=red", "bucket"),
        ("s3://bucket/%zz", "prefix"),
    ] {
        assert_eq!(read(url), Some(Err(key.to_owned())), "{url}");
    }
}
