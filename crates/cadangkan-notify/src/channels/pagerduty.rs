use std::path::PathBuf;
use std::time::Duration;

use cadangkan_core::settings::{self, Field, FieldKind, mistake};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::channel::ChannelDescriptor;
use crate::line::{ALLOW_HTTP, CA_FILE, Line, Request};
use crate::message::Purpose;
use crate::template::of_event;
use crate::text::cut;
use crate::{Channel, Event, EventKind, Message, Opened, Undelivered};

/// PagerDuty: an incident for each database, which is over once its backup works again.
///
/// <https://developer.pagerduty.com/docs/events-api-v2-overview>
pub(super) static PAGERDUTY: ChannelDescriptor = ChannelDescriptor {
    id: "pagerduty",
    display_name: "PagerDuty",
    fields: &[
        Field {
            name: "routing_key",
            kind: FieldKind::Secret,
            required: true,
            default: None,
            help: "the integration key of a service, for Events API v2",
        },
        Field {
            name: "url",
            kind: FieldKind::Text,
            required: false,
            default: Some(URL),
            help: "where events go; https://events.eu.pagerduty.com/v2/enqueue in Europe",
        },
        CA_FILE,
        ALLOW_HTTP,
    ],
    hears: EventKind::TROUBLE,
    joins: false,
    template: None,
    open,
};

const URL: &str = "https://events.pagerduty.com/v2/enqueue";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    routing_key: String,
    url: Option<String>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    allow_http: bool,
}

struct PagerDuty {
    key: String,
    url: String,
    line: Line,
}

fn open(settings: &Value, _template: Option<&str>) -> Opened {
    let written: Written = settings::parse(settings)?;
    if written.routing_key.is_empty() {
        return Err(mistake("routing_key", "the key is empty"));
    }
    let url = written.url.unwrap_or_else(|| URL.to_owned());
    let line = Line::new("url", &url, written.ca_file, written.allow_http)?;
    Ok(Box::new(PagerDuty { key: written.routing_key, url, line }))
}

impl PagerDuty {
    fn requests(&self, message: &Message) -> Vec<Request> {
        let (host, at) = (&message.host, message.at);
        if message.purpose == Purpose::Test {
            // An incident that is over at once.
            let key = format!("cadangkan:{}:test", cut(host, 64));
            let payload =
                json!({ "summary": message.title(), "source": host, "severity": "info", "timestamp": at });
            return ["trigger", "resolve"].map(|action| self.request(action, &key, Some(&payload))).to_vec();
        }
        message.events.iter().map(|event| self.of_event(event, message)).collect()
    }

    fn of_event(&self, event: &Event, message: &Message) -> Request {
        let run = event.run.as_deref().unwrap_or("backup");
        let key = cut(&format!("cadangkan:{}:{run}:{}", cut(&event.host, 64), event.subject()), 255);
        if !event.kind.is_trouble() {
            return self.request("resolve", &key, None);
        }
        let severity = match event.kind {
            EventKind::Failure | EventKind::Missed => "error",
            _ => "warning",
        };
        let one = Message { events: vec![event.clone()], ..message.clone() };
        let payload = json!({
            "summary": cut(&format!("{}: {}", event.subject(), event.headline()), 1024),
            "source": event.host,
            "severity": severity,
            "timestamp": event.at,
            "component": event.database,
            "custom_details": { "text": one.plain(), "facts": of_event(event) },
        });
        self.request("trigger", &key, Some(&payload))
    }

    fn request(&self, action: &str, key: &str, payload: Option<&Value>) -> Request {
        let mut body = json!({ "routing_key": self.key, "event_action": action, "dedup_key": key });
        if let (Some(payload), Value::Object(map)) = (payload, &mut body) {
            map.insert("payload".to_owned(), payload.clone());
            map.insert("client".to_owned(), json!("Cadangkan"));
        }
        Request::json(&self.url, &body)
    }
}

impl Channel for PagerDuty {
    fn send(&self, message: &Message, limit: Duration) -> Result<(), Undelivered> {
        self.line.send_all(&self.requests(message), limit)
    }
}
