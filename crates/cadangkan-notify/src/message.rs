use std::fmt::Write as _;
use std::time::Duration;

use cadangkan_core::{Timestamp, format_bytes, format_duration};

use crate::Event;
use crate::text::cut;

/// As many events as are told of one by one; of more, these and the number of the others.
const SHOWN: usize = 20;
/// The most characters of one fact, so that one long error leaves room for the others.
pub(crate) const LONGEST_FACT: usize = 500;

/// What a channel is to say: one event, or several that are told together.
#[derive(Clone, Debug)]
pub struct Message {
    /// Why it is sent.
    pub purpose: Purpose,
    /// What it is about, oldest first; never empty, but for a test.
    pub events: Vec<Event>,
    /// When it is sent.
    pub at: Timestamp,
    /// The machine that sends it.
    pub host: String,
}

/// Why a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Something happened.
    Events,
    /// It was asked for, to see whether it arrives.
    Test,
    /// It is time for the summary.
    Digest,
}

/// A line of a message: what, and its value where it has one.
pub(crate) type Fact = (String, String);

impl Message {
    /// Whether somebody should look.
    pub fn is_trouble(&self) -> bool {
        self.events.iter().any(|event| event.kind.is_trouble())
    }

    /// One line that says all that matters.
    pub fn title(&self) -> String {
        let mark = if self.is_trouble() { "✗" } else { "✓" };
        match (self.purpose, self.events.as_slice()) {
            (Purpose::Test, _) => format!("This is a test from {}", cut(&self.host, 64)),
            (Purpose::Digest, events) => {
                let trouble = events.iter().filter(|event| event.kind.is_trouble()).count();
                format!("{mark} Backups: {} good, {trouble} to look at", events.len() - trouble)
            }
            (Purpose::Events, [event]) => {
                format!("{mark} {}: {}", cut(event.subject(), 200), event.headline())
            }
            (Purpose::Events, events) => format!("{mark} {}", joined(events)),
        }
    }

    /// The lines below the title.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        match (self.purpose, self.events.as_slice()) {
            (Purpose::Test, _) => {
                vec![(
                    String::new(),
                    "Nothing happened: somebody tries out whether messages arrive.".to_owned(),
                )]
            }
            (Purpose::Digest, events) => digest(events),
            (Purpose::Events, [event]) => facts_of(event),
            (Purpose::Events, events) => list(events),
        }
    }

    /// The whole as plain text.
    pub fn plain(&self) -> String {
        let mut text = self.title();
        for (name, value) in self.facts() {
            let _ =
                if name.is_empty() { write!(text, "\n{value}") } else { write!(text, "\n{name}: {value}") };
        }
        text
    }
}

/// What several events have in common, and whom they are about; of what is wrong only, where something is.
fn joined(all: &[Event]) -> String {
    let mut events: Vec<&Event> = all.iter().filter(|event| event.kind.is_trouble()).collect();
    if events.is_empty() {
        events = all.iter().collect();
    }
    let mut headlines: Vec<String> = events.iter().map(|event| event.headline()).collect();
    headlines.sort_unstable();
    headlines.dedup();
    let mut subjects: Vec<&str> = events.iter().map(|event| event.subject()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let named: Vec<_> = subjects.iter().take(5).map(|subject| cut(subject, 64)).collect();
    let more = subjects.len().saturating_sub(named.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    match headlines.as_slice() {
        [one] if subjects.len() == 1 => format!("{}: {one}", named.join(", ")),
        [one] => format!("{one} of {} databases: {}{more}", subjects.len(), named.join(", ")),
        _ => format!("{} events: {}{more}", events.len(), named.join(", ")),
    }
}

fn facts_of(event: &Event) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        facts.extend(value.map(|value| (name.to_owned(), cut(&value, LONGEST_FACT))));
    };
    add("", event.detail.clone());
    add("Error", event.error.as_ref().map(|error| error.message.clone()));
    add("Hint", event.error.as_ref().and_then(|error| error.hint.clone()));
    add("Backup", event.backup_id.clone());
    add("Size", event.size_bytes.map(format_bytes));
    add("Storages", (!event.storages.is_empty()).then(|| event.storages.join(", ")));
    add("Began", event.begun_at.map(moment));
    add("Took", event.seconds().map(|seconds| format_duration(Duration::from_secs(seconds))));
    add("Trigger", event.trigger.clone());
    add("Host", Some(event.host.clone()));
    add("Version", Some(event.version.clone()));
    facts
}

/// A line for each event, those to look at first.
fn list(events: &[Event]) -> Vec<Fact> {
    let (trouble, good): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.kind.is_trouble());
    let line = |event: &&Event| {
        let why = event.error.as_ref().map(|error| &error.message).or(event.detail.as_ref());
        let why = why.map(|why| format!(": {}", cut(why, LONGEST_FACT / 3))).unwrap_or_default();
        (cut(event.subject(), 200), format!("{}, {}{why}", event.headline(), moment(event.at)))
    };
    let mut facts: Vec<Fact> = trouble.iter().chain(&good).take(SHOWN).map(line).collect();
    if events.len() > SHOWN {
        facts.push((String::new(), format!("and {} more", events.len() - SHOWN)));
    }
    facts.extend(events.first().map(|event| ("Host".to_owned(), event.host.clone())));
    facts
}

/// How often what happened, then a line for each database that somebody should look at.
fn digest(events: &[Event]) -> Vec<Fact> {
    let mut facts = Vec::new();
    for kind in crate::EventKind::ALL {
        let count = events.iter().filter(|event| event.kind == *kind).count();
        if count > 0 {
            facts.push((kind.as_str().replace('_', " "), count.to_string()));
        }
    }
    if let (Some(first), Some(last)) = (events.first(), events.last()) {
        facts.push(("From".to_owned(), format!("{} to {}", moment(first.at), moment(last.at))));
    }
    let trouble: Vec<Event> = events.iter().filter(|event| event.kind.is_trouble()).cloned().collect();
    if !trouble.is_empty() {
        facts.extend(list(&trouble));
    }
    facts
}

/// A time as people read it, in UTC.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
