use cadangkan_core::ErrorKind;
use cadangkan_storage::{LifecycleRule, Storage, WriteOptions};
use cadangkan_testkit::s3::{S3Server, TestBucket};
use serde_json::{Value, json};

use crate::support::{open, put};

/// A rule of somebody else, with what this program knows nothing of.
const OTHERS: &str = "<Rule><ID>logs &amp; more</ID><Filter><And><Prefix>shop/</Prefix><Tag><Key>kind</Key><Value>log</Value></Tag>\
    <Tag><Key>old</Key><Value>yes</Value></Tag></And></Filter><Status>Enabled</Status>\
    <Expiration><Days>30</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>\
    </NoncurrentVersionExpiration></Rule>";

fn set_others(bucket: &TestBucket) {
    let body = format!("<LifecycleConfiguration>{OTHERS}</LifecycleConfiguration>");
    bucket.request("PUT", "?lifecycle", &[], body.as_bytes());
}

/// The rule of somebody else, as the server tells it.
fn others(bucket: &TestBucket) -> String {
    let told = bucket.request("GET", "?lifecycle", &[], b"");
    let rule = told.split("<Rule>").find(|rule| rule.contains("<ID>logs &amp; more</ID>")).unwrap();
    rule.split("</Rule>").next().unwrap().to_owned()
}

fn told(storage: &dyn Storage) -> Vec<LifecycleRule> {
    storage.lifecycle().unwrap().found().unwrap()
}

fn moving(server: &S3Server) -> Value {
    // Ceph has no other class than this one, unless it is told of one.
    json!({"move_to": if server.name() == "ceph" { "STANDARD" } else { "DEEP_ARCHIVE" }, "move_after_days": 30})
}

#[test]
fn our_rules_come_and_go_and_those_of_others_stay() {
    for server in S3Server::all() {
        let bucket = server.bucket();
        let mut settings = moving(&server);
        settings["prefix"] = json!("shop/backups");
        let storage = open(&bucket, settings);
        assert!(told(&storage).is_empty());
        storage.lifecycle().unwrap().clear().unwrap();
        set_others(&bucket);
        let before = others(&bucket);
        for _ in 0..2 {
            storage.lifecycle().unwrap().set().unwrap();
            let found = told(&storage);
            assert_eq!(found[..2], storage.lifecycle().unwrap().wanted()[..], "{}", server.name());
            assert!(found[0].ours && found[0].does.starts_with("moves objects to "), "{found:?}");
            assert!(
                found[0].does.ends_with(" after 30 days, where they are tagged content=archive"),
                "{found:?}"
            );
            assert_eq!(found[1].does, "removes unfinished uploads after 7 days");
            assert!(!found[2].ours && found[2].removes && found.len() == 3, "{found:?}");
            assert_eq!(others(&bucket), before, "{}", server.name());
        }
        // Another folder has rules of its own, and what was asked for earlier goes with what is asked for now.
        let elsewhere = open(&bucket, json!({"prefix": "other"}));
        assert!(told(&elsewhere).is_empty());
        elsewhere.lifecycle().unwrap().set().unwrap();
        assert_eq!((told(&elsewhere).len(), told(&storage).len()), (1, 3));
        let plain = open(&bucket, json!({"prefix": "shop/backups"}));
        plain.lifecycle().unwrap().set().unwrap();
        assert_eq!((told(&plain).len(), told(&elsewhere).len()), (2, 1));
        plain.lifecycle().unwrap().clear().unwrap();
        elsewhere.lifecycle().unwrap().clear().unwrap();
        assert_eq!((told(&plain).len(), told(&elsewhere).len()), (1, 0));
        assert_eq!(others(&bucket), before, "{}", server.name());
    }
}

#[test]
fn archives_alone_are_found_by_the_rule() {
    for server in S3Server::all() {
        let bucket = server.bucket();
        let storage = open(&bucket, moving(&server));
        let tags = |more: &[(&'static str, &str)]| WriteOptions {
            tags: more.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            ..WriteOptions::default()
        };
        put(&storage, "archive", &vec![1; 9 << 20], tags(&[("database", "shop"), ("content", "archive")]))
            .unwrap();
        put(&storage, "index", b"index", tags(&[("database", "shop")])).unwrap();
        let told = |name: &str| bucket.request("GET", &format!("{name}?tagging"), &[], b"");
        assert!(told("archive").contains("<Key>content</Key><Value>archive</Value>"), "{}", told("archive"));
        assert_eq!(
            (told("archive").matches("<Key>").count(), told("index").matches("<Key>").count()),
            (1, 0)
        );
    }
}

#[test]
fn a_missing_permission_is_named_and_nothing_changes() {
    let Some(server) = S3Server::find("ceph") else { return };
    let bucket = server.bucket();
    set_others(&bucket);
    for (denied, change) in [("s3:GetLifecycleConfiguration", false), ("s3:PutLifecycleConfiguration", true)]
    {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": [denied], "Resource": [format!("arn:aws:s3:::{}", bucket.name)]}
        ]});
        bucket.request("PUT", "?policy", &[], policy.to_string().as_bytes());
        let storage = open(&bucket, json!({}));
        let lifecycle = storage.lifecycle().unwrap();
        let error = if change { lifecycle.set().unwrap_err() } else { lifecycle.found().unwrap_err() };
        bucket.request("DELETE", "?policy", &[], b"");
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(format!("{error:?}").contains(denied), "{error:?}");
        assert_eq!(told(&storage).len(), 1);
    }
}
