use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use cadangkan_core::{Result, Timestamp};
use cadangkan_storage::{Backoff, Key, ObjectInfo, Storage, WriteOptions};
use cadangkan_storage_gcs::Bucket;
use cadangkan_testkit::gcs::TestBucket;
use serde_json::Value;

/// The time of day, moved.
#[derive(Debug)]
pub(crate) struct Clock {
    pub(crate) seconds: i64,
}

impl cadangkan_core::Clock for Clock {
    #[allow(clippy::disallowed_methods, reason = "servers refuse what is not signed with the time of day")]
    fn now(&self) -> Timestamp {
        Timestamp::from_second(Timestamp::now().as_second() + self.seconds).unwrap()
    }
}

/// Short waits, so that tests are quick.
pub(crate) const QUICK: Backoff =
    Backoff { attempts: 5, first: Duration::from_millis(5), longest: Duration::from_millis(1500) };

/// A storage in a bucket, with settings beside those it needs.
pub(crate) fn open(bucket: &TestBucket, more: Value) -> Bucket {
    open_at(bucket, bucket.port(), more)
}

/// The same by the port of something before the server.
pub(crate) fn open_at(bucket: &TestBucket, port: u16, more: Value) -> Bucket {
    let mut settings = bucket.settings(port);
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => settings.as_object_mut().unwrap().remove(name),
            value => settings.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    Bucket::open(&settings, Arc::new(Clock { seconds: 0 }), QUICK).unwrap()
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

pub(crate) fn put(
    storage: &dyn Storage,
    name: &str,
    bytes: &[u8],
    options: WriteOptions,
) -> Result<ObjectInfo> {
    let mut writer = storage.begin_write(&key(name), options)?;
    for piece in bytes.chunks(1 << 20) {
        writer.write(piece)?;
    }
    writer.close()
}

pub(crate) fn get(storage: &dyn Storage, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    storage.read(&key(name), None).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Bytes that no two parts have alike.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length.div_ceil(8) as u64)
        .flat_map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .take(length)
        .collect()
}
