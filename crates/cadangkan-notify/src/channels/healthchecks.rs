use std::path::PathBuf;
use std::time::Duration;

use cadangkan_core::settings::{self, Field, FieldKind, mistake};
use serde::Deserialize;
use serde_json::Value;

use crate::channel::ChannelDescriptor;
use crate::line::{ALLOW_HTTP, CA_FILE, Line, Request};
use crate::text::whole_lines;
use crate::{Channel, EventKind, Message, Opened, Undelivered};

/// Healthchecks and what takes the same pings: it is told when a run begins, that it went well or that it failed, and
/// calls somebody when it hears nothing.
///
/// <https://healthchecks.io/docs/http_api/>
pub(super) static HEALTHCHECKS: ChannelDescriptor = ChannelDescriptor {
    id: "healthchecks",
    display_name: "Healthchecks",
    fields: &[
        Field {
            name: "ping_url",
            kind: FieldKind::Secret,
            required: true,
            default: None,
            help: "the URL of one check, such as https://hc-ping.com/<uuid>",
        },
        CA_FILE,
        ALLOW_HTTP,
    ],
    hears: &[
        EventKind::Started,
        EventKind::Success,
        EventKind::Recovered,
        EventKind::Failure,
        EventKind::Partial,
        EventKind::Missed,
        EventKind::Suspect,
        EventKind::Interrupted,
    ],
    joins: false,
    template: None,
    open,
};

/// The most bytes of a body.
const LONGEST_BODY: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    ping_url: String,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    allow_http: bool,
}

struct Healthchecks {
    /// Without a slash at its end.
    url: String,
    line: Line,
}

fn open(settings: &Value, _template: Option<&str>) -> Opened {
    let written: Written = settings::parse(settings)?;
    if written.ping_url.contains(['?', '#']) {
        return Err(mistake("ping_url", "the URL of a check has nothing behind a question mark"));
    }
    let line = Line::new("ping_url", &written.ping_url, written.ca_file, written.allow_http)?;
    Ok(Box::new(Healthchecks { url: written.ping_url.trim_end_matches('/').to_owned(), line }))
}

impl Healthchecks {
    fn request(&self, message: &Message) -> Request {
        let path = match message.events.last().map(|event| event.kind) {
            // A test tells nothing of a run.
            None | Some(EventKind::LowSpace | EventKind::Verification | EventKind::Restore) => "/log",
            Some(EventKind::Started) => "/start",
            Some(EventKind::Success | EventKind::Recovered) => "",
            Some(_) => "/fail",
        };
        Request {
            url: format!("{}{path}", self.url),
            headers: vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())],
            body: whole_lines(&message.plain(), LONGEST_BODY).into_bytes(),
        }
    }
}

impl Channel for Healthchecks {
    fn send(&self, message: &Message, limit: Duration) -> Result<(), Undelivered> {
        self.line.send_all(&[self.request(message)], limit)
    }
}
