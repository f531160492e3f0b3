use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind};
use cadangkan_storage::{ObjectInfo, Origin, Storage, WriteOptions};
use cadangkan_storage_s3::Bucket;
use cadangkan_testkit::proxy::{Fault, Proxy};
use cadangkan_testkit::s3::{S3Server, TestBucket};
use cadangkan_testkit::scripted::Scripted;
use serde_json::{Value, json};

use crate::support::{MovedClock, QUICK, bytes, get, key, open, put};

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const OTHER_KEY: &str = "OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg=";

/// Opens a bucket behind a proxy, with small parts.
fn behind(proxy: &Proxy, bucket: &TestBucket, more: Value) -> Bucket {
    let mut settings = json!({"endpoint": format!("http://127.0.0.1:{}", proxy.port()), "part_size_mib": 5, "connections": 3});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    open(bucket, settings)
}

fn origin(storage: &Bucket, name: &str) -> Origin {
    storage.origin(&key(name)).unwrap().unwrap()
}

fn copy(from: &Bucket, name: &str, to: &Bucket, new: &str) -> Result<Option<ObjectInfo>, Error> {
    let tags = vec![("database", "shop".to_owned())];
    let options = WriteOptions { tags, ..WriteOptions::default() };
    to.copy(&origin(from, name), &key(new), options, &mut |_| Ok(()))
}

/// Copies objects of all sizes and compares them; none of their bytes may come by here.
fn all_sizes_are_copied(server: &S3Server, from: Value, to: Value) -> TestBucket {
    let (source, target) = (server.bucket(), server.bucket());
    let proxy = Proxy::start(server.port());
    let (from, to) = (behind(&proxy, &source, from), behind(&proxy, &target, to));
    let part = 5 << 20;
    for (number, length) in [0, 100, part, part + 1, 3 * part + 12_345].into_iter().enumerate() {
        let (name, content) = (format!("db/a b+é&{number}.zst"), bytes(length));
        put(&from, &name, &content, WriteOptions::default()).unwrap();
        let before = proxy.passed();
        let info = copy(&from, &name, &to, &format!("new {number}")).unwrap().unwrap();
        let passed = proxy.passed() - before;
        assert!(passed < 30_000, "{passed} bytes went through here for {length}, at {}", server.name());
        assert_eq!(info.size, length as u64);
        assert!(get(&to, &format!("new {number}")) == content, "{length} at {}", server.name());
    }
    assert!(to.leftovers("").unwrap().is_empty());
    // A name that is taken stays as it is.
    let taken = copy(&from, "db/a b+é&1.zst", &to, "new 0").unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Conflict, "{taken:?}");
    assert!(get(&to, "new 0").is_empty());
    target
}

#[test]
fn the_server_copies_and_no_byte_comes_by_here() {
    for server in S3Server::all() {
        let target =
            all_sizes_are_copied(&server, json!({"prefix": "p"}), json!({"prefix": "q", "tags": true}));
        for name in ["q/new%201", "q/new%204"] {
            let tags = target.request("GET", &format!("{name}?tagging"), &[], b"");
            assert!(tags.contains("<Key>database</Key><Value>shop</Value>"), "{}: {tags}", server.name());
        }
    }
}

#[test]
fn a_copy_is_of_the_class_of_the_storage_that_gets_it() {
    let Some(server) = S3Server::find("moto") else { return };
    let target = all_sizes_are_copied(&server, json!({}), json!({"storage_class": "STANDARD_IA"}));
    for name in ["new%201", "new%204"] {
        let said = target.request("HEAD", name, &[], b"");
        assert!(said.contains("x-amz-storage-class: STANDARD_IA"), "{said}");
    }
}

#[test]
fn both_keys_of_ours_go_along() {
    let customer = |key: &str| json!({"sse": "customer", "sse_customer_key": key, "part_size_mib": 5});
    let open = |url: &str, key: &str| {
        let mut settings = json!({"bucket": "b", "endpoint": url, "access_key": "k", "secret_key": "s"});
        settings.as_object_mut().unwrap().extend(customer(key).as_object().unwrap().clone());
        Bucket::open(&settings, Arc::new(MovedClock(0)), QUICK).unwrap()
    };
    let headers = "etag: \"t\"\r\n".to_owned();
    let server = Scripted::start(vec![
        (200, headers.clone(), String::new()),
        (404, String::new(), String::new()),
        (403, String::new(), "<Error><Code>AccessDenied</Code></Error>".into()),
    ]);
    let seen = origin(&open(&server.url, KEY), "object");
    assert!(!format!("{seen:?}").contains(KEY), "{seen:?}");
    let to = open(&server.url, OTHER_KEY);
    to.copy(&seen, &key("new"), WriteOptions::default(), &mut |_| Ok(())).unwrap_err();
    assert!(server.request().starts_with("HEAD /b/object"));
    assert!(server.request().starts_with("HEAD /b/new"));
    let asked = server.request();
    for line in [
        "PUT /b/new HTTP".to_owned(),
        "x-amz-copy-source: /b/object".into(),
        "x-amz-copy-source-if-match: \"t\"".into(),
        "if-none-match: *".into(),
        format!("x-amz-copy-source-server-side-encryption-customer-key: {KEY}"),
        format!("x-amz-server-side-encryption-customer-key: {OTHER_KEY}"),
    ] {
        assert!(asked.contains(&line), "{line} in {asked}");
    }
}

#[test]
fn a_server_that_cannot_copy_says_so_and_nothing_is_left() {
    // Ceph does not copy what our own key encrypts by one request.
    let Some(server) = S3Server::find("ceph") else { return };
    let customer = json!({"sse": "customer", "sse_customer_key": KEY, "part_size_mib": 5});
    let storage = open(&server.bucket(), customer);
    put(&storage, "small", &bytes(100), WriteOptions::default()).unwrap();
    let refused = copy(&storage, "small", &storage, "new").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused:?}");
    assert!(storage.stat(&key("new")).unwrap().is_none() && storage.leftovers("").unwrap().is_empty());
    // In parts it does, under the same key.
    put(&storage, "parts", &bytes(6 << 20), WriteOptions::default()).unwrap();
    copy(&storage, "parts", &storage, "new").unwrap();
    assert!(get(&storage, "new") == bytes(6 << 20));
}

#[test]
fn a_copy_is_locked_where_the_storage_locks() {
    let Some(server) = S3Server::find("ceph") else { return };
    let (source, target) = (server.bucket(), server.bucket_with(&["x-amz-bucket-object-lock-enabled: true"]));
    let from = open(&source, json!({"part_size_mib": 5}));
    let to = open(&target, json!({"part_size_mib": 5, "lock_mode": "governance", "lock_days": 2}));
    for (name, length) in [("small", 100), ("parts", 6 << 20)] {
        put(&from, name, &bytes(length), WriteOptions::default()).unwrap();
        copy(&from, name, &to, name).unwrap().unwrap();
        assert!(get(&to, name) == bytes(length));
        let said = target.request("HEAD", name, &[], b"");
        assert!(said.contains("x-amz-object-lock-mode: GOVERNANCE"), "{name}: {said}");
    }
}

#[test]
fn what_was_replaced_or_is_elsewhere_is_not_copied() {
    for server in S3Server::all() {
        let (from, to) = (open(&server.bucket(), json!({})), open(&server.bucket(), json!({})));
        put(&from, "object", &bytes(100), WriteOptions::default()).unwrap();
        let seen = origin(&from, "object");
        let overwrite = WriteOptions { overwrite: true, ..WriteOptions::default() };
        put(&from, "object", &bytes(101), overwrite).unwrap();
        let copy = |origin| to.copy(&origin, &key("new"), WriteOptions::default(), &mut |_| Ok(()));
        assert!(copy(Origin { server: "s3 https://elsewhere".into(), ..seen.clone() }).unwrap().is_none());
        copy(seen).unwrap_err();
        assert!(to.stat(&key("new")).unwrap().is_none(), "at {}", server.name());
        assert!(from.origin(&key("none")).unwrap().is_none());
    }
}

#[test]
fn whoever_stops_a_copy_leaves_nothing() {
    for server in S3Server::all() {
        let bucket = server.bucket();
        let storage = open(&bucket, json!({"part_size_mib": 5, "connections": 2}));
        put(&storage, "parts", &bytes(21 << 20), WriteOptions::default()).unwrap();
        let mut told = Vec::new();
        let mut progress = |bytes| {
            told.push(bytes);
            if told.len() == 2 { Err(Error::new(ErrorKind::Cancelled, "stopped")) } else { Ok(()) }
        };
        let stopped =
            storage.copy(&origin(&storage, "parts"), &key("new"), WriteOptions::default(), &mut progress);
        assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(told, [5 << 20, 10 << 20]);
        assert!(storage.stat(&key("new")).unwrap().is_none());
        assert!(storage.leftovers("").unwrap().is_empty(), "at {}", server.name());
    }
}

#[test]
fn credentials_that_may_not_read_the_other_bucket_are_refused() {
    let Some(server) = S3Server::find("ceph") else { return };
    let (source, target) = (server.bucket(), server.bucket());
    let (from, to) = (open(&source, json!({"part_size_mib": 5})), open(&target, json!({"part_size_mib": 5})));
    let begun = target.request("POST", "parts?uploads", &[], b"");
    let upload = begun.split("<UploadId>").nth(1).unwrap().split('<').next().unwrap();
    target.request("PUT", &format!("parts?partNumber=1&uploadId={upload}"), &[], &bytes(5 << 20));
    for (name, length) in [("small", 100), ("parts", 6 << 20)] {
        put(&from, name, &bytes(length), WriteOptions::default()).unwrap();
        let seen = origin(&from, name);
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": ["s3:GetObject"],
             "Resource": [format!("arn:aws:s3:::{}/*", source.name)]}
        ]});
        source.request("PUT", "?policy", &[], policy.to_string().as_bytes());
        let options = WriteOptions { resume: true, ..WriteOptions::default() };
        let refused = to.copy(&seen, &key(name), options, &mut |_| Ok(())).unwrap_err();
        source.request("DELETE", "?policy", &[], b"");
        assert_eq!(refused.kind(), ErrorKind::Denied, "{refused:?}");
        assert!(to.stat(&key(name)).unwrap().is_none());
        // What a writer has left stays for one that goes on.
        let left = to.leftovers("").unwrap();
        assert_eq!((left.len(), left[0].size_bytes), (1, 5 << 20), "{left:?}");
    }
}

#[test]
fn a_copy_survives_answers_that_are_cut() {
    for server in S3Server::all() {
        let (bucket, proxy) = (server.bucket(), Proxy::start(server.port()));
        let storage = behind(&proxy, &bucket, json!({"connections": 1, "timeout": "5s"}));
        let mut struck = 0;
        for (name, length) in [("small", 100), ("parts", 11 << 20)] {
            put(&storage, name, &bytes(length), WriteOptions::default()).unwrap();
            let seen = origin(&storage, name);
            // Until the answers to all requests have gone through before the connection is cut.
            for cut in (0..).step_by(211) {
                let new = key(&format!("{name} {cut}"));
                proxy.set(Fault::CutReceiving(cut), 1);
                let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
                storage.copy(&seen, &new, options, &mut |_| Ok(())).unwrap();
                let happened = proxy.happened();
                proxy.heal();
                assert!(get(&storage, new.as_str()) == bytes(length), "{new} at {}", server.name());
                struck += happened;
                if happened == 0 {
                    break;
                }
            }
        }
        assert!(struck > 5, "{struck} at {}", server.name());
        assert!(storage.leftovers("").unwrap().is_empty());
    }
}
