use cadangkan_core::ErrorKind;
use cadangkan_storage::{Backoff, Storage as _};
use cadangkan_storage_webdav::WebDav;
use cadangkan_testkit::proxy::{Fault as Answer, Proxy};
use cadangkan_testkit::relay::Relay;
use cadangkan_testkit::relayed::Relayed;
use cadangkan_testkit::storages::{StorageServer, storage_server};
use serde_json::json;

use crate::support::{QUICK, key, names, open, put, replace, settings};

/// Gives a storage behind a relay, and the same without one.
fn behind_relay(server: &StorageServer, timeout: &str, test: impl FnOnce(Relayed<'_>)) {
    let relay = Relay::to(server.port);
    let mut settings = settings(server, relay.port());
    settings["timeout"] = json!(timeout);
    // A server that has not noticed that an upload was cut keeps the file locked for some time.
    let storage = WebDav::open(&settings, Backoff { attempts: 10, ..QUICK }).unwrap();
    let url = settings["address"].as_str().unwrap();
    settings["address"] = json!(url.replace(&relay.port().to_string(), &server.port.to_string()));
    test(Relayed { relay: &relay, storage: &storage, straight: &open(&settings) });
}

#[test]
fn an_upload_that_is_cut_leaves_what_was_there() {
    let Some(server) = storage_server("webdav") else { return };
    behind_relay(&server, "20s", |relayed| {
        for error in relayed.an_upload_that_is_cut_leaves_what_was_there([1000, 3_000_000]) {
            assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
            assert!(error.is_retryable(), "{error:?}");
        }
    });
}

#[test]
fn a_server_that_is_gone_keeps_no_object_and_names_the_leftover() {
    let Some(server) = storage_server("webdav") else { return };
    behind_relay(&server, "20s", |relayed| {
        // Of what was cut the server may keep nothing.
        relayed.a_server_that_is_gone_keeps_no_object_and_names_the_leftover();
    });
}

#[test]
fn small_objects_and_questions_are_sent_again() {
    let Some(server) = storage_server("webdav") else { return };
    behind_relay(&server, "20s", |relayed| relayed.small_objects_and_questions_are_sent_again());
}

#[test]
fn a_lost_answer_is_no_conflict() {
    let Some(server) = storage_server("webdav") else { return };
    behind_relay(&server, "20s", |relayed| relayed.a_lost_answer_is_no_conflict(25, 21));
}

#[test]
fn a_read_that_is_cut_goes_on_where_it_was() {
    let Some(server) = storage_server("webdav") else { return };
    behind_relay(&server, "20s", |relayed| relayed.a_read_that_is_cut_goes_on_where_it_was());
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_not_mixed() {
    let Some(server) = storage_server("webdav") else { return };
    behind_relay(&server, "20s", |relayed| {
        relayed.an_object_that_is_replaced_while_it_is_read_is_not_mixed()
    });
}

#[test]
fn a_server_that_says_nothing_more_is_waited_for_no_longer_than_allowed() {
    let Some(server) = storage_server("webdav") else { return };
    behind_relay(&server, "1s", |relayed| {
        relayed.a_server_that_says_nothing_more_is_waited_for_no_longer_than_allowed()
    });
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
