//! What each channel sends, to the letter.

use cadangkan_notify::{Event, EventKind, Message, Purpose};
use cadangkan_testkit::scripted::Scripted;
use serde_json::{Value, json};

use crate::support::{
    LIMIT, at, body, good, header, hostile, json_body, message, open, refused, test_message,
};

/// Sends messages, and returns the requests that came.
fn sent(
    id: &str,
    settings: impl Fn(&str) -> Value,
    template: Option<&str>,
    messages: &[Message],
    requests: usize,
) -> Vec<String> {
    let server = Scripted::start(vec![(200, String::new(), "ok".to_owned()); requests]);
    let channel = open(id, &settings(&server.url), template);
    for message in messages {
        channel.send(message, LIMIT).unwrap();
    }
    (0..requests).map(|_| server.request()).collect()
}

fn hook(url: &str) -> Value {
    json!({ "webhook_url": format!("{url}/hook/secret") })
}

fn three() -> [Message; 3] {
    [message(vec![hostile()]), message(vec![good()]), test_message()]
}

fn pretty(requests: &[String]) -> String {
    let one = |request: &String| format!("{}\n{:#}", request.lines().next().unwrap(), json_body(request));
    requests.iter().map(one).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn slack() {
    insta::assert_snapshot!(pretty(&sent("slack", hook, None, &three(), 3)));
}

#[test]
fn discord() {
    insta::assert_snapshot!(pretty(&sent("discord", hook, None, &three(), 3)));
}

#[test]
fn teams() {
    insta::assert_snapshot!(pretty(&sent("teams", hook, None, &three(), 3)));
}

#[test]
fn telegram() {
    let settings = |url: &str| json!({ "token": "12:ab-C_d", "chat_id": "-100", "api_url": url });
    insta::assert_snapshot!(pretty(&sent("telegram", settings, None, &three(), 3)));
}

#[test]
fn ntfy() {
    let settings = |url: &str| json!({ "topic": "ops", "server": url, "token": "tk_1" });
    let requests = sent("ntfy", settings, None, &three(), 3);
    assert_eq!(header(&requests[0], "authorization"), Some("Bearer tk_1"));
    insta::assert_snapshot!(pretty(&requests));
}

#[test]
fn pagerduty_opens_an_incident_and_ends_the_same_one() {
    let settings = |url: &str| json!({ "routing_key": "r0ut1ng", "url": format!("{url}/v2/enqueue") });
    let requests = sent("pagerduty", settings, None, &three(), 4);
    let of = |request: &String| {
        let body = json_body(request);
        (body["event_action"].as_str().unwrap().to_owned(), body["dedup_key"].as_str().unwrap().to_owned())
    };
    let all: Vec<_> = requests.iter().map(of).collect();
    assert_eq!(all[0].1, all[1].1);
    assert_eq!(
        all.iter().map(|(action, _)| action.as_str()).collect::<Vec<_>>(),
        ["trigger", "resolve", "trigger", "resolve"]
    );
    insta::assert_snapshot!(pretty(&requests[..2]));
}

#[test]
fn healthchecks_hear_begin_end_and_failure() {
    let started = Event::new(EventKind::Started, at("2026-01-15T02:00:00Z"), "db1", "1.2.3");
    let messages = [message(vec![started]), message(vec![hostile()]), message(vec![good()]), test_message()];
    let settings = |url: &str| json!({ "ping_url": format!("{url}/uuid") });
    let requests = sent("healthchecks", settings, None, &messages, 4);
    let lines: Vec<_> = requests.iter().map(|request| request.lines().next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "POST /uuid/start HTTP/1.1",
            "POST /uuid/fail HTTP/1.1",
            "POST /uuid HTTP/1.1",
            "POST /uuid/log HTTP/1.1"
        ]
    );
    insta::assert_snapshot!(body(&requests[1]));
}

#[test]
fn webhook() {
    let settings = |url: &str| json!({ "webhook_url": url, "headers": { "Authorization": "Bearer t", "X-Team": "ops" }, "secret": "whsec" });
    let requests = sent("webhook", settings, None, &[message(vec![hostile()])], 1);
    let request = &requests[0];
    assert_eq!(
        (header(request, "authorization"), header(request, "x-team")),
        (Some("Bearer t"), Some("ops"))
    );
    assert_eq!(header(request, "content-type"), Some("application/json"));
    // The signature is what `openssl` makes of the same.
    let signature = header(request, "x-cadangkan-signature").unwrap();
    let (time, tag) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    assert_eq!(time, at("2026-01-16T03:00:00Z").as_second().to_string());
    assert_eq!(tag, hmac(&format!("{time}.{}", body(request)), "whsec"));
    insta::assert_snapshot!(pretty(&requests));
}

fn hmac(text: &str, key: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text");
    std::fs::write(&file, text).unwrap();
    let mut command = std::process::Command::new("openssl");
    let output = command.args(["dgst", "-sha256", "-hmac", key, "-r"]).arg(&file).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn headers_may_be_lines_and_a_body_may_be_a_template() {
    let settings = |url: &str| json!({ "webhook_url": url, "headers": "X-One: 1\nContent-Type: application/x-custom\n" });
    let template = r#"{"msg": {{ text }}, "db": {{ database }}, "why": {{ error.message }}, "id": {{ backup_id }}, "all": {{ events|length }}}"#;
    let requests = sent("webhook", settings, Some(template), &[message(vec![hostile()])], 1);
    assert_eq!(header(&requests[0], "content-type"), Some("application/x-custom"));
    let body = json_body(&requests[0]);
    assert_eq!(body["db"], "shop");
    assert_eq!((&body["id"], &body["all"]), (&Value::Null, &json!(1)));
    assert_eq!(body["why"].as_str(), hostile().error.map(|error| error.message).as_deref());
}

#[test]
fn in_a_template_values_are_harmless_and_the_rest_is_as_it_was_written() {
    let template =
        "*{{ database }}* {% if is_trouble %}<!here>{% endif %}: {{ error.message }}{{ backup_id }}";
    let requests = sent("slack", hook, Some(template), &[message(vec![hostile()])], 1);
    let text = json_body(&requests[0])["text"].as_str().unwrap().replace('\u{200b}', "");
    assert!(text.starts_with("*shop* <!here>: &lt;!channel&gt; @everyone *bold*"), "{text}");
}

#[test]
fn a_template_with_a_mistake_is_refused_when_it_is_read() {
    for (id, template) in [
        ("slack", "{{ databas }}"),
        ("slack", "{{ database"),
        ("slack", "{% for x in range(10000000) %}{% endfor %}"),
        ("slack", "{% include 'other' %}"),
        ("webhook", r#"{"text": "{{ text }}"}"#),
        ("webhook", "not json"),
    ] {
        let settings = match id {
            "slack" => json!({ "webhook_url": "https://localhost/x" }),
            _ => json!({ "webhook_url": "https://localhost/x" }),
        };
        let why = refused(id, &settings, Some(template));
        assert!(why.starts_with("template: "), "{template}: {why}");
    }
}

#[test]
fn a_template_that_does_not_work_for_an_event_hides_nothing() {
    let template = "{% if backup_id %}{{ backup_id / 2 }}{% endif %}all is {{ event }}";
    let messages = [message(vec![hostile()]), message(vec![good()])];
    let requests = sent("slack", hook, Some(template), &messages, 2);
    assert_eq!(json_body(&requests[0])["text"], "all is failure");
    let text = json_body(&requests[1])["text"].as_str().unwrap().to_owned();
    assert!(text.contains("shop: Backup works again") && text.contains("2026-01-16-020000"), "{text}");
    assert!(text.contains("the template does not work: "), "{text}");
}

#[test]
fn a_template_may_go_through_many_events() {
    let template =
        r#"{"all": [{% for one in events %}{{ one.database }}, {{ one.error.message }}, {% endfor %}0]}"#;
    let many = message(vec![hostile(); 5000]);
    let settings = |url: &str| json!({ "webhook_url": url });
    let requests = sent("webhook", settings, Some(template), &[many], 1);
    assert_eq!(json_body(&requests[0])["all"].as_array().unwrap().len(), 10_001);
}

#[test]
fn of_several_events_the_title_has_those_that_are_wrong() {
    let mut other = hostile();
    (other.database, other.failures) = (Some("wiki".to_owned()), 2);
    let title = |events: Vec<Event>| message(events).title();
    let wiki = Event { failures: 0, ..other.clone() };
    assert_eq!(
        title(vec![good(), hostile(), wiki.clone(), hostile()]),
        "✗ Backup failed of 2 databases: shop, wiki"
    );
    assert_eq!(title(vec![good(), wiki.clone(), wiki]), "✗ wiki: Backup failed");
    assert_eq!(title(vec![good(), hostile(), other, good()]), "✗ 2 events: shop, wiki");
    assert_eq!(title(vec![good(), good()]), "✓ shop: Backup works again");
}

#[test]
fn no_message_is_longer_than_its_channel_takes() {
    let mut event = hostile();
    event.error.as_mut().unwrap().message = "& <日本> ".repeat(4000);
    event.detail = Some("_*~".repeat(5000));
    let many: Vec<Event> = (0..300)
        .map(|number| Event { database: Some(format!("database_{number}")), ..event.clone() })
        .collect();
    for (id, most) in [
        ("slack", 4000),
        ("discord", 2000),
        ("telegram", 4096),
        ("teams", 28_000),
        ("ntfy", 4096 + 512),
        ("healthchecks", 10_000),
    ] {
        let settings = |url: &str| match id {
            "telegram" => json!({ "token": "1:a", "chat_id": "1", "api_url": url }),
            "ntfy" => json!({ "topic": "ops", "server": url }),
            "healthchecks" => json!({ "ping_url": url }),
            _ => hook(url),
        };
        let requests = sent(id, settings, None, &[message(vec![event.clone()]), message(many.clone())], 2);
        for request in requests {
            let size = match id {
                "slack" | "telegram" => json_body(&request)["text"].as_str().unwrap().chars().count(),
                "discord" => json_body(&request)["content"].as_str().unwrap().chars().count(),
                _ => body(&request).len(),
            };
            assert!((200..=most).contains(&size), "{id}: {size}");
        }
    }
}

#[test]
fn several_events_are_one_message_that_names_them() {
    let many: Vec<Event> =
        (0..100).map(|number| Event { database: Some(format!("db{number}")), ..hostile() }).collect();
    let text = message(many.clone()).plain();
    assert!(
        text.starts_with("✗ Backup failed of 100 databases: db0, db1, db10, db11, db12 and 95 more\n"),
        "{text}"
    );
    assert!(text.contains("and 80 more"), "{text}");
    let digest = Message { purpose: Purpose::Digest, ..message([many, vec![good(); 7]].concat()) };
    let text = digest.plain();
    assert!(text.starts_with("✗ Backups: 7 good, 100 to look at\nfailure: 100\nrecovered: 7\n"), "{text}");
}

#[test]
fn settings_that_would_leak_or_lead_nowhere_are_refused() {
    let plain = "without TLS";
    for (id, settings, why) in [
        ("slack", json!({ "webhook_url": "http://elsewhere/x" }), plain),
        ("slack", json!({ "webhook_url": "ftp://elsewhere/x" }), "whole URL"),
        ("slack", json!({ "webhook_url": "https://user:pw@elsewhere/x" }), "without a login"),
        ("slack", json!({ "webhook_url": "hooks" }), "whole URL"),
        ("webhook", json!({ "webhook_url": "https://host", "headers": { "A b": "c" } }), "a header"),
        (
            "webhook",
            json!({ "webhook_url": "https://host", "headers": "Content-Length: 3" }),
            "set by the program",
        ),
        ("webhook", json!({ "webhook_url": "https://host", "headers": { "A": "b\r\nC: d" } }), "a header"),
        ("telegram", json!({ "token": "1:a/../b", "chat_id": "1" }), "a token"),
        ("telegram", json!({ "token": "1:a", "chat_id": "1", "api_url": "http://host" }), plain),
        ("ntfy", json!({ "topic": "a/b" }), "a topic"),
        ("ntfy", json!({ "topic": "a", "user": "b" }), "`user` and `password`"),
        ("healthchecks", json!({ "ping_url": "https://host/x?y" }), "question mark"),
        ("email", json!({ "host": "h", "from": "a@b", "to": "c@d\r\nDATA" }), "addresses"),
        ("email", json!({ "host": "h", "from": "a", "to": "c@d" }), "an address"),
        ("email", json!({ "host": "h", "from": "a@b", "to": [] }), "addresses"),
        (
            "email",
            json!({ "host": "mail.example", "from": "a@b", "to": "c@d", "tls": "none", "user": "u", "password": "p" }),
            "without TLS",
        ),
    ] {
        let said = refused(id, &settings, None);
        assert!(said.contains(why), "{id}: {said}");
        assert!(!said.contains("elsewhere") && !said.contains("/../"), "{said}");
    }
}
