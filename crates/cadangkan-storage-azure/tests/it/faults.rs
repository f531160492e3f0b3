use std::process::{Command, Stdio};
use std::sync::Arc;

use cadangkan_core::{Clock as _, ErrorKind};
use cadangkan_storage::{Storage as _, WriteOptions};
use cadangkan_storage_azure::Container;
use cadangkan_testkit::azure::TestContainer;
use cadangkan_testkit::proxy::{Fault, Proxy};
use serde_json::{Value, json};

use crate::support::{MovedClock, QUICK, bytes, get, key, open, open_at, put};

const PART: usize = 1 << 20;

/// A container behind a proxy, and the same without one.
struct Cut {
    proxy: Proxy,
    container: TestContainer,
    storage: Container,
    straight: Container,
}

impl Cut {
    fn common(&self) -> cadangkan_testkit::cut::Cut<'_> {
        cadangkan_testkit::cut::Cut { proxy: &self.proxy, storage: &self.storage, straight: &self.straight }
    }
}

fn cut(more: Value) -> Option<Cut> {
    let container = TestContainer::make()?;
    let proxy = Proxy::start(container.port());
    let mut settings = json!({"part_size_mib": 1});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (storage, straight) = (open_at(&container, proxy.port(), settings), open(&container, json!({})));
    Some(Cut { proxy, container, storage, straight })
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
        assert_eq!(info.unwrap().size, content.len() as u64, "{fault:?}");
        let happened = cut.proxy.happened();
        cut.proxy.set(fault.clone(), 3);
        assert!(get(&cut.storage, &name) == content, "{fault:?}");
        assert!(happened + cut.proxy.happened() > 0, "{fault:?}");
        cut.proxy.heal();
        assert!(get(&cut.straight, &name) == content, "{fault:?}");
        assert!(cut.straight.leftovers("").unwrap().is_empty(), "{fault:?}");
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
        while cut.straight.leftovers("").unwrap().len() != 1 {}
        cut.proxy.set(fault.clone(), u32::MAX);
        let ended = writer.write(&content[PART + 1..]).and_then(|()| writer.close().map(drop));
        assert!(kinds.contains(&ended.as_ref().unwrap_err().kind()), "{fault:?}: {ended:?}");
        assert!(cut.proxy.happened() > 0, "{fault:?}");
        assert!(cut.straight.list("").unwrap().is_empty(), "{fault:?}");
        // What could not be taken back while nothing came through is a leftover with its name.
        for leftover in cut.straight.leftovers("").unwrap() {
            assert!(leftover.location.starts_with("object?uncommitted"), "{leftover:?}");
            cut.straight.discard(&leftover).unwrap();
        }
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
    let Some(cut) = cut(json!({})) else { return };
    let settings = cut.container.settings(cut.proxy.port());
    // The server of the tests does not look at the time; that of Azure answers so when it is a quarter of an hour off.
    for (seconds, told) in [(0, None), (3600, Some("ahead of")), (-7200, Some("behind"))] {
        let now = MovedClock(0).now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let storage = Container::open(&settings, Arc::new(MovedClock(seconds)), QUICK).unwrap();
        cut.proxy.set(Fault::refuse(403, "AuthenticationFailed", &format!("date: {now}\r\n")), 1);
        let written = put(&storage, "object", b"x", WriteOptions { overwrite: true, ..new() });
        assert_eq!((written.is_ok(), cut.proxy.happened()), (told.is_some(), 1), "{written:?}");
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
    let storage = Container::open(&settings, Arc::new(MovedClock(0)), QUICK).unwrap();
    let mut writer = storage.begin_write(&key("object"), new()).unwrap();
    loop {
        writer.write(&bytes(1 << 20)).unwrap();
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the same program is its child")]
fn an_upload_that_was_killed_is_started_again() {
    let Some(cut) = cut(json!({})) else { return };
    let mut settings = cut.container.settings(cut.container.port());
    settings["part_size_mib"] = json!(1);
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
    // The blocks of the first one went when the object was made.
    assert!(cut.straight.leftovers("").unwrap().is_empty());
}
