use std::time::Duration;

use cadangkan_core::settings::{Field, SettingsError};
use cadangkan_core::{Error, Timestamp};
use serde_json::Value;

use crate::{EventKind, Message, Template};

/// What the rest of the program knows of a kind of channel.
#[derive(Debug)]
pub struct ChannelDescriptor {
    /// The word that the configuration uses.
    pub id: &'static str,
    /// The name that people use.
    pub display_name: &'static str,
    /// What can be set.
    pub fields: &'static [Field],
    /// What it hears where nothing else is said.
    pub hears: &'static [EventKind],
    /// Whether several events can be told in one message; else each is told by itself, and there are no digests.
    pub joins: bool,
    /// What a template is for; `None` where there can be none.
    pub template: Option<TemplateKind>,
    /// Makes a channel out of settings and a template, without connecting.
    pub open: fn(&Value, Option<&str>) -> Opened,
}

impl ChannelDescriptor {
    /// Says what is wrong with a template.
    pub fn check_template(&self, source: &str) -> Result<(), String> {
        match self.template {
            Some(TemplateKind::Text) => Template::of_text(source, str::to_owned).map(drop),
            Some(TemplateKind::Json) => Template::of_json(source).map(drop),
            None => Err(format!("what {} is told has a form of its own", self.display_name)),
        }
    }
}

/// A channel, or what is wrong with its settings.
pub type Opened = Result<Box<dyn Channel>, SettingsError>;

/// What a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateKind {
    /// The text of a message.
    Text,
    /// The whole body of a request, in JSON.
    Json,
}

/// A way to people.
pub trait Channel: Send + Sync {
    /// Delivers a message, and returns once the other side has taken it. No wait in it, nor all of them together, is
    /// longer than `limit`. Neither the error nor anything else that is told holds a secret.
    fn send(&self, message: &Message, limit: Duration) -> Result<(), Undelivered>;
}

/// Why a message was not delivered.
#[derive(Debug)]
pub struct Undelivered {
    /// What to tell a person. It is retryable where it may pass by itself.
    pub error: Error,
    /// How long the other side asks to wait.
    pub wait: Option<Duration>,
}

impl From<Error> for Undelivered {
    fn from(error: Error) -> Self {
        Undelivered { error, wait: None }
    }
}

/// How long after a failure the next attempt is made: a minute, then twice as long each time, at most an hour; as long as
/// the other side asks for, and an hour where it refused for good, since somebody may correct that.
pub fn pause(attempts: u64, undelivered: &Undelivered) -> Duration {
    let hour = Duration::from_secs(3600);
    if !undelivered.error.is_retryable() {
        return hour;
    }
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(6);
    let usual = Duration::from_secs(60 << doublings).min(hour);
    usual.max(undelivered.wait.unwrap_or_default().min(hour))
}

/// How long delivery of an event is tried.
fn patience(kind: EventKind) -> Duration {
    match kind {
        EventKind::Started => Duration::from_secs(60),
        _ => Duration::from_secs(86_400),
    }
}

/// Tells whether an event that was to be told at a time is too old by now.
pub fn is_stale(kind: EventKind, due: Timestamp, now: Timestamp) -> bool {
    let waited = now.as_second().saturating_sub(due.as_second());
    u64::try_from(waited).is_ok_and(|waited| waited > patience(kind).as_secs())
}
