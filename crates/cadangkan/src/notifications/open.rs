use std::time::Duration;

use cadangkan_core::settings::{FieldKind, SettingsError};
use cadangkan_core::{Error, ErrorKind, Result, ResultExt, Timestamp};
use cadangkan_notify::{Channel, Event, Message, Purpose, Undelivered};
use serde_json::Value;

use crate::app::{App, Session};
use crate::config::DeclaredChannel;
use crate::secrets::{Keyring, Owner, cut_out};

/// A channel with its secrets.
pub(crate) struct OpenChannel {
    channel: Box<dyn Channel>,
    secrets: Vec<String>,
}

impl OpenChannel {
    /// Fetches the secrets of a channel; nothing is connected.
    pub(crate) fn of(session: &Session, declared: &DeclaredChannel) -> Result<Self> {
        let fields = declared.kind.fields;
        let owner = Owner::channel(&declared.name);
        let settings = Keyring::of(session.home()).open(owner, fields, &declared.settings)?;
        let mut secrets = Vec::new();
        for field in fields.iter().filter(|field| field.kind == FieldKind::Secret) {
            collect(settings.get(field.name), &mut secrets);
        }
        let wrong = |error: SettingsError| {
            let key = error.path.join(".");
            Error::new(ErrorKind::Configuration, format!("`{key}`: {}", error.message))
        };
        let opened = (declared.kind.open)(&settings, declared.options.template.as_deref()).map_err(wrong);
        Ok(OpenChannel { channel: opened.context("channel", &declared.name)?, secrets })
    }

    /// Delivers a message. What others say of it is searched for secrets.
    pub(crate) fn send(&self, message: &Message, limit: Duration) -> Result<(), Undelivered> {
        self.channel.send(message, limit).map_err(|undelivered| Undelivered {
            error: without(&self.secrets, undelivered.error),
            wait: undelivered.wait,
        })
    }
}

/// Puts a message together that is sent now.
pub(crate) fn message(app: &App, purpose: Purpose, events: Vec<Event>, at: Timestamp) -> Message {
    Message { purpose, events, at, host: app.process.host.clone() }
}

/// The texts in a secret; of a URL or a header also what is secret in it.
fn collect(value: Option<&Value>, secrets: &mut Vec<String>) {
    match value {
        Some(Value::String(text)) => {
            let path =
                text.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
            let parts = text.split_whitespace();
            secrets.extend(path.into_iter().chain(parts).chain([text.as_str()]).map(str::to_owned));
        }
        Some(Value::Object(map)) => map.values().for_each(|value| collect(Some(value), secrets)),
        _ => {}
    }
}

fn without(secrets: &[String], error: Error) -> Error {
    let says = error.chain().join(": ");
    let clean = cut_out(secrets, &says);
    if clean == says {
        return error;
    }
    // What to do about it is said by ourselves.
    let cleaned = Error::new(error.kind(), clean);
    let cleaned = error.advice().map(str::to_owned).into_iter().fold(cleaned, Error::hint);
    if error.is_retryable() { cleaned.retryable() } else { cleaned }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_server_repeats_of_a_secret_is_not_told() {
        let mut secrets = Vec::new();
        collect(Some(&json!("https://elsewhere/services/T0/B0/abcdef")), &mut secrets);
        collect(Some(&json!({ "Authorization": "Bearer mArKeD", "X": "1" })), &mut secrets);
        let error = Error::new(ErrorKind::Denied, "no /services/T0/B0/abcdef for mArKeD").retryable();
        let clean = without(&secrets, error.hint("check it"));
        assert_eq!(clean.advice(), Some("check it"));
        assert_eq!(clean.message(), "no /*** for ***");
        assert!(clean.is_retryable());
        let other = Error::new(ErrorKind::Denied, "no").hint("look");
        assert_eq!(without(&secrets, other).advice(), Some("look"));
    }
}
