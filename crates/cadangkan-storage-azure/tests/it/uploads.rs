use cadangkan_core::ErrorKind;
use cadangkan_storage::conformance::world;
use cadangkan_storage::{Storage, WriteOptions};
use cadangkan_testkit::azure::TestContainer;
use cadangkan_testkit::proxy::Proxy;
use serde_json::json;

use crate::support::{bytes, get, key, open, open_at, put};

const PART: usize = 1 << 20;

fn create() -> WriteOptions {
    WriteOptions::default()
}

fn blocks(container: &TestContainer, name: &str) -> usize {
    let list = container.request("GET", &format!("{name}?comp=blocklist&blocklisttype=committed"), &[], b"");
    list.matches("<Block>").count()
}

#[test]
fn large_objects_go_in_blocks() {
    let Some(container) = TestContainer::make() else { return };
    let storage = open(&container, json!({"part_size_mib": 1, "connections": 3}));
    for (name, length) in
        [("one", PART), ("one-and-a-byte", PART + 1), ("two", 2 * PART), ("many", 23 * PART + 12_345)]
    {
        let content = bytes(length);
        let info = put(&storage, name, &content, create()).unwrap();
        assert_eq!(info.size, length as u64, "{name}");
        assert!(get(&storage, name) == content, "{name}");
        let parts = length.div_ceil(PART);
        assert_eq!(blocks(&container, name), if parts > 1 { parts } else { 0 }, "{name}");
    }
    assert!(storage.leftovers("").unwrap().is_empty());
}

#[test]
fn blocks_follow_the_expected_size() {
    let Some(container) = TestContainer::make() else { return };
    let storage = open(&container, json!({}));
    let options = WriteOptions { expected_size: Some(500 << 30), ..create() };
    let mut writer = storage.begin_write(&key("object"), options).unwrap();
    // A block for 500 GiB has 21 MiB, so nothing is sent yet.
    writer.write(&bytes(20 << 20)).unwrap();
    assert!(storage.leftovers("").unwrap().is_empty());
    writer.write(&bytes(2 << 20)).unwrap();
    while storage.leftovers("").unwrap().len() != 1 {}
    writer.abort().unwrap();
    assert!(storage.leftovers("").unwrap().is_empty() && storage.list("").unwrap().is_empty());
}

#[test]
fn a_killed_upload_is_found_and_removed() {
    let Some(container) = TestContainer::make() else { return };
    let storage = open(&container, json!({"prefix": "shop", "part_size_mib": 1}));
    let mut writer = storage.begin_write(&key("db/a b.zst"), create()).unwrap();
    writer.write(&bytes(2 * PART + 1)).unwrap();
    // As a process that is killed leaves it.
    std::mem::forget(writer);
    let found = loop {
        let found = storage.leftovers("db").unwrap();
        if found.len() == 1 && found[0].size_bytes == 2 << 20 {
            break found;
        }
    };
    assert_eq!(found[0].location, "db/a b.zst?uncommitted");
    assert!(storage.leftovers("other").unwrap().is_empty() && storage.list("").unwrap().is_empty());
    storage.discard(&found[0]).unwrap();
    storage.discard(&found[0]).unwrap();
    assert!(storage.leftovers("").unwrap().is_empty() && storage.list("").unwrap().is_empty());
}

#[test]
fn of_two_uploads_in_blocks_one_wins() {
    let Some(container) = TestContainer::make() else { return };
    let storage = open(&container, json!({"part_size_mib": 1}));
    assert!(storage.capabilities().atomic_create);
    let mut first = storage.begin_write(&key("object"), create()).unwrap();
    let mut second = storage.begin_write(&key("object"), create()).unwrap();
    first.write(&bytes(3 * PART)).unwrap();
    second.write(&bytes(2 * PART + 7)).unwrap();
    second.close().unwrap();
    assert_eq!(first.close().unwrap_err().kind(), ErrorKind::Conflict);
    assert!(get(&storage, "object") == bytes(2 * PART + 7));
    assert!(storage.leftovers("").unwrap().is_empty());
}

#[test]
fn an_aborted_overwrite_in_blocks_leaves_the_old_object() {
    let Some(container) = TestContainer::make() else { return };
    let storage = open(&container, json!({"part_size_mib": 1}));
    put(&storage, "object", b"old", create()).unwrap();
    let mut writer =
        storage.begin_write(&key("object"), WriteOptions { overwrite: true, ..create() }).unwrap();
    writer.write(&bytes(3 * PART)).unwrap();
    writer.abort().unwrap();
    assert_eq!(get(&storage, "object"), b"old");
    let newer = bytes(2 * PART);
    put(&storage, "object", &newer, WriteOptions { overwrite: true, ..create() }).unwrap();
    assert!(get(&storage, "object") == newer && storage.leftovers("").unwrap().is_empty());
}

#[test]
fn tier_and_tags_are_kept() {
    let Some(container) = TestContainer::make() else { return };
    let storage = open(&container, json!({"part_size_mib": 1, "access_tier": "Cool", "tags": true}));
    storage.check().unwrap();
    for (name, length) in [("small", 10), ("parts", 2 * PART)] {
        let tags = vec![("database", "shop & co?".to_owned()), ("time", "2026-11-26T18:00:00Z".to_owned())];
        put(&storage, name, &bytes(length), WriteOptions { tags, ..create() }).unwrap();
        let said = container.request("HEAD", name, &[], b"");
        assert!(said.contains("x-ms-access-tier: Cool"), "{name}: {said}");
        let tags = container.request("GET", &format!("{name}?comp=tags"), &[], b"");
        assert!(tags.contains("<Key>database</Key><Value>shop _ co_</Value>"), "{name}: {tags}");
        assert!(tags.contains("<Key>time</Key><Value>2026-11-26T18:00:00Z</Value>"), "{name}: {tags}");
    }
    put(&open(&container, json!({})), "plain", b"x", create()).unwrap();
    assert!(!container.request("GET", "plain?comp=tags", &[], b"").contains("<Key>"));
}

#[test]
fn lists_of_many_pages_are_whole() {
    let Some(container) = TestContainer::make() else { return };
    let storage = open(&container, json!({"prefix": "p"}));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let storage = &storage;
            scope.spawn(move || {
                for number in 0..1300 {
                    let name = format!("folder/{thread}/{number:04} é+&");
                    put(storage, &name, b"", create()).unwrap();
                }
            });
        }
    });
    // What is no key of ours is passed over.
    container.request("PUT", "p/.hidden", &["x-ms-blob-type: BlockBlob"], b"x");
    let names: Vec<String> =
        storage.list("").unwrap().iter().map(|object| object.key.as_str().to_owned()).collect();
    let mut expected: Vec<String> = (0..4)
        .flat_map(|thread| (0..1300).map(move |number| format!("folder/{thread}/{number:04} é+&")))
        .collect();
    expected.sort();
    assert!(names == expected, "{} of {}", names.len(), expected.len());
}

/// Goes on with what a writer that was killed had begun; returns how many bytes went to the server for it.
fn go_on(storage: &dyn Storage, proxy: &Proxy, begun: &[u8], whole: &[u8], resume: bool) -> u64 {
    world::go_on(storage, PART, (begun, whole), resume, &|| proxy.passed())
}

#[test]
fn an_upload_goes_on_with_the_blocks_that_are_of_the_same_bytes() {
    let Some(container) = TestContainer::make() else { return };
    let proxy = Proxy::start(container.port());
    let storage = open_at(&container, proxy.port(), json!({"part_size_mib": 1}));
    let whole = bytes(4 * PART + 1000);
    let mut other = whole.clone();
    other[PART + 7] ^= 1;
    let parts = |passed: u64| passed as usize / PART;
    assert_eq!(parts(go_on(&storage, &proxy, &whole[..=3 * PART], &whole, true)), 1);
    storage.delete(&key("object")).unwrap();
    assert_eq!(parts(go_on(&storage, &proxy, &other[..=3 * PART], &whole, true)), 2);
    storage.delete(&key("object")).unwrap();
    assert_eq!(parts(go_on(&storage, &proxy, &whole[..=3 * PART], &whole, false)), 4);
    assert!(storage.leftovers("").unwrap().is_empty());
}
