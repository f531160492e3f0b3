use cadangkan_storage::conformance;
use cadangkan_testkit::azure::TestContainer;
use serde_json::json;

use crate::support::open;

#[test]
fn a_container() {
    if TestContainer::make().is_none() {
        return;
    }
    conformance::run(&|| Box::new(open(&TestContainer::make().unwrap(), json!({}))));
}

#[test]
fn a_folder_of_a_container() {
    if TestContainer::make().is_none() {
        return;
    }
    conformance::run(&|| {
        let container = TestContainer::make().unwrap();
        for other in ["a/folder-beside/object", "a/folder"] {
            container.request("PUT", other, &["x-ms-blob-type: BlockBlob"], b"other");
        }
        Box::new(open(&container, json!({"prefix": "a/folder", "connections": 2})))
    });
}
