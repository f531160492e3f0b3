use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cadangkan_core::settings::{self, Field, FieldKind, mistake};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::channel::{ChannelDescriptor, TemplateKind};
use crate::line::{ALLOW_HTTP, CA_FILE, Line, Request};
use crate::text::cut;
use crate::words::{Speech, Words, as_it_is};
use crate::{Channel, EventKind, Message, Opened, Undelivered};

/// ntfy, at ntfy.sh or on a server of one's own.
///
/// <https://docs.ntfy.sh/publish/#publish-as-json>
pub(super) static NTFY: ChannelDescriptor = ChannelDescriptor {
    id: "ntfy",
    display_name: "ntfy",
    fields: &[
        Field {
            name: "topic",
            kind: FieldKind::Secret,
            required: true,
            default: None,
            help: "the topic; on a public server who knows it reads it",
        },
        Field {
            name: "server",
            kind: FieldKind::Text,
            required: false,
            default: Some(SERVER),
            help: "the server's URL",
        },
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: false,
            default: None,
            help: "an access token of the server",
        },
        Field {
            name: "user",
            kind: FieldKind::Text,
            required: false,
            default: None,
            help: "a user of the server, instead of a token",
        },
        Field {
            name: "password",
            kind: FieldKind::Secret,
            required: false,
            default: None,
            help: "the user's password",
        },
        CA_FILE,
        ALLOW_HTTP,
    ],
    hears: EventKind::TROUBLE,
    joins: true,
    template: Some(TemplateKind::Text),
    open,
};

const SERVER: &str = "https://ntfy.sh";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    topic: String,
    server: Option<String>,
    token: Option<String>,
    user: Option<String>,
    password: Option<String>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    allow_http: bool,
}

struct Ntfy {
    server: String,
    topic: String,
    authorization: Option<String>,
    line: Line,
    speech: Speech,
}

fn open(settings: &Value, template: Option<&str>) -> Opened {
    let written: Written = settings::parse(settings)?;
    let is_topic = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if written.topic.is_empty() || written.topic.len() > 64 || !written.topic.bytes().all(is_topic) {
        return Err(mistake("topic", "a topic has 1 to 64 letters, digits, `_` and `-`"));
    }
    let authorization = match (written.token, written.user, written.password) {
        (None, None, None) => None,
        (Some(token), None, None) => Some(format!("Bearer {token}")),
        (None, Some(user), Some(password)) => {
            Some(format!("Basic {}", BASE64.encode(format!("{user}:{password}"))))
        }
        _ => return Err(mistake("user", "give `token`, or `user` and `password`")),
    };
    let server = written.server.unwrap_or_else(|| SERVER.to_owned());
    let line = Line::new("server", &server, written.ca_file, written.allow_http)?;
    let words = Words { escape: as_it_is, bold: ("", ""), most: 3900 };
    let speech = Speech::new(words, template)?;
    Ok(Box::new(Ntfy { server, topic: written.topic, authorization, line, speech }))
}

impl Channel for Ntfy {
    fn send(&self, message: &Message, limit: Duration) -> Result<(), Undelivered> {
        let (priority, tag) = if message.is_trouble() { (4, "warning") } else { (3, "floppy_disk") };
        let body = json!({
            "topic": self.topic,
            "title": cut(&message.title(), 250),
            "message": self.speech.say_below_title(message),
            "priority": priority,
            "tags": [tag],
        });
        let mut request = Request::json(&self.server, &body);
        request
            .headers
            .extend(self.authorization.iter().map(|text| ("authorization".to_owned(), text.clone())));
        self.line.send_all(&[request], limit)
    }
}
