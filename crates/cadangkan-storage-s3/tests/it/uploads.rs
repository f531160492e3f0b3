use cadangkan_core::ErrorKind;
use cadangkan_storage::conformance::world;
use cadangkan_storage::{Storage, WriteOptions};
use cadangkan_testkit::proxy::Proxy;
use cadangkan_testkit::s3::S3Server;
use serde_json::json;

use crate::support::{bytes, get, key, open, put};

const PART: usize = 5 << 20;

fn create() -> WriteOptions {
    WriteOptions::default()
}

#[test]
fn large_objects_go_in_parts() {
    for server in S3Server::all() {
        let bucket = server.bucket();
        let storage = open(&bucket, json!({"part_size_mib": 5, "connections": 3}));
        let part = 5 << 20;
        for (name, length) in
            [("one", part), ("one-and-a-byte", part + 1), ("two", 2 * part), ("many", 7 * part + 12_345)]
        {
            let content = bytes(length);
            let info = put(&storage, name, &content, create()).unwrap();
            assert_eq!(info.size, length as u64, "{name}");
            assert!(get(&storage, name) == content, "{name} on {}", server.name());
            let tag = bucket.request("HEAD", name, &[], b"").to_lowercase();
            let parts = length.div_ceil(part);
            assert_eq!(tag.contains(&format!("-{parts}\"")), parts > 1, "{name}: {tag}");
        }
        assert!(storage.leftovers("").unwrap().is_empty());
    }
}

#[test]
fn parts_follow_the_expected_size() {
    let Some(server) = S3Server::find("ceph") else { return };
    let storage = open(&server.bucket(), json!({}));
    let options = WriteOptions { expected_size: Some(100 << 30), ..create() };
    let mut writer = storage.begin_write(&key("object"), options).unwrap();
    // A part for 100 GiB has 21 MiB, so nothing is sent yet.
    writer.write(&bytes(20 << 20)).unwrap();
    assert!(storage.leftovers("").unwrap().is_empty());
    writer.write(&bytes(2 << 20)).unwrap();
    assert_eq!(storage.leftovers("").unwrap().len(), 1);
    writer.abort().unwrap();
    assert!(storage.leftovers("").unwrap().is_empty());
}

#[test]
fn a_killed_upload_is_found_and_removed() {
    for server in S3Server::all() {
        let bucket = server.bucket();
        let storage = open(&bucket, json!({"prefix": "shop", "part_size_mib": 5}));
        let mut writer = storage.begin_write(&key("db/a b.zst"), create()).unwrap();
        writer.write(&bytes(11 << 20)).unwrap();
        // As a process that is killed leaves it.
        std::mem::forget(writer);
        // The parts are sent by threads, which a killed process would not have.
        let found = loop {
            let found = storage.leftovers("db").unwrap();
            if found.len() == 1 && found[0].size_bytes == 10 << 20 {
                break found;
            }
        };
        assert!(found[0].location.starts_with("db/a b.zst?uploadId="), "{found:?}");
        assert!(storage.leftovers("other").unwrap().is_empty() && storage.list("").unwrap().is_empty());
        storage.discard(&found[0]).unwrap();
        storage.discard(&found[0]).unwrap();
        assert!(storage.leftovers("").unwrap().is_empty());
    }
}

#[test]
fn of_two_uploads_in_parts_one_wins() {
    for server in S3Server::all() {
        let storage = open(&server.bucket(), json!({"part_size_mib": 5}));
        assert!(storage.capabilities().atomic_create);
        let mut first = storage.begin_write(&key("object"), create()).unwrap();
        let mut second = storage.begin_write(&key("object"), create()).unwrap();
        first.write(&bytes(6 << 20)).unwrap();
        second.write(&bytes(7 << 20)).unwrap();
        second.close().unwrap();
        assert_eq!(first.close().unwrap_err().kind(), ErrorKind::Conflict);
        assert!(get(&storage, "object") == bytes(7 << 20));
        assert!(storage.leftovers("").unwrap().is_empty());
    }
}

#[test]
fn lists_of_many_pages_are_whole() {
    let Some(server) = S3Server::find("ceph") else { return };
    let bucket = server.bucket();
    let storage = open(&bucket, json!({"prefix": "p"}));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let storage = &storage;
            scope.spawn(move || {
                for number in 0..260 {
                    let name = format!("folder/{thread}/{number:04} é+");
                    put(storage, &name, b"x", WriteOptions { overwrite: true, ..create() }).unwrap();
                }
            });
        }
    });
    // What is no key of ours is passed over.
    bucket.request("PUT", "p/.hidden", &[], b"x");
    let names: Vec<String> =
        storage.list("").unwrap().iter().map(|object| object.key.as_str().to_owned()).collect();
    let mut expected: Vec<String> = (0..4)
        .flat_map(|thread| (0..260).map(move |number| format!("folder/{thread}/{number:04} é+")))
        .collect();
    expected.sort();
    assert_eq!(names, expected);
}

/// Goes on with what a writer that was killed had begun; returns how many bytes went to the server for it.
fn go_on(storage: &dyn Storage, proxy: &Proxy, begun: &[u8], whole: &[u8], resume: bool) -> u64 {
    world::go_on(storage, PART, (begun, whole), resume, &|| proxy.passed())
}

#[test]
fn an_upload_goes_on_with_the_parts_that_are_of_the_same_bytes() {
    for server in S3Server::all() {
        let (bucket, proxy) = (server.bucket(), Proxy::start(server.port()));
        let endpoint = format!("http://127.0.0.1:{}", proxy.port());
        let storage = open(&bucket, json!({"part_size_mib": 5, "endpoint": endpoint}));
        let whole = bytes(4 * PART + 1000);
        let mut other = whole.clone();
        other[PART + 7] ^= 1;
        let parts = |passed: u64| passed as usize / PART;
        assert_eq!(parts(go_on(&storage, &proxy, &whole[..=3 * PART], &whole, true)), 1, "{}", server.name());
        storage.delete(&key("object")).unwrap();
        assert_eq!(parts(go_on(&storage, &proxy, &other[..=3 * PART], &whole, true)), 2, "{}", server.name());
        assert!(storage.leftovers("").unwrap().is_empty());
        storage.delete(&key("object")).unwrap();
        // Whoever does not ask for it sends all, and what was there is a leftover still.
        assert_eq!(parts(go_on(&storage, &proxy, &whole[..=3 * PART], &whole, false)), 4);
        let left = storage.leftovers("").unwrap();
        assert_eq!((left.len(), left[0].size_bytes), (1, 3 * PART as u64));
    }
}

#[test]
fn parts_that_say_nothing_of_their_bytes_are_sent_again() {
    let Some(server) = S3Server::find("ceph") else { return };
    let (bucket, proxy) = (server.bucket(), Proxy::start(server.port()));
    let endpoint = format!("http://127.0.0.1:{}", proxy.port());
    let customer = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let storage = open(
        &bucket,
        json!({"part_size_mib": 5, "endpoint": endpoint, "sse": "customer", "sse_customer_key": customer}),
    );
    let whole = bytes(3 * PART);
    let passed = go_on(&storage, &proxy, &whole[..=2 * PART], &whole, true);
    println!("{passed} bytes of {} were sent", whole.len());
    assert!(storage.leftovers("").unwrap().is_empty());
}
