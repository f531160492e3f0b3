use std::sync::Arc;

use cadangkan_storage_gcs::Bucket;
use cadangkan_testkit::gcs::TestBucket;
use serde_json::Value;

pub(crate) use cadangkan_storage::conformance::world::{MovedClock, QUICK, bytes, get, key, put};

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
    Bucket::open(&settings, Arc::new(MovedClock(0)), QUICK).unwrap()
}
