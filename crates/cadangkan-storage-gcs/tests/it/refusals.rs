use cadangkan_core::ErrorKind;
use cadangkan_storage::Storage as _;
use cadangkan_testkit::gcs::TestBucket;
use cadangkan_testkit::scripted::Scripted;
use serde_json::{Value, json};

use crate::support::open;

/// An answer of Cloud Storage to who is not allowed something, as its documentation has it.
fn forbidden() -> (u16, String, String) {
    let message =
        "me@p.example does not have storage.objects.create access to the Google Cloud Storage object.";
    let cause = json!({"message": message, "domain": "global", "reason": "forbidden"});
    (403, String::new(), json!({"error": {"code": 403, "message": message, "errors": [cause]}}).to_string())
}

fn said(body: Value) -> (u16, String, String) {
    (200, String::new(), body.to_string())
}

fn check(answers: Vec<(u16, String, String)>) -> (ErrorKind, String) {
    let service = Scripted::start(answers);
    let settings = json!({"bucket": "backups", "endpoint": service.url, "timeout": "2s"});
    let storage = (cadangkan_storage_gcs::GCS.open)(&settings).unwrap();
    let error = storage.check().unwrap_err();
    let advice = error.advice().unwrap_or_default().to_owned();
    (error.kind(), format!("{} — {advice}", error.chain().join(": ")))
}

/// The server of the tests allows everything to everybody, so this is a conversation by the documentation.
#[test]
fn all_missing_permissions_are_named_at_once() {
    let (kind, text) = check(vec![forbidden(), forbidden()]);
    assert_eq!(kind, ErrorKind::Denied);
    let names = "these credentials may not: storage.objects.list, storage.objects.create";
    assert!(text.starts_with(names) && text.contains("Storage Object User"), "{text}");
    let (_, text) = check(vec![said(json!({})), said(json!({"name": "x"})), forbidden(), forbidden()]);
    assert!(text.contains("may not: storage.objects.get, storage.objects.delete"), "{text}");
    assert!(text.contains("left behind: cadangkan-check-"), "{text}");
    let other = (200, String::new(), "other bytes".to_owned());
    let (kind, text) = check(vec![said(json!({})), said(json!({"name": "x"})), other, said(json!({}))]);
    assert!(kind == ErrorKind::Io && text.contains("other bytes than were written"), "{text}");
}

#[test]
fn other_refusals_are_told_apart() {
    let refusal = |status: u16, reason: &str| {
        let body = json!({"error": {"code": status, "message": "m", "errors": [{"reason": reason}]}});
        (status, String::new(), body.to_string())
    };
    for (answer, kind, part) in [
        (refusal(401, "authError"), ErrorKind::Denied, "does not take these credentials"),
        (refusal(403, "storageQuotaExceeded"), ErrorKind::NoSpace, "quota is used up"),
        (refusal(400, "userProjectMissing"), ErrorKind::Configuration, "as `project`"),
        (refusal(403, "retentionPolicyNotMet"), ErrorKind::Denied, "kept by a retention policy"),
    ] {
        let (found, text) = check(vec![answer]);
        assert!(found == kind && text.contains(part), "{text}");
    }
}

#[test]
fn a_wrong_bucket_and_endpoint_are_told_apart() {
    let Some(bucket) = TestBucket::make() else { return };
    let failure = |more: Value| {
        let error = open(&bucket, more).check().unwrap_err();
        (error.kind(), error.chain().join(": "))
    };
    let (kind, text) = failure(json!({"bucket": "there-is-none"}));
    assert!(kind == ErrorKind::Unreachable && text.contains("there is no bucket there-is-none"), "{text}");
    let (kind, text) = failure(json!({"endpoint": "http://127.0.0.1:1"}));
    assert!(kind == ErrorKind::Unreachable && text.contains("endpoint: http://127.0.0.1:1"), "{text}");
    let storage = open(&bucket, json!({"prefix": "a/b", "storage_class": "ARCHIVE"}));
    storage.check().unwrap();
    assert!(open(&bucket, json!({})).list("").unwrap().is_empty());
}
