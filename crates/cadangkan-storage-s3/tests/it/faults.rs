use std::process::{Command, Stdio};
use std::sync::Arc;

use cadangkan_core::ErrorKind;
use cadangkan_storage::{Storage as _, WriteOptions};
use cadangkan_storage_s3::Bucket;
use cadangkan_testkit::proxy::{Fault, Proxy};
use cadangkan_testkit::s3::{S3Server, TestBucket};
use serde_json::{Value, json};

use crate::support::{MovedClock, QUICK, bytes, get, key, open, put};

const PART: usize = 5 << 20;

/// A bucket of Ceph behind a proxy, and the same without one.
struct Cut {
    proxy: Proxy,
    bucket: TestBucket,
    storage: Bucket,
    straight: Bucket,
}

impl Cut {
    fn common(&self) -> cadangkan_testkit::cut::Cut<'_> {
        cadangkan_testkit::cut::Cut { proxy: &self.proxy, storage: &self.storage, straight: &self.straight }
    }
}

fn cut(more: Value) -> Option<Cut> {
    let server = S3Server::find("ceph")?;
    let (proxy, bucket) = (Proxy::start(server.port()), server.bucket());
    let mut settings = json!({"endpoint": format!("http://127.0.0.1:{}", proxy.port()), "part_size_mib": 5});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (storage, straight) = (open(&bucket, settings), open(&bucket, json!({})));
    Some(Cut { proxy, bucket, storage, straight })
}

fn new() -> WriteOptions {
    WriteOptions::default()
}

#[test]
fn small_objects_survive_a_cut_at_any_byte() {
    let Some(cut) = cut(json!({})) else { return };
    cut.common().small_objects_survive_a_cut_at_any_byte();
}

#[test]
fn uploads_in_parts_survive_cuts_and_storms() {
    let Some(cut) = cut(json!({})) else { return };
    let content = bytes(3 * PART + 1);
    let mut faults: Vec<Fault> = [0, 300, 1000, 100_000, PART as u64, PART as u64 + 300]
        .into_iter()
        .flat_map(|at| [Fault::CutSending(at), Fault::CutReceiving(at)])
        .collect();
    faults.push(Fault::LoseAnswer);
    faults.push(Fault::refuse(503, "SlowDown", ""));
    faults.push(Fault::refuse(500, "InternalError", ""));
    for (number, fault) in faults.into_iter().enumerate() {
        let name = format!("object{number}");
        cut.proxy.set(fault.clone(), 4);
        let info = put(&cut.storage, &name, &content, new());
        assert_eq!(info.unwrap().size, content.len() as u64, "{fault:?}");
        let happened = cut.proxy.happened();
        cut.proxy.set(fault.clone(), 3);
        assert!(get(&cut.storage, &name) == content, "{fault:?}");
        assert!(happened + cut.proxy.happened() > 0, "{fault:?}");
        cut.proxy.heal();
        assert!(get(&cut.straight, &name) == content, "{fault:?}");
        // An upload whose beginning was not answered was begun again: nobody but the server knows the first one.
        let lost = matches!(fault, Fault::CutReceiving(_) | Fault::LoseAnswer);
        for leftover in cut.straight.leftovers("").unwrap() {
            assert!(lost && leftover.size_bytes == 0 && leftover.location.starts_with(&name), "{leftover:?}");
            cut.straight.discard(&leftover).unwrap();
        }
    }
}

#[test]
fn a_fault_that_lasts_fails_and_leaves_no_object() {
    let Some(cut) = cut(json!({"timeout": "1s"})) else { return };
    let content = bytes(2 * PART + 1);
    for (fault, kinds) in [
        (Fault::CutSending(1000), &[ErrorKind::Unreachable][..]),
        (Fault::refuse(503, "SlowDown", ""), &[ErrorKind::Unreachable]),
        (Fault::refuse(403, "QuotaExceeded", ""), &[ErrorKind::NoSpace]),
        (Fault::refuse(507, "", ""), &[ErrorKind::NoSpace]),
    ] {
        let mut writer = cut.storage.begin_write(&key("object"), new()).unwrap();
        writer.write(&content[..PART + 1]).unwrap();
        while cut.straight.leftovers("").unwrap().len() != 1 {}
        cut.proxy.set(fault.clone(), u32::MAX);
        let ended = writer.write(&content[PART + 1..]).and_then(|()| writer.close().map(drop));
        assert!(kinds.contains(&ended.as_ref().unwrap_err().kind()), "{fault:?}: {ended:?}");
        assert!(cut.proxy.happened() > 0, "{fault:?}");
        assert!(cut.straight.list("").unwrap().is_empty(), "{fault:?}");
        // What could not be taken back while nothing came through is a leftover with its name.
        for leftover in cut.straight.leftovers("").unwrap() {
            assert!(leftover.location.starts_with("object?uploadId="), "{leftover:?}");
            cut.straight.discard(&leftover).unwrap();
        }
        cut.proxy.heal();
    }
}

#[test]
fn the_server_is_given_the_time_it_asks_for() {
    let Some(cut) = cut(json!({})) else { return };
    cut.common().the_server_is_given_the_time_it_asks_for("SlowDown");
}

#[test]
fn a_lost_answer_is_no_conflict() {
    let Some(cut) = cut(json!({})) else { return };
    cut.common().a_lost_answer_is_no_conflict(PART + 1);
}

#[test]
fn slow_is_no_fault_and_a_crawl_is() {
    let Some(cut) = cut(json!({"timeout": "1s"})) else { return };
    cut.common().slow_is_no_fault_and_a_crawl_is(PART);
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_not_mixed() {
    let Some(cut) = cut(json!({})) else { return };
    cut.common().an_object_that_is_replaced_while_it_is_read_is_not_mixed();
}

#[test]
fn a_wrong_clock_is_corrected_and_told() {
    let Some(server) = S3Server::find("ceph") else { return };
    let bucket = server.bucket();
    for (seconds, told) in
        [(0, None), (600, None), (-600, None), (3600, Some("ahead of")), (-7200, Some("behind"))]
    {
        let storage = Bucket::open(&bucket.settings(), Arc::new(MovedClock(seconds)), QUICK).unwrap();
        storage.check().unwrap();
        put(&storage, "object", b"x", WriteOptions { overwrite: true, ..new() }).unwrap();
        let notes = storage.notes();
        match told {
            None => assert!(notes.is_empty(), "{notes:?}"),
            Some(side) => assert!(notes.len() == 1 && notes[0].contains(side), "{notes:?}"),
        }
    }
}

/// Not a test by itself: what the next one kills.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test tells its child by the environment what to do")]
fn child_that_uploads() {
    let Some(settings) = std::env::var_os("CADANGKAN_TEST_UPLOAD") else { return };
    let settings: Value = serde_json::from_str(settings.to_str().unwrap()).unwrap();
    let storage = Bucket::open(&settings, Arc::new(MovedClock(0)), QUICK).unwrap();
    let mut writer = storage.begin_write(&key("object"), new()).unwrap();
    loop {
        writer.write(&bytes(1 << 20)).unwrap();
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the same program is its child")]
fn an_upload_that_was_killed_is_started_again() {
    let Some(cut) = cut(json!({})) else { return };
    let mut settings = cut.bucket.settings();
    settings["part_size_mib"] = json!(5);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::child_that_uploads"])
        .env("CADANGKAN_TEST_UPLOAD", settings.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !matches!(&cut.straight.leftovers("").unwrap()[..], [found] if found.size_bytes > 0) {
        assert!(child.try_wait().unwrap().is_none());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(cut.straight.list("").unwrap().is_empty());
    let content = bytes(2 * PART);
    put(&cut.storage, "object", &content, new()).unwrap();
    assert!(get(&cut.straight, "object") == content);
    let found = cut.straight.leftovers("").unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    cut.straight.discard(&found[0]).unwrap();
    assert!(get(&cut.straight, "object") == content && cut.straight.leftovers("").unwrap().is_empty());
}

#[test]
fn of_an_upload_whose_beginning_was_not_answered_nothing_stays() {
    let Some(cut) = cut(json!({})) else { return };
    let other = cut.straight.begin_write(&key("object2"), new()).unwrap();
    let mut writer = cut.storage.begin_write(&key("object"), new()).unwrap();
    cut.proxy.set(Fault::LoseAnswer, 2);
    writer.write(&bytes(2 * PART + 1)).unwrap();
    assert_eq!((cut.proxy.happened(), cut.straight.leftovers("").unwrap().len()), (2, 1));
    cut.proxy.heal();
    assert_eq!(writer.close().unwrap().size, 2 * PART as u64 + 1);
    assert!(get(&cut.straight, "object") == bytes(2 * PART + 1));
    assert!(cut.straight.leftovers("").unwrap().is_empty());
    other.abort().unwrap();
}
