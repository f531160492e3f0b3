use cadangkan_core::ErrorKind;
use cadangkan_storage::{Storage, WriteOptions};
use cadangkan_storage_gcs::GCS;
use cadangkan_testkit::gcs::TestBucket;
use cadangkan_testkit::scripted::Scripted;
use serde_json::{Value, json};

use crate::support::{get, open, put};

type Answer = (u16, String, String);

fn bucket(rules: &[Value]) -> Answer {
    (200, String::new(), json!({"metageneration": "7", "lifecycle": {"rule": rules}}).to_string())
}

fn storage(service: &Scripted) -> Box<dyn Storage> {
    let settings = json!({"bucket": "backups", "prefix": "shop", "endpoint": service.url, "timeout": "2s",
        "move_to": "ARCHIVE", "move_after_days": 30});
    (GCS.open)(&settings).unwrap()
}

fn ours(days: u32) -> Value {
    json!({"action": {"type": "SetStorageClass", "storageClass": "ARCHIVE"},
        "condition": {"daysSinceCustomTime": days, "matchesPrefix": ["shop/"]}})
}

/// Of somebody else, one with what this program knows nothing of.
fn others() -> [Value; 3] {
    [
        json!({"action": {"type": "Delete"}, "condition": {"age": 400, "isLive": false, "unheard": ["of"]}}),
        json!({"action": {"type": "SetStorageClass", "storageClass": "NEARLINE"},
            "condition": {"daysSinceCustomTime": 3, "matchesPrefix": ["other/"]}}),
        json!({"action": {"type": "SetStorageClass", "storageClass": "COLDLINE"},
            "condition": {"daysSinceCustomTime": 3, "matchesPrefix": ["shop/"], "matchesSuffix": [".x"]}}),
    ]
}

/// What a PATCH has sent.
fn sent(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// The server of the tests knows no rules, so these are conversations by the documentation.
#[test]
fn our_rule_comes_and_goes_and_those_of_others_stay() {
    let [first, second, third] = others();
    let before = [first.clone(), ours(5), second.clone(), third.clone()];
    let after = [first, second, third, ours(30)];
    let patched = (200, String::new(), "{}".to_owned());
    let service = Scripted::start(vec![bucket(&before), patched.clone(), bucket(&after), bucket(&after)]);
    let shop = storage(&service);
    let lifecycle = shop.lifecycle().unwrap();
    lifecycle.set().unwrap();
    assert!(service.request().starts_with("GET /storage/v1/b/backups?fields="));
    let request = service.request();
    assert!(request.starts_with("PATCH /storage/v1/b/backups?ifMetagenerationMatch=7 "), "{request}");
    assert_eq!(sent(&request), json!({"lifecycle": {"rule": after}}));
    let found = lifecycle.found().unwrap();
    assert_eq!((found.len(), &found[..1]), (3, &lifecycle.wanted()[..]), "{found:?}");
    assert_eq!(found[0].does, "moves objects to ARCHIVE 30 days after the time of a backup");
    assert!(found[0].ours && found[1].removes && !found[1].ours && found[1].id == "rule 1", "{found:?}");
    assert!(found[1].does.starts_with("removes objects after 400 days, where isLive=false"), "{found:?}");
    assert!(!found[2].ours && found[2].does.contains("COLDLINE"), "{found:?}");

    let service = Scripted::start(vec![bucket(&after), patched, bucket(&after[..3])]);
    storage(&service).lifecycle().unwrap().clear().unwrap();
    service.request();
    assert_eq!(sent(&service.request()), json!({"lifecycle": {"rule": after[..3]}}));
}

#[test]
fn what_was_not_set_is_told() {
    let refusal = |status: u16| (status, String::new(), json!({"error": {"message": "m"}}).to_string());
    let patched = || (200, String::new(), "{}".to_owned());
    for (answers, kind, part) in [
        (vec![refusal(403)], ErrorKind::Denied, "storage.buckets.get"),
        (vec![bucket(&[]), refusal(403)], ErrorKind::Denied, "storage.buckets.update"),
        (vec![bucket(&[]), refusal(412)], ErrorKind::Conflict, "somebody else"),
        (vec![bucket(&[]), patched(), bucket(&[])], ErrorKind::Io, "other rules"),
        (vec![(200, String::new(), "<html>".into())], ErrorKind::Io, "cannot be understood"),
    ] {
        let error = storage(&Scripted::start(answers)).lifecycle().unwrap().set().unwrap_err();
        let text = format!("{error:?} {:?} {:?}", error.chain(), error.advice());
        assert!(error.kind() == kind && text.contains(part), "{part}: {text}");
    }
}

#[test]
fn only_archives_get_the_time_by_which_the_rule_finds_them() {
    let Some(bucket) = TestBucket::make() else { return };
    let moving = open(&bucket, json!({"move_to": "ARCHIVE", "move_after_days": 30}));
    let time = ("time", "2026-11-26T18:00:00Z".to_owned());
    let archive = vec![time.clone(), ("content", "archive".to_owned())];
    for (storage, name, tags, marked) in [
        (&moving, "archive", archive.clone(), true),
        (&moving, "manifest", vec![time], false),
        (&open(&bucket, json!({})), "stays", archive, false),
    ] {
        put(storage, name, b"bytes", WriteOptions { tags, ..WriteOptions::default() }).unwrap();
        assert_eq!(get(storage, name), b"bytes");
        let said = bucket.look(name);
        assert_eq!(
            said.get("customTime").is_some_and(|time| time.as_str().unwrap().contains("2026-11-26")),
            marked,
            "{said}"
        );
    }
}
