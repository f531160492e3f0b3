//! What tests of providers have in common besides the suite.

use std::io::Read;
use std::time::{Duration, Instant};

use cadangkan_core::{Error, Result, Timestamp};

use crate::{Backoff, Key, ObjectInfo, Storage, WriteOptions};

/// Short waits, so that tests are quick.
pub const QUICK: Backoff =
    Backoff { attempts: 5, first: Duration::from_millis(5), longest: Duration::from_millis(1500) };

/// The time of day, moved by so many seconds.
#[derive(Debug)]
pub struct MovedClock(pub i64);

impl cadangkan_core::Clock for MovedClock {
    #[allow(clippy::disallowed_methods, reason = "servers refuse what is not signed with the time of day")]
    fn now(&self) -> Timestamp {
        Timestamp::from_second(Timestamp::now().as_second() + self.0).expect("a time in the calendar")
    }
}

/// The key of this name.
pub fn key(name: &str) -> Key {
    Key::new(name).expect("a name that may be a key")
}

/// Writes an object, at most 1 MiB at once.
pub fn put(storage: &dyn Storage, name: &str, bytes: &[u8], options: WriteOptions) -> Result<ObjectInfo> {
    let mut writer = storage.begin_write(&key(name), options)?;
    for piece in bytes.chunks(1 << 20) {
        writer.write(piece)?;
    }
    writer.close()
}

/// How an object is written in the place of one that may be there.
pub fn replace() -> WriteOptions {
    WriteOptions { overwrite: true, ..WriteOptions::default() }
}

/// Reads an object that is there.
pub fn get(storage: &dyn Storage, name: &str) -> Vec<u8> {
    try_get(storage, name).expect(name)
}

/// Reads an object.
pub fn try_get(storage: &dyn Storage, name: &str) -> Result<Vec<u8>> {
    let (mut reader, mut bytes) = (storage.read(&key(name), None)?, Vec::new());
    reader.read_to_end(&mut bytes).map_err(|error| Error::io("cannot read", error))?;
    Ok(bytes)
}

/// Writes the begin of an object as a process that is killed leaves it, then the whole of it, going on with that or not; `part` is
/// the size of its parts, `passed` says how many bytes went to the server so far. Returns how many went for the whole.
pub fn go_on(
    storage: &dyn Storage,
    part: usize,
    (begun, whole): (&[u8], &[u8]),
    resume: bool,
    passed: &dyn Fn() -> u64,
) -> u64 {
    let expected_size = Some(whole.len() as u64);
    let options = WriteOptions { resume: true, expected_size, ..WriteOptions::default() };
    let mut writer = storage.begin_write(&key("object"), options.clone()).expect("a writer");
    writer.write(begun).expect("room for a part");
    std::mem::forget(writer);
    // Its threads send what is full.
    let sent = ((begun.len() - 1) / part * part) as u64;
    let there = || storage.leftovers("").expect("leftovers").iter().map(|left| left.size_bytes).sum::<u64>();
    let began = Instant::now();
    while there() != sent {
        assert!(began.elapsed() < Duration::from_secs(60), "the parts do not arrive");
        std::thread::sleep(Duration::from_millis(5));
    }
    let before = passed();
    put(storage, "object", whole, WriteOptions { resume, ..options }).expect("an object");
    let passed = passed() - before;
    assert!(get(storage, "object") == whole, "other bytes than were written");
    passed
}

/// The names of all objects.
pub fn names(storage: &dyn Storage) -> Vec<String> {
    storage.list("").expect("a list").into_iter().map(|object| object.key.as_str().to_owned()).collect()
}

/// Bytes that no two parts have alike.
pub fn bytes(length: usize) -> Vec<u8> {
    (0..length.div_ceil(8) as u64)
        .flat_map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .take(length)
        .collect()
}
