use cadangkan_core::ErrorKind;
use cadangkan_storage::{Origin, Storage, WriteOptions};
use cadangkan_storage_gcs::GCS;
use cadangkan_testkit::gcs::TestBucket;
use cadangkan_testkit::proxy::Proxy;
use cadangkan_testkit::scripted::Scripted;
use serde_json::json;

use crate::support::{bytes, get, key, open, open_at, put};

fn none(_: u64) -> cadangkan_core::Result<()> {
    Ok(())
}

#[test]
fn the_server_copies_and_no_byte_comes_by_here() {
    let (Some(source), Some(target)) = (TestBucket::make(), TestBucket::make()) else { return };
    let proxy = Proxy::start(source.port());
    let from = open_at(&source, proxy.port(), json!({"prefix": "p"}));
    let to = open_at(&target, proxy.port(), json!({"prefix": "q", "tags": true}));
    for (number, length) in [0, 100, (3 << 20) + 7].into_iter().enumerate() {
        let (name, new) = (format!("db/a b+é&{number}.zst"), format!("new {number}"));
        put(&from, &name, &bytes(length), WriteOptions::default()).unwrap();
        let before = proxy.passed();
        let seen = from.origin(&key(&name)).unwrap().unwrap();
        let options = WriteOptions { tags: vec![("database", "shop".to_owned())], ..WriteOptions::default() };
        let info = to.copy(&seen, &key(&new), options, &mut none).unwrap().unwrap();
        assert!(proxy.passed() - before < 20_000, "{length}");
        assert_eq!(info.size, length as u64);
        assert!(get(&to, &new) == bytes(length), "{length}");
    }
    assert_eq!(target.look("q%2Fnew%201")["metadata"]["database"], "shop");
    let seen = from.origin(&key("db/a b+é&1.zst")).unwrap().unwrap();
    let elsewhere = Origin { server: "gcs https://elsewhere".into(), ..seen };
    assert!(to.copy(&elsewhere, &key("x"), WriteOptions::default(), &mut none).unwrap().is_none());
    assert!(from.origin(&key("none")).unwrap().is_none());
    assert!(open(&target, json!({})).stat(&key("q/x")).unwrap().is_none());
}

/// The server of the tests copies all at once and heeds no conditions, so this is a conversation by the documentation.
#[test]
fn a_copy_in_steps_goes_on_by_the_servers_word() {
    let said = |body: serde_json::Value| (200, String::new(), body.to_string());
    let step =
        |bytes: &str| said(json!({"done": false, "rewriteToken": "t/1", "totalBytesRewritten": bytes}));
    let refused = (403, String::new(), json!({"error": {"message": "m"}}).to_string());
    let service = Scripted::start(vec![step("10"), step("20"), refused]);
    let settings =
        json!({"bucket": "to", "endpoint": service.url, "timeout": "2s", "storage_class": "NEARLINE"});
    let storage = (GCS.open)(&settings).unwrap();
    let seen = Origin {
        server: format!("gcs {}", service.url),
        name: "/storage/v1/b/from/o/a%2Fb".into(),
        version: "77".into(),
        size: 30,
        headers: Vec::new(),
    };
    let mut told = Vec::new();
    let mut progress = |bytes| {
        told.push(bytes);
        Ok(())
    };
    let denied = storage.copy(&seen, &key("c"), WriteOptions::default(), &mut progress).unwrap_err();
    assert_eq!((denied.kind(), told.as_slice()), (ErrorKind::Denied, &[10, 20][..]), "{denied:?}");
    let first = service.request();
    assert!(first.starts_with("POST /storage/v1/b/from/o/a%2Fb/rewriteTo/b/to/o/c?"), "{first}");
    assert!(first.contains("ifSourceGenerationMatch=77&ifGenerationMatch=0 "), "{first}");
    assert!(first.contains("\"storageClass\":\"NEARLINE\"") && first.contains("cadangkan-writer"), "{first}");
    assert!(service.request().contains("rewriteToken=t%2F1"));
}
