use std::path::PathBuf;
use std::time::Duration;

use cadangkan_core::settings::{self, Field, FieldKind, mistake};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::channel::{ChannelDescriptor, TemplateKind};
use crate::line::{ALLOW_HTTP, CA_FILE, Line, Request};
use crate::words::{Speech, Words};
use crate::{Channel, EventKind, Message, Opened, Undelivered};

/// Telegram, by a bot.
///
/// <https://core.telegram.org/bots/api#sendmessage>
pub(super) static TELEGRAM: ChannelDescriptor = ChannelDescriptor {
    id: "telegram",
    display_name: "Telegram",
    fields: &[
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: true,
            default: None,
            help: "the bot's token, from @BotFather",
        },
        Field {
            name: "chat_id",
            kind: FieldKind::Text,
            required: true,
            default: None,
            help: "the chat, in quotes: a number, or @name of a public channel",
        },
        Field {
            name: "api_url",
            kind: FieldKind::Text,
            required: false,
            default: Some(API),
            help: "a Bot API server of one's own",
        },
        CA_FILE,
        ALLOW_HTTP,
    ],
    hears: EventKind::TROUBLE,
    joins: true,
    template: Some(TemplateKind::Text),
    open,
};

const API: &str = "https://api.telegram.org";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    token: String,
    chat_id: String,
    api_url: Option<String>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    allow_http: bool,
}

struct Telegram {
    url: String,
    chat: String,
    line: Line,
    speech: Speech,
}

fn open(settings: &Value, template: Option<&str>) -> Opened {
    let written: Written = settings::parse(settings)?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-');
    if written.token.is_empty() || !written.token.bytes().all(is_token) {
        return Err(mistake("token", "a token is a number, a colon, and letters"));
    }
    let api = written.api_url.unwrap_or_else(|| API.to_owned());
    let line = Line::new("api_url", &api, written.ca_file, written.allow_http)?;
    let url = format!("{}/bot{}/sendMessage", api.trim_end_matches('/'), written.token);
    // The limit is 4096 characters without the marks.
    let words = Words { escape, bold: ("<b>", "</b>"), most: 4000 };
    Ok(Box::new(Telegram { url, chat: written.chat_id, line, speech: Speech::new(words, template)? }))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Channel for Telegram {
    fn send(&self, message: &Message, limit: Duration) -> Result<(), Undelivered> {
        let body = json!({
            "chat_id": self.chat,
            "text": self.speech.say(message),
            "parse_mode": "HTML",
            "link_preview_options": { "is_disabled": true },
            "disable_notification": !message.is_trouble(),
        });
        self.line.send_all(&[Request::json(&self.url, &body)], limit)
    }
}
