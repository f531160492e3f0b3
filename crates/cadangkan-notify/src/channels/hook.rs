//! What services have in common that give out a secret URL, to which a body of JSON is sent.

use std::path::PathBuf;
use std::time::Duration;

use cadangkan_core::settings::{self, Field, FieldKind};
use serde::Deserialize;
use serde_json::Value;

use crate::line::{ALLOW_HTTP, CA_FILE, Line, Request};
use crate::words::{Speech, Words};
use crate::{Channel, Message, Opened, Undelivered};

/// What can be set.
pub(super) const FIELDS: &[Field] = &[
    Field {
        name: "webhook_url",
        kind: FieldKind::Secret,
        required: true,
        default: None,
        help: "the URL that the service gave for this channel; who knows it can send there",
    },
    CA_FILE,
    ALLOW_HTTP,
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    webhook_url: String,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    allow_http: bool,
}

/// A secret URL, how its service writes text, and the body that it takes.
pub(super) struct Hook {
    url: String,
    line: Line,
    speech: Speech,
    body: fn(&Message, &str) -> Value,
}

/// Makes one out of settings.
pub(super) fn open(
    settings: &Value,
    words: Words,
    template: Option<&str>,
    body: fn(&Message, &str) -> Value,
) -> Opened {
    let written: Written = settings::parse(settings)?;
    let line = Line::new("webhook_url", &written.webhook_url, written.ca_file, written.allow_http)?;
    Ok(Box::new(Hook { url: written.webhook_url, line, speech: Speech::new(words, template)?, body }))
}

impl Channel for Hook {
    fn send(&self, message: &Message, limit: Duration) -> Result<(), Undelivered> {
        let text = self.speech.say(message);
        self.line.send_all(&[Request::json(&self.url, &(self.body)(message, &text))], limit)
    }
}
