//! E-mail over the real protocol.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cadangkan_core::ErrorKind;
use cadangkan_notify::{Channel, Undelivered};
use serde_json::{Value, json};

use crate::mail_server::{Behaviour, MailServer, ca_file};
use crate::support::{LIMIT, hostile, message, open, test_message};

const PASSWORD: &str = "mArKeD-mAiL-91c2";

fn channel(port: u16, more: &Value) -> Box<dyn Channel> {
    let mut settings = json!({
        "host": "localhost", "port": port, "from": "Bäckups <cadangkan@shop.example>",
        "to": "ops@shop.example, boss@shop.example", "user": "mailer", "password": PASSWORD, "ca_file": ca_file(),
    });
    for (key, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(settings.as_object_mut().unwrap().shift_remove(key)),
            value => settings[key] = value.clone(),
        }
    }
    open("email", &settings, None)
}

fn failure(behaviour: Behaviour, limit: Duration) -> Undelivered {
    let server = MailServer::start(behaviour);
    let undelivered = channel(server.port, &json!({})).send(&message(vec![hostile()]), limit).unwrap_err();
    let told = format!("{:?} {:?}", undelivered.error, undelivered.error.advice());
    assert!(!told.contains(PASSWORD) && !told.contains(&BASE64.encode(PASSWORD)), "{told}");
    undelivered
}

#[test]
fn a_message_goes_encrypted_with_a_login_and_cannot_add_headers() {
    let server = MailServer::start(Behaviour::Good);
    channel(server.port, &json!({})).send(&message(vec![hostile()]), LIMIT).unwrap();
    let heard = server.heard();
    let begin: Vec<_> = heard.iter().take(7).map(String::as_str).collect();
    assert_eq!(
        begin,
        [
            "EHLO [127.0.0.1]",
            "STARTTLS",
            "EHLO [127.0.0.1]",
            &format!("AUTH PLAIN |mailer|{PASSWORD}"),
            "MAIL FROM:<cadangkan@shop.example>",
            "RCPT TO:<ops@shop.example>",
            "RCPT TO:<boss@shop.example>",
        ]
    );
    let empty = heard.iter().position(String::is_empty).unwrap();
    let headers = heard[8..empty].join("\n");
    insta::assert_snapshot!(headers);
    let body: String = heard[empty..].iter().filter(|line| *line != "QUIT").map(String::as_str).collect();
    let body = String::from_utf8(BASE64.decode(body).unwrap()).unwrap();
    insta::assert_snapshot!(body.replace("\r\n", "\n"));
}

#[test]
fn other_ways_to_log_in_and_to_encrypt() {
    let server = MailServer::start(Behaviour::Login);
    channel(server.port, &json!({})).send(&test_message(), LIMIT).unwrap();
    let heard = server.heard();
    assert_eq!(heard[3..6], ["AUTH LOGIN", "AUTH mailer", &format!("AUTH {PASSWORD}")]);

    let server = MailServer::start(Behaviour::Tls);
    channel(server.port, &json!({ "tls": "tls" })).send(&test_message(), LIMIT).unwrap();
    assert!(server.heard().iter().any(|line| line.contains("Subject: ") && line.contains("test")));

    let server = MailServer::start(Behaviour::Plain);
    let plain = json!({ "tls": "none", "user": null, "password": null });
    channel(server.port, &plain).send(&test_message(), LIMIT).unwrap();
    assert_eq!(server.heard()[1], "MAIL FROM:<cadangkan@shop.example>");
}

#[test]
fn nothing_secret_is_said_before_tls() {
    let server = MailServer::start(Behaviour::Plain);
    let undelivered = channel(server.port, &json!({})).send(&test_message(), LIMIT).unwrap_err();
    assert_eq!(undelivered.error.message(), "the server has no TLS on this port");
    assert_eq!(server.heard().len(), 1);

    let error = failure(Behaviour::Injects, LIMIT).error;
    assert!(error.message().contains("more before TLS than it may"), "{error:?}");

    let server = MailServer::start(Behaviour::Good);
    let other = channel(server.port, &json!({ "ca_file": null }));
    let untrusted = other.send(&test_message(), LIMIT).unwrap_err().error;
    assert_eq!(untrusted.message(), "the server's certificate is not trusted", "{untrusted:?}");
    let server = MailServer::start(Behaviour::Good);
    let other = channel(server.port, &json!({ "host": "127.0.0.1" }));
    let wrong_name = other.send(&test_message(), LIMIT).unwrap_err().error;
    assert_eq!(wrong_name.message(), "the server's certificate is not trusted", "{wrong_name:?}");
}

#[test]
fn refusals_say_what_the_server_said() {
    for (command, says, passes, expected) in [
        ("CONNECT", "421 busy", true, "421 busy"),
        ("EHLO", "502 no", false, "502 no"),
        ("AUTH", "535-5.7.8 wrong\r\n535 login", false, "535 5.7.8 wrong login"),
        ("MAIL", "451 later", true, "451 later"),
        ("DATA", "554 no", false, "554 no"),
        ("CONTENT", "552 too large", false, "552 too large"),
        ("CONTENT", "450 greylisted\u{1b}[2J", true, "450 greylisted\u{fffd}[2J"),
        ("EHLO", "what", false, "no mail server"),
    ] {
        let error = failure(Behaviour::Says(command, says), LIMIT).error;
        assert!(error.to_string().contains(expected), "{command}: {error:?}");
        assert_eq!(error.is_retryable(), passes, "{command}: {error:?}");
    }
}

#[test]
fn one_dead_address_keeps_nobody_from_the_news_but_a_test_names_it() {
    let dead = Behaviour::Says("RCPT", "550 no such user");
    assert!(failure(dead, LIMIT).error.to_string().contains("recipient: boss@shop.example"));
    let server = MailServer::start(dead);
    let said = channel(server.port, &json!({})).send(&test_message(), LIMIT).unwrap_err().error.to_string();
    assert!(said.contains("550 no such user") && said.contains("recipient: ops@shop.example"), "{said}");
}

#[test]
fn servers_that_cut_hang_drip_or_never_end_are_left_in_time() {
    for at in ["CONNECT", "EHLO", "STARTTLS", "AUTH", "RCPT", "CONTENT"] {
        let error = failure(Behaviour::Cuts(at), LIMIT).error;
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unreachable, true), "{at}: {error:?}");
    }
    let limit = Duration::from_secs(1);
    for behaviour in [
        Behaviour::Hangs("CONNECT"),
        Behaviour::Hangs("STARTTLS"),
        Behaviour::Hangs("AUTH"),
        Behaviour::Hangs("CONTENT"),
        Behaviour::Drips,
    ] {
        let begun = Instant::now();
        let error = failure(behaviour, limit).error;
        assert!(begun.elapsed() < Duration::from_secs(8), "{behaviour:?}");
        assert_eq!(
            (error.kind(), error.is_retryable()),
            (ErrorKind::Timeout, true),
            "{behaviour:?}: {error:?}"
        );
    }
    assert_eq!(failure(Behaviour::Endless, LIMIT).error.message(), "the mail server does not come to an end");
}
