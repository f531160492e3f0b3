use std::time::Duration;

use cadangkan_core::Timestamp;
use cadangkan_notify::{CHANNELS, Channel, ChannelDescriptor, Event, EventKind, Message, Problem, Purpose};
use serde_json::Value;

pub(crate) const LIMIT: Duration = Duration::from_secs(10);

pub(crate) fn kind(id: &str) -> &'static ChannelDescriptor {
    CHANNELS.iter().find(|channel| channel.id == id).unwrap()
}

pub(crate) fn open(id: &str, settings: &Value, template: Option<&str>) -> Box<dyn Channel> {
    match (kind(id).open)(settings, template) {
        Ok(channel) => channel,
        Err(error) => panic!("{id}: {error:?}"),
    }
}

pub(crate) fn refused(id: &str, settings: &Value, template: Option<&str>) -> String {
    match (kind(id).open)(settings, template) {
        Ok(_) => panic!("{id} takes {settings} {template:?}"),
        Err(error) => format!("{}: {}", error.path.join("."), error.message),
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A failure whose words try whatever channels understand.
pub(crate) fn hostile() -> Event {
    let mut event = Event::new(EventKind::Failure, at("2026-01-15T02:03:04Z"), "db1", "1.2.3");
    event.database = Some("shop".to_owned());
    event.run = Some("backup".to_owned());
    event.trigger = Some("daily".to_owned());
    event.begun_at = Some(at("2026-01-15T02:00:00Z"));
    event.storages = vec!["home".to_owned(), "cloud_eu".to_owned()];
    event.error = Some(Problem {
        code: "unreachable".to_owned(),
        message: "<!channel> @everyone *bold* _x_ `code` <b>&amp; [a](http://host)\r\nBcc: c@d\u{1b}[31m"
            .to_owned(),
        hint: Some("look at \"it\" \\ there".to_owned()),
    });
    event
}

pub(crate) fn good() -> Event {
    let mut event = Event::new(EventKind::Recovered, at("2026-01-16T02:03:04Z"), "db1", "1.2.3");
    event.database = Some("shop".to_owned());
    event.run = Some("backup".to_owned());
    event.backup_id = Some("2026-01-16-020000".to_owned());
    event.size_bytes = Some(123_456_789);
    event.failures = 2;
    event
}

pub(crate) fn message(events: Vec<Event>) -> Message {
    Message { purpose: Purpose::Events, events, at: at("2026-01-16T03:00:00Z"), host: "db1".to_owned() }
}

pub(crate) fn test_message() -> Message {
    Message { purpose: Purpose::Test, ..message(Vec::new()) }
}

/// The body of a request.
pub(crate) fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").unwrap().1
}

/// The body of a request, as JSON.
pub(crate) fn json_body(request: &str) -> Value {
    serde_json::from_str(body(request)).unwrap_or_else(|error| panic!("{error}: {request}"))
}

/// A header of a request.
pub(crate) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let head = request.split_once("\r\n\r\n").unwrap().0;
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
