use cadangkan_core::ErrorKind;
use cadangkan_storage::Storage as _;
use cadangkan_testkit::s3::{S3Server, TestBucket};
use serde_json::{Value, json};

use crate::support::open;

fn failure(bucket: &TestBucket, more: Value) -> (ErrorKind, String) {
    let error = open(bucket, more).check().unwrap_err();
    (
        error.kind(),
        format!(
            "{} — {} — {}",
            error.chain().join(": "),
            error.advice().unwrap_or_default(),
            error.message()
        ),
    )
}

#[test]
fn each_missing_permission_is_named() {
    let Some(server) = S3Server::find("ceph") else { return };
    let bucket = server.bucket();
    open(&bucket, json!({})).check().unwrap();
    let all = [
        ("s3:ListBucket", "s3:ListBucket"),
        ("s3:ListBucketMultipartUploads", "s3:ListBucketMultipartUploads"),
        ("s3:PutObject", "s3:PutObject"),
        ("s3:GetObject", "s3:GetObject"),
        ("s3:DeleteObject", "s3:DeleteObject"),
        ("s3:ListMultipartUploadParts", "s3:ListMultipartUploadParts"),
        ("s3:AbortMultipartUpload", "s3:AbortMultipartUpload"),
    ];
    for (denied, named) in all {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": [denied],
             "Resource": [format!("arn:aws:s3:::{}", bucket.name), format!("arn:aws:s3:::{}/*", bucket.name)]}
        ]});
        bucket.request("PUT", "?policy", &[], policy.to_string().as_bytes());
        let result = open(&bucket, json!({})).check();
        bucket.request("DELETE", "?policy", &[], b"");
        let error = result.expect_err(denied);
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert_eq!(error.message(), format!("these credentials may not: {named}"), "{error:?}");
        let left = bucket.request("GET", "?uploads", &[], b"");
        for upload in left.split("<UploadId>").skip(1) {
            assert_eq!(denied, "s3:AbortMultipartUpload");
            let id = upload.split('<').next().unwrap();
            let key = left.split("<Key>").nth(1).unwrap().split('<').next().unwrap();
            bucket.request("DELETE", &format!("{key}?uploadId={id}"), &[], b"");
        }
    }
}

#[test]
fn wrong_credentials_buckets_and_endpoints_are_told_apart() {
    let Some(server) = S3Server::find("ceph") else { return };
    let bucket = server.bucket();
    let (kind, text) = failure(&bucket, json!({"access_key": "nobody"}));
    assert!(kind == ErrorKind::Denied && text.contains("does not know the access key"), "{text}");
    let (kind, text) = failure(&bucket, json!({"secret_key": "wrong-secret"}));
    assert!(kind == ErrorKind::Denied && text.contains("secret key does not belong"), "{text}");
    assert!(!text.contains("wrong-secret"), "{text}");
    let (kind, text) = failure(&bucket, json!({"bucket": "there-is-none"}));
    assert!(kind == ErrorKind::Unreachable && text.contains("there is no bucket there-is-none"), "{text}");
    let (kind, text) = failure(&bucket, json!({"endpoint": "http://127.0.0.1:1"}));
    assert!(kind == ErrorKind::Unreachable && text.contains("endpoint: 127.0.0.1:1"), "{text}");
    let (kind, text) = failure(
        &bucket,
        json!({"endpoint": format!("https://127.0.0.1:{}", server.port()), "timeout": "2s"}),
    );
    assert!(matches!(kind, ErrorKind::Unreachable | ErrorKind::Timeout), "{text}");
}

#[test]
fn a_check_leaves_nothing_behind() {
    for server in S3Server::all() {
        let bucket = server.bucket();
        let storage = open(&bucket, json!({"prefix": "a/b"}));
        storage.check().unwrap();
        assert!(storage.leftovers("").unwrap().is_empty());
        assert!(!bucket.request("GET", "", &[], b"").contains("<Contents>"));
    }
}
