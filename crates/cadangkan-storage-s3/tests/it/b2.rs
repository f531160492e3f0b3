use std::sync::Arc;

use cadangkan_storage::{Storage as _, WriteOptions, conformance};
use cadangkan_storage_s3::{B2, Bucket};
use cadangkan_testkit::s3::{S3Server, TestBucket};
use serde_json::{Value, json};

use crate::support::{MovedClock, QUICK, bytes, key, put};

/// The settings of a bucket in the words of B2.
fn settings(bucket: &TestBucket) -> Value {
    let of_s3 = bucket.settings();
    json!({
        "bucket": of_s3["bucket"],
        "endpoint": of_s3["endpoint"],
        "region": "us-east-1",
        "key_id": of_s3["access_key"],
        "application_key": of_s3["secret_key"],
    })
}

fn open(bucket: &TestBucket) -> Bucket {
    Bucket::open_b2(&settings(bucket), Arc::new(MovedClock(0)), QUICK).unwrap()
}

#[test]
fn a_bucket_in_its_words_is_a_storage() {
    let Some(server) = S3Server::find("ceph") else { return };
    conformance::run(&|| Box::new(open(&server.bucket())));
}

#[test]
fn what_is_deleted_leaves_no_version_that_is_paid_for() {
    let Some(server) = S3Server::find("ceph") else { return };
    let bucket = server.bucket();
    let on = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    bucket.request("PUT", "?versioning", &[], on);
    let storage = open(&bucket);
    for _ in 0..2 {
        put(&storage, "a/b", &bytes(100), WriteOptions { overwrite: true, ..WriteOptions::default() })
            .unwrap();
    }
    storage.delete(&key("a/b")).unwrap();
    let left = bucket.request("GET", "?versions", &[], b"");
    assert!(!left.contains("<Key>"), "{left}");
}

#[test]
fn mistakes_are_told_in_its_words() {
    let wrong = |settings: Value| (B2.open)(&settings).map(drop).unwrap_err();
    let error = wrong(json!({"bucket": "b", "region": "us-west-004", "key_id": "k"}));
    assert!(error.path == ["key_id"] && error.message.contains("`application_key`"), "{error:?}");
    let error = wrong(json!({"bucket": "b", "access_key": "k"}));
    assert_eq!(error.path, ["access_key"], "{error:?}");
    let storage =
        (B2.open)(&json!({"bucket": "acme", "region": "us-west-004", "key_id": "k", "application_key": "s"}))
            .unwrap();
    let location = storage.location();
    assert!(location.contains("us-west-004") && location.ends_with("/acme"), "{location}");
    let read = (B2.parse_url)("b2://acme/prod?region=us-west-004").unwrap().unwrap();
    assert_eq!(read, json!({"bucket": "acme", "prefix": "prod", "region": "us-west-004"}));
}
