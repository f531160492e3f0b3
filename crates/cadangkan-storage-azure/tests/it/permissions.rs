use cadangkan_core::ErrorKind;
use cadangkan_storage::{Storage as _, WriteOptions};
use cadangkan_testkit::azure::TestContainer;
use serde_json::{Value, json};

use crate::support::{bytes, get, open, put};

fn failure(container: &TestContainer, more: Value) -> (ErrorKind, String) {
    let error = open(container, more).check().unwrap_err();
    let advice = error.advice().unwrap_or_default();
    (error.kind(), format!("{} — {advice} — {}", error.chain().join(": "), error.message()))
}

#[test]
fn a_signature_is_enough_and_each_missing_permission_is_named() {
    let Some(container) = TestContainer::make() else { return };
    let with = |permissions: &str| {
        open(
            &container,
            json!({"account_key": null, "tags": true, "part_size_mib": 1,
            "sas_token": container.signature(permissions)}),
        )
    };
    let storage = with("rwdlt");
    storage.check().unwrap();
    for (name, length) in [("small", 10), ("parts", 2 << 20)] {
        let tags = vec![("type", "full".to_owned())];
        put(&storage, name, &bytes(length), WriteOptions { tags, ..WriteOptions::default() }).unwrap();
        assert!(get(&storage, name) == bytes(length));
    }
    assert_eq!(storage.list("").unwrap().len(), 2);
    for (denied, named, letters) in [
        ('r', "blobs/read", "or r in"),
        ('w', "blobs/write", "or w in"),
        ('d', "blobs/delete", "or d in"),
        ('l', "blobs/read", "or l in"),
        ('t', "blobs/tags/write", "or t in"),
    ] {
        let error = with(&"rwdlt".replace(denied, "")).check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert_eq!(error.message(), format!("these credentials may not: {named}"));
        assert!(error.advice().unwrap_or_default().contains(letters), "{error:?}");
        assert_eq!(error.chain().join(": ").contains("left behind"), denied == 'd', "{error:?}");
    }
}

#[test]
fn wrong_credentials_containers_and_endpoints_are_told_apart() {
    let Some(container) = TestContainer::make() else { return };
    let (kind, text) = failure(&container, json!({"account_key": "d3Jvbmctc2VjcmV0"}));
    assert!(kind == ErrorKind::Denied && text.contains("correct `account_key` or `sas_token`"), "{text}");
    assert!(!text.contains("d3Jvbmctc2VjcmV0"), "{text}");
    let (kind, text) = failure(&container, json!({"account_key": "no base64!"}));
    assert!(kind == ErrorKind::Configuration && !text.contains("no base64!"), "{text}");
    let (kind, text) =
        failure(&container, json!({"account_key": null, "sas_token": "sv=2020-10-02&sr=c&sp=r&sig=marked"}));
    assert!(kind == ErrorKind::Denied && !text.contains("marked"), "{text}");
    let (kind, text) = failure(&container, json!({"container": "there-is-none"}));
    assert!(kind == ErrorKind::Unreachable && text.contains("there is no container there-is-none"), "{text}");
    let (kind, text) = failure(&container, json!({"endpoint": "http://127.0.0.1:1"}));
    assert!(kind == ErrorKind::Unreachable && text.contains("endpoint: http://127.0.0.1:1"), "{text}");
}

#[test]
fn a_check_leaves_nothing_behind() {
    let Some(container) = TestContainer::make() else { return };
    let storage = open(&container, json!({"prefix": "a/b", "tags": true}));
    storage.check().unwrap();
    assert!(storage.leftovers("").unwrap().is_empty());
    assert!(!container.request("GET", "?restype=container&comp=list", &[], b"").contains("<Blob>"));
}
