//! E-mail to a server that others wrote, which says what it read of each message.

use cadangkan_core::ErrorKind;
use cadangkan_notify::Channel;
use cadangkan_testkit::storages::{StorageServer, storage_server};
use serde_json::{Value, json};

use crate::support::{LIMIT, hostile, message, open, test_message};

fn channel(server: &StorageServer, to: &str, more: &Value) -> Box<dyn Channel> {
    let mut settings = json!({
        "host": "localhost", "port": server.port, "from": "Bäckups <cadangkan@shop.example>", "to": to,
        "user": server.setting("user"), "password": server.setting("password"), "ca_file": server.setting("ca_file"),
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    open("email", &settings, None)
}

/// What the server read of what it got for somebody.
fn received(server: &StorageServer, to: &str) -> Vec<Value> {
    let files = std::fs::read_dir(server.setting("files")).unwrap();
    let files = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"));
    let all = files.map(|path| serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap());
    all.filter(|one| one["to"].as_array().unwrap().contains(&Value::from(to))).collect()
}

fn headers<'a>(message: &'a Value, name: &str) -> Vec<&'a str> {
    let all = message["headers"].as_array().unwrap().iter();
    all.filter(|header| header[0] == name).map(|header| header[1].as_str().unwrap()).collect()
}

/// An address that no other run of the tests has.
fn somebody(name: &str) -> String {
    format!("{name}-{}@shop.example", std::process::id())
}

#[test]
fn what_arrives_is_what_was_said_and_nothing_else() {
    let Some(server) = storage_server("smtp") else { return };
    let tls = json!({ "tls": "tls", "port": server.setting("tls_port").parse::<u16>().unwrap() });
    for (way, more) in [("starttls", json!({})), ("tls", tls)] {
        let to = somebody(way);
        channel(&server, &to, &more).send(&message(vec![hostile()]), LIMIT).unwrap();
        let [read] = &received(&server, &to)[..] else { panic!("not one message for {to}") };
        assert_eq!(read["from"], "cadangkan@shop.example");
        assert_eq!((&read["to"], &read["login"], &read["tls"]), (&json!([to]), &json!(true), &json!(true)));
        assert_eq!(read["defects"], json!([]), "{read}");
        assert_eq!(headers(read, "from"), ["Bäckups <cadangkan@shop.example>"]);
        assert_eq!((headers(read, "to"), headers(read, "bcc")), (vec![to.as_str()], vec![]));
        let [subject] = headers(read, "subject")[..] else { panic!("{read}") };
        assert!(subject.contains("shop") && !subject.contains('\n'), "{subject}");
        assert!(headers(read, "date").len() == 1 && headers(read, "message-id").len() == 1, "{read}");
        let text = read["parts"][0][1].as_str().unwrap();
        assert!(text.contains("Bcc: c@d") && text.contains("look at \"it\" \\ there"), "{text}");
    }
}

#[test]
fn a_mailbox_that_is_not_there_and_one_that_is_busy() {
    let Some(server) = storage_server("smtp") else { return };
    let nobody = somebody("nobody");
    let refused = channel(&server, &nobody, &json!({})).send(&test_message(), LIMIT).unwrap_err().error;
    assert!(!refused.is_retryable() && format!("{refused:?}").contains("no such mailbox"), "{refused:?}");
    let later = somebody("later");
    let busy = channel(&server, &later, &json!({}));
    let error = busy.send(&test_message(), LIMIT).unwrap_err().error;
    assert!(error.is_retryable() && format!("{error:?}").contains("try again later"), "{error:?}");
    busy.send(&test_message(), LIMIT).unwrap();
    assert_eq!((received(&server, &later).len(), received(&server, &nobody).len()), (1, 0));
}

#[test]
fn a_wrong_login_is_refused_and_without_tls_none_is_tried() {
    let Some(server) = storage_server("smtp") else { return };
    let to = somebody("intruder");
    let wrong = channel(&server, &to, &json!({ "password": "mArKeD-wrong" }));
    let error = wrong.send(&test_message(), LIMIT).unwrap_err().error;
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(!format!("{error:?} {:?}", error.advice()).contains("mArKeD-wrong"), "{error:?}");
    // The port where TLS is from the first byte on, in clear.
    let port = server.setting("tls_port").parse::<u16>().unwrap();
    let silent = channel(&server, &to, &json!({ "port": port }));
    assert!(silent.send(&test_message(), std::time::Duration::from_secs(2)).is_err());
    assert_eq!(received(&server, &to), Vec::<Value>::new());
}
