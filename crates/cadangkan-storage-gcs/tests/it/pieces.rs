use std::sync::Arc;

use cadangkan_core::ErrorKind;
use cadangkan_storage::{Storage as _, WriteOptions};
use cadangkan_storage_gcs::Bucket;
use cadangkan_testkit::gcs::TestBucket;
use cadangkan_testkit::scripted::Scripted;
use serde_json::{Value, json};

use crate::support::{MovedClock, QUICK, bytes, get, key, open, put};

const PIECE: usize = 1 << 20;

fn create() -> WriteOptions {
    WriteOptions::default()
}

#[test]
fn large_objects_go_in_pieces() {
    let Some(bucket) = TestBucket::make() else { return };
    let storage = open(&bucket, json!({"part_size_mib": 1}));
    for (name, length) in
        [("one", PIECE), ("one-and-a-byte", PIECE + 1), ("two", 2 * PIECE), ("many", 9 * PIECE + 12_345)]
    {
        let content = bytes(length);
        let info = put(&storage, name, &content, create()).unwrap();
        assert_eq!(info.size, length as u64, "{name}");
        assert!(get(&storage, name) == content, "{name}");
    }
}

#[test]
fn of_two_uploads_in_pieces_one_wins() {
    let Some(bucket) = TestBucket::make() else { return };
    let storage = open(&bucket, json!({"part_size_mib": 1}));
    assert!(storage.capabilities().atomic_create);
    let mut first = storage.begin_write(&key("object"), create()).unwrap();
    let mut second = storage.begin_write(&key("object"), create()).unwrap();
    first.write(&bytes(3 * PIECE)).unwrap();
    second.write(&bytes(2 * PIECE + 7)).unwrap();
    second.close().unwrap();
    assert_eq!(first.close().unwrap_err().kind(), ErrorKind::Conflict);
    assert!(get(&storage, "object") == bytes(2 * PIECE + 7));
}

#[test]
fn class_and_tags_are_kept() {
    let Some(bucket) = TestBucket::make() else { return };
    let storage = open(&bucket, json!({"part_size_mib": 1, "storage_class": "NEARLINE", "tags": true}));
    for (name, length) in [("small", 10), ("pieces", 2 * PIECE)] {
        let tags = vec![("database", "shop & co?".to_owned()), ("time", "2026-11-26T18:00:00Z".to_owned())];
        put(&storage, name, &bytes(length), WriteOptions { tags, ..create() }).unwrap();
        let said = bucket.look(name);
        assert_eq!(said["storageClass"], "NEARLINE", "{said}");
        assert_eq!(said["metadata"]["database"], "shop & co?", "{said}");
        assert_eq!(said["metadata"]["time"], "2026-11-26T18:00:00Z", "{said}");
    }
    put(&open(&bucket, json!({})), "plain", b"x", create()).unwrap();
    assert_eq!(bucket.look("plain")["metadata"]["database"], Value::Null);
}

#[test]
fn lists_of_many_pages_are_whole() {
    let Some(bucket) = TestBucket::make() else { return };
    let storage = open(&bucket, json!({"prefix": "p"}));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let storage = &storage;
            scope.spawn(move || {
                for number in 0..300 {
                    let name = format!("folder/{thread}/{number:04} é+&");
                    put(storage, &name, b"x", create()).unwrap();
                }
            });
        }
    });
    // What is no key of ours is passed over.
    bucket.put("p/.hidden", "x");
    let names: Vec<String> =
        storage.list("").unwrap().iter().map(|object| object.key.as_str().to_owned()).collect();
    let mut expected: Vec<String> = (0..4)
        .flat_map(|thread| (0..300).map(move |number| format!("folder/{thread}/{number:04} é+&")))
        .collect();
    expected.sort();
    assert!(names == expected, "{} of {}", names.len(), expected.len());
}

/// The server of the tests takes a piece twice when its answer was lost; so this is a conversation by the documentation.
#[test]
fn what_the_server_did_not_take_is_sent_again() {
    let status = |last: usize| (308, format!("range: bytes=0-{last}\r\n"), String::new());
    let plain = |status: u16, body: &str| (status, String::new(), body.to_owned());
    let place =
        "location: http://elsewhere/upload/storage/v1/b/backups/o?uploadType=resumable&upload_id=7\r\n";
    let service = Scripted::start(vec![
        (200, place.to_owned(), String::new()),
        // Half of the first piece, then nothing, then an outage, then the rest.
        status(PIECE / 2 - 1),
        status(PIECE / 2 - 1),
        plain(503, "{}"),
        status(PIECE - 1),
        // The last piece is an object.
        plain(200, "{}"),
        plain(404, "{}"),
    ]);
    let settings = json!({"bucket": "backups", "endpoint": service.url, "part_size_mib": 1});
    let storage = Bucket::open(&settings, Arc::new(MovedClock(0)), QUICK).unwrap();
    let mut writer = storage.begin_write(&key("object"), create()).unwrap();
    writer.write(&bytes(PIECE + 10)).unwrap();
    let ended = writer.close().unwrap_err();
    assert!(ended.to_string().contains("gone just after it was made"), "{ended:?}");
    let begun = service.request();
    assert!(begun.starts_with(
        "POST /upload/storage/v1/b/backups/o?uploadType=resumable&name=object&ifGenerationMatch=0 "
    ));
    let half = PIECE / 2;
    for range in [
        format!("bytes 0-{}/*", PIECE - 1),
        format!("bytes {half}-{}/*", PIECE - 1),
        // Nothing is taken back: the bytes that it had are there.
        format!("bytes {half}-{}/*", PIECE - 1),
        format!("bytes {half}-{}/*", PIECE - 1),
        format!("bytes {PIECE}-{}/{}", PIECE + 9, PIECE + 10),
    ] {
        let request = service.request();
        let path = "PUT /upload/storage/v1/b/backups/o?uploadType=resumable&upload_id=7 ";
        let (head, _) = request.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with(path) && head.contains(&format!("content-range: {range}")),
            "{range}: {head}"
        );
    }
}
