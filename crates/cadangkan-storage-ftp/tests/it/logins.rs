use cadangkan_core::ErrorKind;
use cadangkan_storage::Storage as _;
use cadangkan_testkit::storages::storage_server;
use serde_json::json;

use crate::support::{bytes, get, implicit, key, names, open, put, replace, settings};

#[test]
fn a_wrong_password_is_refused_and_not_shown() {
    let Some(server) = storage_server("ftp") else { return };
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
        assert!(error.is_at_login(), "{error:?}");
        let shown = format!("{error:?} {:?}", error.chain());
        assert!(!shown.contains("a wrong word"), "{shown}");
    }
}

#[test]
fn tls_may_begin_with_the_first_byte() {
    let Some(server) = storage_server("ftp") else { return };
    let storage = open(&implicit(&server));
    storage.check().unwrap();
    let content = bytes(5 << 20);
    put(&storage, "a/b", &content, replace()).unwrap();
    assert!(get(&storage, "a/b").unwrap() == content, "other bytes are read than were written");
    assert_eq!(names(&storage), ["a/b"]);
}

#[test]
fn a_server_that_is_not_trusted_gets_no_password() {
    let Some(server) = storage_server("ftp") else { return };
    let mut of_system = settings(&server, server.port);
    of_system.as_object_mut().unwrap().remove("ca_file");
    let mut implicit = implicit(&server);
    implicit.as_object_mut().unwrap().remove("ca_file");
    for settings in [of_system, implicit] {
        let error = open(&settings).check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
        assert!(error.advice().unwrap().contains("`ca_file`") && !error.is_retryable(), "{error:?}");
    }
}

#[test]
fn what_the_server_does_not_speak_is_told() {
    let Some(server) = storage_server("ftp") else { return };
    let old = server.setting("old_port").parse().unwrap();
    let error = open(&settings(&server, old)).check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(error.advice().unwrap().contains("`tls: implicit`"), "{error:?}");
    // One that waits for TLS, and one that speaks when TLS is expected.
    let mut wrong = implicit(&server);
    wrong["tls"] = json!("none");
    wrong["timeout"] = json!("1s");
    let error = open(&wrong).check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.advice().unwrap().contains("`tls: implicit`"), "{error:?}");
    let mut wrong = settings(&server, server.port);
    wrong["tls"] = json!("implicit");
    let error = open(&wrong).check().unwrap_err();
    assert_eq!(error.message(), "the server does not speak TLS there", "{error:?}");
    assert!(error.advice().unwrap().contains("`tls`"), "{error:?}");
}

#[test]
fn folders_begin_at_the_root_or_where_the_login_does() {
    let Some(server) = storage_server("ftp") else { return };
    let relative = settings(&server, server.port);
    put(&open(&relative), "a/b", b"bytes", replace()).unwrap();
    let mut absolute = relative.clone();
    absolute["path"] = json!(format!("/{}/", relative["path"].as_str().unwrap()));
    assert_eq!(get(&open(&absolute), "a/b").unwrap(), b"bytes");
    let path = relative["path"].as_str().unwrap().replace(' ', "%20");
    assert!(open(&relative).location().ends_with(&format!("/~/{path}")), "{}", open(&relative).location());
}

#[test]
fn a_folder_that_is_gone_is_not_a_storage_without_backups() {
    let Some(server) = storage_server("ftp") else { return };
    let storage = open(&settings(&server, server.port));
    for error in [
        storage.list("").map(drop).unwrap_err(),
        storage.stat(&key("a")).map(drop).unwrap_err(),
        storage.read(&key("a"), None).map(drop).unwrap_err(),
        storage.delete(&key("a")).unwrap_err(),
        storage.leftovers("a").map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    }
    storage.check().unwrap();
    assert_eq!((names(&storage), storage.space().unwrap()), (Vec::<String>::new(), None));
}

#[test]
fn where_nobody_listens_there_is_no_connection() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = json!({ "host": "127.0.0.1", "port": free, "user": "u", "path": "b", "tls": "none" });
    let error = open(&settings).check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert!(error.is_retryable() && error.chain().concat().contains("refused"), "{error:?}");
}
