use cadangkan_core::ErrorKind;
use cadangkan_storage::{Backoff, Storage as _, WriteOptions};
use cadangkan_storage_webdav::WebDav;
use cadangkan_testkit::proxy::{Fault as Answer, Proxy};
use cadangkan_testkit::relay::{Fault, From, Relay};
use cadangkan_testkit::storages::{StorageServer, storage_server};
use serde_json::json;

use crate::support::{QUICK, bytes, get, key, names, open, put, replace, settings};

/// Larger than all that waits on the way.
const SIZE: usize = 24 << 20;

/// A storage behind a relay, and the same without one.
fn behind_relay(server: &StorageServer, timeout: &str) -> (Relay, WebDav, WebDav) {
    let relay = Relay::to(server.port);
    let mut settings = settings(server, relay.port());
    settings["timeout"] = json!(timeout);
    // A server that has not noticed that an upload was cut keeps the file locked for some time.
    let through = WebDav::open(&settings, Backoff { attempts: 10, ..QUICK }).unwrap();
    let url = settings["address"].as_str().unwrap();
    settings["address"] = json!(url.replace(&relay.port().to_string(), &server.port.to_string()));
    (relay, through, open(&settings))
}

#[test]
fn an_upload_that_is_cut_leaves_what_was_there() {
    let Some(server) = storage_server("webdav") else { return };
    let (relay, storage, direct) = behind_relay(&server, "20s");
    put(&direct, "shop/archive", b"old", replace()).unwrap();
    for after in [1000, 3_000_000, SIZE as u64 - 1000] {
        let mut writer = storage.begin_write(&key("shop/archive"), replace()).unwrap();
        let struck = relay.struck();
        relay.after(From::Client, after, Fault::Cut);
        let written = writer.write(&bytes(SIZE)).and_then(|()| writer.close().map(drop));
        let error = written.unwrap_err();
        assert_eq!((error.kind(), relay.struck()), (ErrorKind::Unreachable, struck + 1), "{error:?}");
        assert!(error.is_retryable(), "{error:?}");
        assert_eq!(get(&direct, "shop/archive").unwrap(), b"old");
        assert_eq!(
            (names(&direct), direct.leftovers("").unwrap()),
            (vec!["shop/archive".to_owned()], vec![])
        );
    }
    assert_eq!(put(&storage, "shop/archive", &bytes(SIZE), replace()).unwrap().size, SIZE as u64);
    assert!(get(&direct, "shop/archive").unwrap() == bytes(SIZE), "other bytes are read than were written");
}

#[test]
fn a_server_that_is_gone_keeps_no_object_and_names_the_leftover() {
    let Some(server) = storage_server("webdav") else { return };
    let (relay, storage, direct) = behind_relay(&server, "20s");
    let mut writer = storage.begin_write(&key("shop/archive"), replace()).unwrap();
    relay.after(From::Client, 3_000_000, Fault::Gone);
    let error = writer.write(&bytes(SIZE)).and_then(|()| writer.close().map(drop)).unwrap_err();
    assert_eq!((error.kind(), relay.struck()), (ErrorKind::Unreachable, 1), "{error:?}");
    assert_eq!(storage.list("").unwrap_err().kind(), ErrorKind::Unreachable);
    relay.heal();
    assert_eq!(names(&direct), Vec::<String>::new());
    for leftover in direct.leftovers("shop").unwrap() {
        assert!(leftover.location.starts_with("shop/archive."), "{leftover:?}");
        direct.discard(&leftover).unwrap();
    }
    assert_eq!(storage.leftovers("").unwrap(), []);
}

#[test]
fn small_objects_and_questions_are_sent_again() {
    let Some(server) = storage_server("webdav") else { return };
    let (relay, storage, direct) = behind_relay(&server, "20s");
    let content = bytes(500_000);
    for (from, after) in [(From::Client, 100), (From::Client, 300_000), (From::Server, 10)] {
        let mut writer = storage.begin_write(&key("manifest"), replace()).unwrap();
        writer.write(&content).unwrap();
        let struck = relay.struck();
        relay.after(from, after, Fault::Cut);
        assert_eq!(writer.close().unwrap().size, content.len() as u64);
        assert_eq!(relay.struck(), struck + 1);
        assert!(get(&direct, "manifest").unwrap() == content);
    }
    relay.after(From::Server, 10, Fault::Cut);
    assert_eq!((names(&storage), relay.struck()), (vec!["manifest".to_owned()], 4));
}

#[test]
fn a_lost_answer_is_no_conflict() {
    let Some(server) = storage_server("webdav") else { return };
    let (relay, storage, direct) = behind_relay(&server, "20s");
    let mut lost = 0;
    // Wherever the answers to the upload, the question and the move are cut, the last place being in that to the move.
    for after in (1..).step_by(25) {
        let name = format!("object{after}");
        let mut writer = storage.begin_write(&key(&name), WriteOptions::default()).unwrap();
        writer.write(b"bytes").unwrap();
        relay.after(From::Server, after, Fault::Cut);
        assert_eq!(writer.close().unwrap().size, 5, "{after}");
        assert_eq!(get(&direct, &name).unwrap(), b"bytes");
        if relay.struck() == lost {
            break;
        }
        lost = relay.struck();
    }
    assert!(lost > 20, "{lost}");
    relay.heal();
    let again = put(&storage, "object1", b"other", WriteOptions::default()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict, "{again:?}");
    assert_eq!(get(&storage, "object1").unwrap(), b"bytes");
    assert_eq!(storage.leftovers("").unwrap(), []);
}

#[test]
fn a_read_that_is_cut_goes_on_where_it_was() {
    let Some(server) = storage_server("webdav") else { return };
    let (relay, storage, direct) = behind_relay(&server, "20s");
    put(&direct, "archive", &bytes(SIZE), replace()).unwrap();
    for after in [10, 10_000, 1_000_000, 20_000_000] {
        let struck = relay.struck();
        relay.after(From::Server, after, Fault::Cut);
        assert!(get(&storage, "archive").unwrap() == bytes(SIZE), "other bytes are read than were written");
        assert_eq!(relay.struck(), struck + 1, "{after}");
    }
    let struck = relay.struck();
    relay.after(From::Server, 1_000_000, Fault::Gone);
    let error = get(&storage, "archive").unwrap_err();
    assert_eq!((error.kind(), relay.struck()), (ErrorKind::Unreachable, struck + 1), "{error:?}");
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_not_mixed() {
    let Some(server) = storage_server("webdav") else { return };
    let (relay, storage, direct) = behind_relay(&server, "20s");
    put(&direct, "archive", &bytes(SIZE), replace()).unwrap();
    relay.after(From::Server, 10_000_000, Fault::Cut);
    let mut reader = storage.read(&key("archive"), None).unwrap();
    std::io::Read::read_exact(&mut reader, &mut [0; 1000]).unwrap();
    put(&direct, "archive", &vec![7; SIZE], replace()).unwrap();
    let failed = std::io::Read::read_to_end(&mut reader, &mut Vec::new()).unwrap_err();
    assert!(failed.to_string().contains("replaced while it was read"), "{failed}");
    assert_eq!(relay.struck(), 1);
}

#[test]
fn a_server_that_says_nothing_more_is_waited_for_no_longer_than_allowed() {
    let Some(server) = storage_server("webdav") else { return };
    let (relay, storage, direct) = behind_relay(&server, "1s");
    put(&storage, "archive", &bytes(SIZE), replace()).unwrap();
    relay.after(From::Server, 1, Fault::Hang);
    let error = storage.list("").unwrap_err();
    assert_eq!((error.kind(), relay.struck()), (ErrorKind::Timeout, 1), "{error:?}");
    assert!(error.is_retryable() && error.advice().unwrap().contains("`timeout`"));
    relay.heal();
    relay.after(From::Server, 1_000_000, Fault::Hang);
    let error = get(&storage, "archive").unwrap_err();
    assert_eq!((error.kind(), relay.struck()), (ErrorKind::Timeout, 2), "{error:?}");
    relay.heal();
    let mut writer = storage.begin_write(&key("other"), replace()).unwrap();
    relay.after(From::Client, 2_000_000, Fault::Hang);
    let error = writer.write(&bytes(SIZE)).and_then(|()| writer.close().map(drop)).unwrap_err();
    assert_eq!((error.kind(), relay.struck()), (ErrorKind::Timeout, 3), "{error:?}");
    relay.heal();
    assert_eq!(names(&direct), ["archive"]);
}

#[test]
fn what_the_server_refuses_is_told_with_what_to_do() {
    let Some(server) = storage_server("webdav") else { return };
    let proxy = Proxy::start(server.port);
    let storage = open(&settings(&server, proxy.port()));
    storage.check().unwrap();
    for (status, kind, advice) in [
        (401, ErrorKind::Denied, "password"),
        (403, ErrorKind::Denied, "allow the user"),
        (413, ErrorKind::Denied, "limit"),
        (423, ErrorKind::Conflict, "lock"),
        (301, ErrorKind::Configuration, "`address`"),
        (501, ErrorKind::Unsupported, "`address`"),
        (503, ErrorKind::Unreachable, "log"),
        (507, ErrorKind::NoSpace, "delete old backups"),
    ] {
        let mut writer = storage.begin_write(&key("archive"), replace()).unwrap();
        writer.write(b"bytes").unwrap();
        proxy.set(Answer::refuse(status, "", ""), u32::MAX);
        let error = writer.close().unwrap_err();
        assert_eq!(error.kind(), kind, "{status}: {error:?}");
        assert!(error.advice().unwrap().contains(advice) && proxy.happened() > 0, "{status}: {error:?}");
        let tried_again = proxy.happened() > 2;
        assert_eq!(tried_again, matches!(status, 423 | 503), "{status}: {}", proxy.happened());
        proxy.heal();
    }
    assert_eq!((names(&storage), storage.leftovers("").unwrap()), (vec![], vec![]));
}

#[test]
fn a_wrong_password_is_refused_and_not_shown() {
    let Some(server) = storage_server("webdav") else { return };
    let mut settings = settings(&server, server.port);
    settings["password"] = json!("a wrong word");
    let storage = open(&settings);
    for error in [
        storage.check().unwrap_err(),
        storage.list("").map(drop).unwrap_err(),
        storage.read(&key("a"), None).map(drop).unwrap_err(),
        put(&storage, "a", b"bytes", replace()).map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(error.advice().unwrap().contains("password") && !error.is_retryable(), "{error:?}");
        let shown = format!("{error:?} {:?}", error.chain());
        assert!(!shown.contains("a wrong word") && !shown.contains("Basic dT"), "{shown}");
    }
}

#[test]
fn a_folder_that_is_gone_is_not_a_storage_without_backups() {
    let Some(server) = storage_server("webdav") else { return };
    let storage = open(&settings(&server, server.port));
    for error in [
        storage.list("").map(drop).unwrap_err(),
        storage.stat(&key("a")).map(drop).unwrap_err(),
        storage.read(&key("a"), None).map(drop).unwrap_err(),
        storage.delete(&key("a")).unwrap_err(),
        storage.leftovers("a").map(drop).unwrap_err(),
        storage.space().map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    }
    storage.check().unwrap();
    assert_eq!((names(&storage), storage.space().unwrap()), (Vec::<String>::new(), None));
}

#[test]
fn where_nobody_listens_there_is_no_connection() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = open(&json!({ "address": format!("http://127.0.0.1:{free}/b") })).check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert!(error.is_retryable() && error.chain().concat().contains("refused"), "{error:?}");
}
