use cadangkan_storage::conformance;
use cadangkan_testkit::gcs::TestBucket;
use serde_json::json;

use crate::support::open;

#[test]
fn a_bucket() {
    if TestBucket::make().is_none() {
        return;
    }
    conformance::run(&|| Box::new(open(&TestBucket::make().unwrap(), json!({}))));
}

#[test]
fn a_folder_of_a_bucket() {
    if TestBucket::make().is_none() {
        return;
    }
    conformance::run(&|| {
        let bucket = TestBucket::make().unwrap();
        for other in ["a/folder-beside/object", "a/folder"] {
            bucket.put(other, "other");
        }
        Box::new(open(&bucket, json!({"prefix": "a/folder"})))
    });
}
