use std::io::Read as _;
use std::time::{Duration, Instant};

use cadangkan_core::ErrorKind;
use cadangkan_storage::{Storage as _, WriteOptions};
use cadangkan_storage_gcs::Bucket;
use cadangkan_testkit::gcs::TestBucket;
use cadangkan_testkit::proxy::{Fault, Proxy};
use serde_json::{Value, json};

use crate::support::{bytes, get, key, open, open_at, put};

const PART: usize = 1 << 20;

/// A bucket behind a proxy, and the same without one.
struct Cut {
    proxy: Proxy,
    storage: Bucket,
    straight: Bucket,
}

fn cut(more: Value) -> Option<Cut> {
    let bucket = TestBucket::make()?;
    let proxy = Proxy::start(bucket.port());
    let mut settings = json!({"part_size_mib": 1});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (storage, straight) = (open_at(&bucket, proxy.port(), settings), open(&bucket, json!({})));
    Some(Cut { proxy, storage, straight })
}

fn new() -> WriteOptions {
    WriteOptions::default()
}

#[test]
fn small_objects_survive_a_cut_at_any_byte() {
    let Some(cut) = cut(json!({})) else { return };
    let content = bytes(700);
    for (number, at) in (0..1600).step_by(97).enumerate() {
        for fault in [Fault::CutSending(at), Fault::CutReceiving(at)] {
            let name = format!("{number}-{}", matches!(fault, Fault::CutSending(_)));
            cut.proxy.set(fault.clone(), 3);
            let info = put(&cut.storage, &name, &content, new()).unwrap();
            assert_eq!(info.size, 700, "{fault:?}");
            cut.proxy.set(fault.clone(), 2);
            assert_eq!(get(&cut.storage, &name), content, "{fault:?}");
        }
    }
    cut.proxy.heal();
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
    faults.push(Fault::refuse(503, "ServerBusy", ""));
    faults.push(Fault::refuse(500, "InternalError", ""));
    for (number, fault) in faults.into_iter().enumerate() {
        let name = format!("object{number}");
        cut.proxy.set(fault.clone(), 4);
        let info = put(&cut.storage, &name, &content, new());
        let answers_lost = matches!(fault, Fault::CutReceiving(_) | Fault::LoseAnswer);
        if let Err(error) = &info {
            // The server of the tests takes a piece twice when its answer was lost. That is noticed.
            let noticed = error.message().contains("other bytes than were written");
            assert!(answers_lost && noticed && cut.proxy.happened() > 0, "{fault:?}: {error:?}");
            cut.proxy.heal();
            assert!(cut.straight.stat(&key(&name)).unwrap().is_none(), "{fault:?}");
            continue;
        }
        assert_eq!(info.unwrap().size, content.len() as u64, "{fault:?}");
        let happened = cut.proxy.happened();
        cut.proxy.set(fault.clone(), 3);
        assert!(get(&cut.storage, &name) == content, "{fault:?}");
        assert!(happened + cut.proxy.happened() > 0, "{fault:?}");
        cut.proxy.heal();
        assert!(get(&cut.straight, &name) == content, "{fault:?}");
    }
}

#[test]
fn a_fault_that_lasts_fails_and_leaves_no_object() {
    let Some(cut) = cut(json!({"timeout": "1s"})) else { return };
    let content = bytes(2 * PART + 1);
    for (fault, kinds) in [
        (Fault::CutSending(1000), &[ErrorKind::Unreachable][..]),
        (Fault::refuse(503, "ServerBusy", ""), &[ErrorKind::Unreachable]),
        (Fault::refuse(403, "AuthorizationFailure", ""), &[ErrorKind::Denied]),
        (Fault::refuse(507, "", ""), &[ErrorKind::NoSpace]),
    ] {
        let mut writer = cut.storage.begin_write(&key("object"), new()).unwrap();
        writer.write(&content[..PART + 1]).unwrap();
        cut.proxy.set(fault.clone(), u32::MAX);
        let ended = writer.write(&content[PART + 1..]).and_then(|()| writer.close().map(drop));
        assert!(kinds.contains(&ended.as_ref().unwrap_err().kind()), "{fault:?}: {ended:?}");
        assert!(cut.proxy.happened() > 0, "{fault:?}");
        assert!(cut.straight.list("").unwrap().is_empty(), "{fault:?}");
        cut.proxy.heal();
    }
}

#[test]
fn the_server_is_given_the_time_it_asks_for() {
    let Some(cut) = cut(json!({})) else { return };
    cut.proxy.set(Fault::refuse(503, "ServerBusy", "retry-after: 1\r\n"), 1);
    let begun = Instant::now();
    put(&cut.storage, "object", b"x", new()).unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1) && cut.proxy.happened() == 1);
}

#[test]
fn a_lost_answer_is_no_conflict() {
    let Some(cut) = cut(json!({})) else { return };
    for (name, length) in [("small", 10), ("larger", PART)] {
        let mut writer = cut.storage.begin_write(&key(name), new()).unwrap();
        writer.write(&bytes(length)).unwrap();
        // Every answer is lost for a while, also the one that says that the object is made.
        cut.proxy.set(Fault::LoseAnswer, 3);
        writer.close().unwrap();
        assert_eq!(cut.proxy.happened(), 3, "{name}");
        cut.proxy.heal();
        assert!(get(&cut.straight, name) == bytes(length));
    }
    cut.proxy.heal();
    assert_eq!(put(&cut.storage, "small", b"y", new()).unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn slow_is_no_fault_and_a_crawl_is() {
    let Some(cut) = cut(json!({"timeout": "1s"})) else { return };
    let content = bytes(PART + (1 << 20));
    cut.proxy.set(Fault::Rate(2 << 20), u32::MAX);
    put(&cut.storage, "slow", &content, new()).unwrap();
    assert!(get(&cut.storage, "slow") == content && cut.proxy.happened() > 0);
    for fault in [Fault::Rate(50), Fault::Silence] {
        cut.proxy.set(fault.clone(), u32::MAX);
        let failed = put(&cut.storage, "crawl", b"x", new()).unwrap_err();
        assert!(failed.kind() == ErrorKind::Timeout && cut.proxy.happened() > 0, "{fault:?}: {failed:?}");
        assert!(cut.straight.stat(&key("crawl")).unwrap().is_none());
    }
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_not_mixed() {
    let Some(cut) = cut(json!({})) else { return };
    put(&cut.straight, "object", &bytes(4 << 20), new()).unwrap();
    cut.proxy.set(Fault::CutReceiving(1 << 20), 1);
    let mut reader = cut.storage.read(&key("object"), None).unwrap();
    let mut first = vec![0; 1000];
    reader.read_exact(&mut first).unwrap();
    put(&cut.straight, "object", &[7; 4 << 20], WriteOptions { overwrite: true, ..new() }).unwrap();
    let failed = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(failed.to_string().contains("replaced while it was read"), "{failed}");
    assert_eq!(cut.proxy.happened(), 1);
}
