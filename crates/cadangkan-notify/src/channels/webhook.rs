use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cadangkan_core::settings::{self, Field, FieldKind, SettingsError, mistake};
use http::{HeaderName, HeaderValue};
use ring::hmac;
use serde::Deserialize;
use serde_json::Value;

use crate::channel::{ChannelDescriptor, TemplateKind};
use crate::line::{ALLOW_HTTP, CA_FILE, Line, Request};
use crate::template::values;
use crate::{Channel, EventKind, Message, Opened, Template, Undelivered};

/// Any service that takes a POST: what happened as JSON, or a body by a template.
pub(super) static WEBHOOK: ChannelDescriptor = ChannelDescriptor {
    id: "webhook",
    display_name: "Webhook",
    fields: &[
        Field {
            name: "webhook_url",
            kind: FieldKind::Secret,
            required: true,
            default: None,
            help: "the URL that the request goes to",
        },
        Field {
            name: "headers",
            kind: FieldKind::Secret,
            required: false,
            default: None,
            help: "headers besides: a map, or lines such as `Authorization: Bearer …`",
        },
        Field {
            name: "secret",
            kind: FieldKind::Secret,
            required: false,
            default: None,
            help: "a secret that the body is signed with, so that the other side can tell who sent it",
        },
        CA_FILE,
        ALLOW_HTTP,
    ],
    hears: EventKind::TROUBLE,
    joins: true,
    template: Some(TemplateKind::Json),
    open,
};

/// The header of the signature: `t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>" in hexadecimal>`.
const SIGNATURE: &str = "x-cadangkan-signature";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    webhook_url: String,
    headers: Option<Headers>,
    secret: Option<String>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    allow_http: bool,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a map of text, or lines of text")]
enum Headers {
    Lines(String),
    Map(BTreeMap<String, String>),
}

struct Webhook {
    url: String,
    headers: Vec<(String, String)>,
    key: Option<hmac::Key>,
    line: Line,
    template: Option<Template>,
}

fn open(settings: &Value, template: Option<&str>) -> Opened {
    let written: Written = settings::parse(settings)?;
    let template = template.map(Template::of_json).transpose();
    Ok(Box::new(Webhook {
        line: Line::new("webhook_url", &written.webhook_url, written.ca_file, written.allow_http)?,
        url: written.webhook_url,
        headers: headers(written.headers)?,
        key: written.secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())),
        template: template.map_err(|error| mistake("template", &error))?,
    }))
}

fn headers(written: Option<Headers>) -> Result<Vec<(String, String)>, SettingsError> {
    let wrong = || mistake("headers", "a header is a name and a value of printable letters: `Name: value`");
    let pairs: Vec<(String, String)> = match written {
        None => Vec::new(),
        Some(Headers::Map(map)) => map.into_iter().collect(),
        Some(Headers::Lines(text)) => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let pair = |line: &str| {
                let (name, value) = line.split_once(':').ok_or_else(wrong)?;
                Ok((name.trim().to_owned(), value.trim().to_owned()))
            };
            lines.map(pair).collect::<Result<_, SettingsError>>()?
        }
    };
    for (name, value) in &pairs {
        let (name, _) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>().map_err(|_| wrong())?);
        if ["content-length", "transfer-encoding", "host", SIGNATURE]
            .contains(&name.map_err(|_| wrong())?.as_str())
        {
            return Err(mistake("headers", "this header is set by the program"));
        }
    }
    Ok(pairs)
}

impl Webhook {
    fn request(&self, message: &Message) -> cadangkan_core::Result<Request> {
        let body = match &self.template {
            Some(template) => template.render(message)?,
            None => values(message).to_string(),
        };
        let mut headers = self.headers.clone();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        if let Some(key) = &self.key {
            let time = message.at.as_second();
            let tag = hmac::sign(key, format!("{time}.{body}").as_bytes());
            let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            headers.push((SIGNATURE.to_owned(), format!("t={time},v1={tag}")));
        }
        Ok(Request { url: self.url.clone(), headers, body: body.into_bytes() })
    }
}

impl Channel for Webhook {
    fn send(&self, message: &Message, limit: Duration) -> Result<(), Undelivered> {
        self.line.send_all(&[self.request(message)?], limit)
    }
}
