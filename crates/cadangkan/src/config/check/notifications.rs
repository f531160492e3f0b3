use cadangkan_core::Name;
use cadangkan_core::settings::{Field, FieldKind};
use cadangkan_notify::{ChannelDescriptor, EventKind};
use serde_json::Value;

use super::{Checker, keys};
use crate::config::mistake::Mistake;
use crate::config::node::{Content, Entry, Node};
use crate::config::notifications::{ChannelOptions, DeclaredChannel};
use crate::registry;
use crate::ui::suggest;

impl Checker<'_> {
    /// Reads one channel.
    pub(super) fn channel(&mut self, entry: &Entry) -> Option<DeclaredChannel> {
        let node = &entry.node;
        if !self.expect_map(node, &format!("the channel `{}`", entry.key)) {
            return None;
        }
        let ids: Vec<&str> = registry::CHANNELS.iter().map(|channel| channel.id).collect();
        let (chosen, id) = self.choose(entry, "channel", &ids, keys::CHANNEL_KEYS)?;
        let kind = registry::channel(id)?;
        let options: ChannelOptions = self.read_keys(node, keys::CHANNEL_KEYS)?;
        self.events(node, "on");
        self.digest(node, kind);
        self.template(node, kind);
        let open = |settings: &Value| (kind.open)(&standing_in(kind.fields, settings), None).map(drop);
        let settings = self.settings(chosen, kind.fields, &open);
        Some(DeclaredChannel {
            name: Name::new(entry.key.as_str()).ok()?,
            kind,
            settings: settings?,
            options,
        })
    }

    fn digest(&mut self, node: &Node, kind: &ChannelDescriptor) {
        if let Some(entry) = node.entry("digest").filter(|entry| !entry.node.is_null() && !kind.joins) {
            let message = format!("{} is told of each event by itself, without a digest", kind.display_name);
            self.mistake_at(&entry.node, message, Some("take `digest` out".to_owned()));
        }
    }

    /// Tries the template on a sample.
    fn template(&mut self, node: &Node, kind: &ChannelDescriptor) {
        let Some(entry) = node.entry("template").filter(|entry| !entry.node.is_null()) else { return };
        let Some(source) = entry.node.text() else { return };
        if let Err(error) = kind.check_template(source) {
            let hint = "docs/notifications.md has the names that can stand in it";
            let message = entry.node.hide_filled(format!("`template`: {error}"));
            self.mistake_at(&entry.node, message, Some(hint.to_owned()));
        }
    }

    /// Names words in a list that are no events.
    fn events(&mut self, node: &Node, key: &str) {
        let Some(entry) = node.entry(key) else { return };
        let Content::List(items) = &entry.node.content else { return };
        let words = || EventKind::ALL.iter().map(|kind| kind.as_str());
        for item in items {
            let Some(text) = item.text().filter(|text| !words().any(|word| word == *text)) else { continue };
            let near = suggest::nearest(text, words()).map(|near| format!("did you mean `{near}`?"));
            let hint =
                near.unwrap_or_else(|| format!("there is: {}", words().collect::<Vec<_>>().join(", ")));
            let written = item.written().unwrap_or_default();
            self.mistake_at(item, format!("`{written}` is no event"), Some(hint));
        }
    }

    /// Names channels in `notify` that are not there, and words that are no events.
    pub(super) fn notify(&mut self, node: &Node) {
        let Some(entry) = node.entry(keys::NOTIFY) else { return };
        if let Content::List(items) = &entry.node.content {
            for item in items {
                if let (Some(name), Some(written)) = (item.text(), item.written()) {
                    self.known_channel(item, name, written);
                }
            }
        }
        for item in entry.node.entries() {
            if self.channels.as_ref().is_some_and(|known| !known.contains(&item.key)) {
                let message = format!("there is no channel `{}`", item.key);
                let hint = self.channel_hint(&item.key);
                self.mistakes.push(Mistake::new(item.position, message).hint(hint));
            }
            self.events(&entry.node, &item.key);
        }
    }

    fn known_channel(&mut self, node: &Node, name: &str, written: &str) {
        if self.channels.as_ref().is_some_and(|known| !known.iter().any(|known| known == name)) {
            let hint = self.channel_hint(name);
            self.mistake_at(node, format!("there is no channel `{written}`"), Some(hint));
        }
    }

    fn channel_hint(&self, name: &str) -> String {
        let known = self.channels.as_deref().unwrap_or_default();
        match suggest::nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "add channels under `notifications:`".to_owned(),
            None => format!("there is: {}", known.join(", ")),
        }
    }
}

/// Puts something of the right form in the place of secrets that are elsewhere, or missing.
fn standing_in(fields: &[Field], settings: &Value) -> Value {
    let mut settings = settings.clone();
    for field in fields.iter().filter(|field| field.kind == FieldKind::Secret) {
        if let Some(value) = settings.get_mut(field.name).filter(|value| **value == "x") {
            *value = match field.name {
                name if name.ends_with("url") => Value::from("https://localhost"),
                "headers" => Value::from("x: x"),
                _ => Value::from("x"),
            };
        }
    }
    settings
}
