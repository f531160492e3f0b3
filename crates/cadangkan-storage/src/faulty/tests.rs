use std::io::Read;

use cadangkan_core::ErrorKind;

use super::*;
use crate::Memory;

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn faulty(script: impl IntoIterator<Item = Fault>) -> Faulty {
    Faulty::new(Arc::new(Memory::new()), script)
}

fn put(storage: &Faulty, name: &str, parts: &[&[u8]]) -> Result<ObjectInfo> {
    let mut writer = storage.begin_write(&key(name), WriteOptions::default())?;
    for part in parts {
        writer.write(part)?;
    }
    writer.close()
}

fn get(storage: &Faulty, name: &str, range: Option<Range<u64>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    storage.read(&key(name), range).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn each_operation_fails_once_at_its_call() {
    use Operation::*;
    for operation in [Check, BeginWrite, Write, Close, Read, Stat, List, Delete] {
        let storage = faulty([Fault::fail(operation, ErrorKind::Unreachable).nth(2)]);
        let call = || match operation {
            BeginWrite | Write | Close => {
                let mut writer = storage
                    .begin_write(&key("a"), WriteOptions { overwrite: true, ..WriteOptions::default() })?;
                writer.write(b"bytes")?;
                writer.close().map(drop)
            }
            Read => storage.read(&key("a"), None).map(drop).or_else(|error| match error.kind() {
                ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            }),
            Stat => storage.stat(&key("a")).map(drop),
            Check => storage.check(),
            List => storage.list("").map(drop),
            Delete => storage.delete(&key("a")),
        };
        call().unwrap();
        let error = call().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{operation:?}");
        assert!(error.is_retryable());
        call().unwrap();
        storage.assert_all_fired();
    }
}

#[test]
fn a_failed_close_leaves_nothing() {
    let storage = faulty([Fault::fail(Operation::Close, ErrorKind::Io).on(".json")]);
    put(&storage, "a.zst", &[b"1"]).unwrap();
    assert_eq!(put(&storage, "a.json", &[b"1"]).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(storage.list("").unwrap().len(), 1);
    assert!(storage.leftovers("").unwrap().is_empty());
}

#[test]
fn bytes_are_flipped_lost_and_cut_at_their_place() {
    let storage = faulty([
        Fault::flip_written(4).on("flipped"),
        Fault::truncate(2).on("cut"),
        Fault::short_write(ErrorKind::NoSpace).on("short").nth(2),
        Fault::flip_read(3).on("good"),
    ]);
    for name in ["flipped", "cut", "good"] {
        assert_eq!(put(&storage, name, &[b"aaa", b"aaa"]).unwrap().size, 6, "{name}");
    }
    assert_eq!(put(&storage, "short", &[b"aaa", b"aaa"]).unwrap_err().kind(), ErrorKind::NoSpace);
    assert_eq!(get(&storage, "flipped", None), b"aaaa`a");
    assert_eq!(get(&storage, "cut", None), b"aa");
    assert_eq!(get(&storage, "good", Some(0..3)), b"aaa");
    assert_eq!(get(&storage, "good", Some(2..6)), b"a`aa");
    assert_eq!(get(&storage, "good", None), b"aaaaaa");
    assert!(storage.stat(&key("short")).unwrap().is_none());
    storage.assert_all_fired();
}

#[test]
#[should_panic(expected = "never fired")]
fn a_fault_that_never_fires_is_told() {
    let storage = faulty([Fault::flip_written(100)]);
    put(&storage, "a", &[b"short"]).unwrap();
    storage.assert_all_fired();
}
