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

impl Cut {
    fn common(&self) -> cadangkan_testkit::cut::Cut<'_> {
        cadangkan_testkit::cut::Cut { proxy: &self.proxy, storage: &self.storage, straight: &self.straight }
    }
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
    cut.common().the_server_is_given_the_time_it_asks_for("ServerBusy");
}

#[test]
fn a_lost_answer_is_no_conflict() {
    let Some(cut) = cut(json!({})) else { return };
    cut.common().a_lost_answer_is_no_conflict(PART);
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
