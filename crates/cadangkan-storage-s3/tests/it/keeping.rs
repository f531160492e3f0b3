use std::sync::Arc;

use cadangkan_core::ErrorKind;
use cadangkan_storage::{Storage as _, WriteOptions};
use cadangkan_storage_s3::Bucket;
use cadangkan_testkit::proxy::{Fault, Proxy};
use cadangkan_testkit::s3::{S3Server, TestBucket};
use cadangkan_testkit::scripted::Scripted;
use serde_json::{Value, json};

use crate::support::{MovedClock, QUICK, bytes, get, key, open, put};

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const OTHER_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// Writes a small object and one in parts with these settings, reads both, and returns what the server says of each.
fn kept(bucket: &TestBucket, more: Value, headers: &[&str]) -> [String; 2] {
    let mut settings = json!({"part_size_mib": 5});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let storage = open(bucket, settings);
    storage.check().unwrap();
    [("small", 100), ("parts", (6 << 20) + 1)].map(|(name, length)| {
        let tags = vec![("database", "shop & co?".to_owned()), ("time", "2026-11-26T18:00:00Z".to_owned())];
        let content = bytes(length);
        let info = put(&storage, name, &content, WriteOptions { tags, ..WriteOptions::default() }).unwrap();
        assert_eq!(info.size, length as u64);
        assert!(get(&storage, name) == content, "{name}");
        bucket.request("HEAD", name, headers, b"")
    })
}

#[test]
fn keys_of_the_key_service_encrypt() {
    let Some(server) = S3Server::find("ceph") else { return };
    for said in kept(&server.bucket(), json!({"sse": "kms", "sse_kms_key": "k1"}), &[]) {
        assert!(said.contains("x-amz-server-side-encryption: aws:kms"), "{said}");
        assert!(said.contains("aws-kms-key-id: k1"), "{said}");
    }
}

#[test]
fn our_own_key_encrypts_and_is_needed_to_read() {
    let Some(server) = S3Server::find("ceph") else { return };
    let bucket = server.bucket();
    let settings = json!({"sse": "customer", "sse_customer_key": KEY, "part_size_mib": 5});
    let storage = open(&bucket, settings);
    storage.check().unwrap();
    for (name, length) in [("small", 100), ("parts", 6 << 20)] {
        put(&storage, name, &bytes(length), WriteOptions::default()).unwrap();
        assert!(get(&storage, name) == bytes(length));
        assert_eq!(storage.stat(&key(name)).unwrap().unwrap().size, length as u64);
        assert!(bucket.try_request("GET", name, &[], b"").is_err(), "{name} is read without the key");
    }
    assert!(!format!("{storage:?}").contains(KEY));
    let other = open(&bucket, json!({"sse": "customer", "sse_customer_key": OTHER_KEY}));
    for failed in [
        other.read(&key("small"), None).map(drop).unwrap_err(),
        other.stat(&key("parts")).map(drop).unwrap_err(),
    ] {
        assert_eq!(failed.kind(), ErrorKind::Denied, "{failed:?}");
        assert!(failed.advice().unwrap().contains("`sse_customer_key`"), "{failed:?}");
    }
    let wrong = open(&bucket, json!({"sse": "customer", "sse_customer_key": "c2hvcnQ="}));
    let failed = wrong.check().unwrap_err();
    assert!(
        failed.kind() == ErrorKind::Configuration && !format!("{failed:?}").contains("c2hvcnQ="),
        "{failed:?}"
    );
}

#[test]
fn classes_and_the_storages_own_key_are_kept() {
    let Some(server) = S3Server::find("moto") else { return };
    for said in kept(&server.bucket(), json!({"sse": "s3", "storage_class": "STANDARD_IA"}), &[]) {
        assert!(said.contains("x-amz-storage-class: STANDARD_IA"), "{said}");
        assert!(said.contains("x-amz-server-side-encryption: AES256"), "{said}");
    }
}

#[test]
fn objects_are_tagged_when_that_is_asked_for() {
    for server in S3Server::all() {
        let bucket = server.bucket();
        kept(&bucket, json!({"tags": true}), &[]);
        for name in ["small", "parts"] {
            let tags = bucket.request("GET", &format!("{name}?tagging"), &[], b"");
            assert!(
                tags.contains("<Key>database</Key><Value>shop _ co_</Value>"),
                "{name} of {}: {tags}",
                bucket.server.name()
            );
            assert!(tags.contains("<Key>time</Key><Value>2026-11-26T18:00:00Z</Value>"), "{tags}");
        }
        let plain = server.bucket();
        kept(&plain, json!({}), &[]);
        assert!(!plain.request("GET", "small?tagging", &[], b"").contains("<Key>"));
    }
}

#[test]
fn locked_objects_stay_whatever_is_deleted() {
    let Some(server) = S3Server::find("ceph") else { return };
    let bucket = server.bucket_with(&["x-amz-bucket-object-lock-enabled: true"]);
    let settings = json!({"lock_mode": "compliance", "lock_days": 2, "legal_hold": true});
    for said in kept(&bucket, settings.clone(), &[]) {
        assert!(said.contains("x-amz-object-lock-mode: COMPLIANCE"), "{said}");
        assert!(said.contains("x-amz-object-lock-retain-until-date: 20"), "{said}");
        assert!(said.contains("x-amz-object-lock-legal-hold: ON"), "{said}");
    }
    let storage = open(&bucket, settings);
    let version = version_of(&bucket, "small");
    storage.delete(&key("small")).unwrap();
    assert!(storage.stat(&key("small")).unwrap().is_none());
    assert!(bucket.request("GET", &format!("small?versionId={version}"), &[], b"").len() > 100);
    let strict = open(&bucket, json!({"delete_versions": true}));
    let refused = strict.delete(&key("parts")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied);
    // No permission would help.
    assert!(
        refused.message().contains("locked") && !refused.advice().unwrap().contains("allow"),
        "{refused:?}"
    );
    bucket.request(
        "GET",
        &format!("parts?versionId={}", version_of(&bucket, "parts")),
        &["range: bytes=0-9"],
        b"",
    );
}

fn version_of(bucket: &TestBucket, name: &str) -> String {
    let said = bucket.request("HEAD", name, &[], b"");
    said.lines().find_map(|line| line.strip_prefix("x-amz-version-id: ")).unwrap().to_owned()
}

#[test]
fn versions_are_told_and_removed_on_request() {
    let Some(server) = S3Server::find("ceph") else { return };
    let bucket = server.bucket();
    let enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    bucket.request("PUT", "?versioning", &[], enabled);
    let (keeps, removes) = (open(&bucket, json!({})), open(&bucket, json!({"delete_versions": true})));
    let overwrite = WriteOptions { overwrite: true, ..WriteOptions::default() };
    keeps.check().unwrap();
    assert!(keeps.notes()[0].contains("keeps versions"), "{:?}", keeps.notes());
    for name in ["a/object", "a/object2"] {
        for content in [b"1", b"2", b"3"] {
            put(&keeps, name, content, overwrite.clone()).unwrap();
        }
        keeps.delete(&key(name)).unwrap();
        assert!(keeps.stat(&key(name)).unwrap().is_none());
    }
    let versions = || bucket.request("GET", "?versions&prefix=a%2F", &[], b"").matches("<VersionId>").count();
    assert_eq!(versions(), 8);
    removes.delete(&key("a/object")).unwrap();
    removes.delete(&key("a/object")).unwrap();
    assert_eq!(versions(), 4);
    put(&removes, "a/object2", b"4", overwrite).unwrap();
    removes.delete(&key("a/object2")).unwrap();
    assert_eq!(versions(), 0);
    assert!(removes.notes().is_empty());
}

#[test]
fn shredding_removes_all_versions_whatever_deleting_does() {
    let Some(server) = S3Server::find("ceph") else { return };
    let bucket = server.bucket();
    let enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    bucket.request("PUT", "?versioning", &[], enabled);
    let storage = open(&bucket, json!({}));
    let overwrite = WriteOptions { overwrite: true, ..WriteOptions::default() };
    for content in [b"1", b"2"] {
        put(&storage, "a/object", content, overwrite.clone()).unwrap();
    }
    storage.delete(&key("a/object")).unwrap();
    let versions = || bucket.request("GET", "?versions&prefix=a%2F", &[], b"").matches("<VersionId>").count();
    assert_eq!(versions(), 3);
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": ["s3:DeleteObjectVersion"],
         "Resource": [format!("arn:aws:s3:::{}/*", bucket.name)]}
    ]});
    bucket.request("PUT", "?policy", &[], policy.to_string().as_bytes());
    let refused = storage.shred(&key("a/object")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied, "{refused:?}");
    assert!(format!("{refused:?}").contains("s3:DeleteObjectVersion"), "{refused:?}");
    assert_eq!(versions(), 3);
    bucket.request("DELETE", "?policy", &[], b"");
    storage.shred(&key("a/object")).unwrap();
    assert_eq!(versions(), 0);
}

#[test]
fn shredding_is_deleting_where_there_are_no_versions() {
    let refusal = "<Error><Code>NotImplemented</Code></Error>";
    let answers = vec![(501, String::new(), refusal.to_owned()), (204, String::new(), String::new())];
    let server = Scripted::start(answers);
    let settings = json!({"bucket": "b", "endpoint": server.url, "access_key": "k", "secret_key": "s"});
    let storage = Bucket::open(&settings, Arc::new(MovedClock(0)), QUICK).unwrap();
    storage.shred(&key("a/object")).unwrap();
    assert!(server.request().starts_with("GET /b?"));
    assert!(server.request().starts_with("DELETE /b/a/object HTTP/1.1"));
}

#[test]
fn a_check_leaves_no_version_behind() {
    let Some(server) = S3Server::find("ceph") else { return };
    let bucket = server.bucket();
    let enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    bucket.request("PUT", "?versioning", &[], enabled);
    let storage = open(&bucket, json!({}));
    storage.check().unwrap();
    assert!(!bucket.request("GET", "?versions", &[], b"").contains("<VersionId>"));
    assert!(!storage.notes().is_empty());
}

#[test]
fn what_a_rule_moved_to_an_archive_tier_is_brought_back_where_that_is_wanted() {
    let Some(server) = S3Server::find("moto") else { return };
    let bucket = server.bucket();
    let content = bytes(100_000);
    for class in ["GLACIER", "DEEP_ARCHIVE"] {
        bucket.request("PUT", class, &[&format!("x-amz-storage-class: {class}")], &content);
        let error = open(&bucket, json!({})).read(&key(class), None).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        assert!(error.advice().unwrap().contains("`thaw: 12h`"), "{error:?}");
        assert!(!bucket.request("HEAD", class, &[], b"").contains("x-amz-restore"));
        let storage = open(&bucket, json!({"thaw": "20s", "thaw_tier": "bulk"}));
        assert!(get(&storage, class) == content, "other bytes are read than were written");
        assert!(bucket.request("HEAD", class, &[], b"").contains("x-amz-restore: ongoing-request=\"false\""));
    }
}

#[test]
fn what_is_not_back_in_time_is_told() {
    let Some(server) = S3Server::find("moto") else { return };
    let (bucket, proxy) = (server.bucket(), Proxy::start(server.port()));
    bucket.request("PUT", "object", &["x-amz-storage-class: GLACIER"], b"bytes");
    let storage =
        open(&bucket, json!({"thaw": "300ms", "endpoint": format!("http://127.0.0.1:{}", proxy.port())}));
    // The server that takes hours: it refuses to read, has been asked already, and says nothing of an end.
    proxy.set(Fault::refuse(403, "InvalidObjectState", ""), 1);
    proxy.then(Fault::refuse(409, "RestoreAlreadyInProgress", ""), 1);
    let error = storage.read(&key("object"), None).map(drop).unwrap_err();
    assert_eq!((error.kind(), proxy.happened()), (ErrorKind::Timeout, 2), "{error:?}");
    assert!(error.advice().unwrap().contains("`thaw`"), "{error:?}");
}
