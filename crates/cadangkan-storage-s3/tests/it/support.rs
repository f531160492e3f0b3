use std::sync::Arc;

use cadangkan_storage_s3::Bucket;
use cadangkan_testkit::s3::TestBucket;
use serde_json::Value;

pub(crate) use cadangkan_storage::conformance::world::{MovedClock, QUICK, bytes, get, key, put};

/// A storage in a bucket, with settings beside those it needs.
pub(crate) fn open(bucket: &TestBucket, more: Value) -> Bucket {
    let mut settings = bucket.settings();
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Bucket::open(&settings, Arc::new(MovedClock(0)), QUICK).unwrap()
}
