use std::collections::BTreeMap;
use std::fmt;

use cadangkan_core::Name;
use cadangkan_notify::{ChannelDescriptor, EventKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A channel that the file declares.
#[derive(Clone)]
pub(crate) struct DeclaredChannel {
    /// Its name.
    pub(crate) name: Name,
    /// What it is.
    pub(crate) kind: &'static ChannelDescriptor,
    /// The kind's settings, with absolute paths.
    pub(crate) settings: Value,
    /// What else was said of it.
    pub(crate) options: ChannelOptions,
}

/// What can be said of a channel, besides where it leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ChannelOptions {
    /// What it hears; `None`: what its kind usually does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on: Option<Vec<String>>,
    /// How often a backup fails, one after the other, before it hears of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after_failures: Option<u32>,
    /// What is said, in somebody's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) template: Option<String>,
    /// Whether it hears of everything at once, from time to time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Digest>,
}

/// How often a summary is sent, at eight in the morning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Digest {
    /// Every day.
    Daily,
    /// On Mondays.
    Weekly,
}

/// Without its settings, which may hold secrets.
impl fmt::Debug for DeclaredChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeclaredChannel").field("name", &self.name).finish_non_exhaustive()
    }
}

impl DeclaredChannel {
    /// What it hears where a database says nothing else. A digest is of everything.
    pub(crate) fn hears(&self) -> Vec<EventKind> {
        match (&self.options.on, self.options.digest) {
            (Some(words), _) => kinds(words),
            (None, Some(_)) => {
                EventKind::ALL.iter().copied().filter(|kind| *kind != EventKind::Started).collect()
            }
            (None, None) => self.kind.hears.to_vec(),
        }
    }
}

/// Who hears of a database: channels, with what they hear where that is something else than usually.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a list of channels, or a map of channels with lists of events")]
pub(crate) enum NotifySettings {
    /// These.
    Channels(Vec<Name>),
    /// These, with the words of events.
    Events(BTreeMap<Name, Vec<String>>),
}

impl NotifySettings {
    /// What a channel hears; `None`: nothing.
    pub(crate) fn hears(&self, channel: &DeclaredChannel) -> Option<Vec<EventKind>> {
        match self {
            NotifySettings::Channels(names) => names.contains(&channel.name).then(|| channel.hears()),
            NotifySettings::Events(map) => map.get(&channel.name).map(|words| kinds(words)),
        }
    }
}

/// Events by their words; those that are not known were refused when the file was read.
fn kinds(words: &[String]) -> Vec<EventKind> {
    EventKind::ALL.iter().copied().filter(|kind| words.iter().any(|word| word == kind.as_str())).collect()
}
