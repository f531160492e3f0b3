use cadangkan_storage::conformance;
use cadangkan_testkit::s3::S3Server;
use serde_json::json;

use crate::support::open;

#[test]
fn every_server() {
    for server in S3Server::all() {
        println!("{}", server.name());
        conformance::run(&|| Box::new(open(&server.bucket(), json!({}))));
    }
}

#[test]
fn a_folder_of_a_bucket() {
    for server in S3Server::all() {
        conformance::run(&|| {
            let bucket = server.bucket();
            bucket.request("PUT", "a/folder-beside/object", &[], b"other");
            bucket.request("PUT", "a/folder", &[], b"other");
            Box::new(open(&bucket, json!({"prefix": "a/folder", "connections": 2})))
        });
    }
}
