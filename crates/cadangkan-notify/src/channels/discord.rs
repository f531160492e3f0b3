use serde_json::json;

use super::hook;
use crate::EventKind;
use crate::channel::{ChannelDescriptor, TemplateKind};
use crate::words::Words;

/// Discord, by a webhook of a channel. Mentions are switched off as a whole, whatever stands in the text.
///
/// <https://discord.com/developers/docs/resources/webhook#execute-webhook>
pub(super) static DISCORD: ChannelDescriptor = ChannelDescriptor {
    id: "discord",
    display_name: "Discord",
    fields: hook::FIELDS,
    hears: EventKind::TROUBLE,
    joins: true,
    template: Some(TemplateKind::Text),
    open: |settings, template| {
        let words = Words { escape, bold: ("**", "**"), most: 2000 };
        hook::open(
            settings,
            words,
            template,
            |_, text| json!({ "content": text, "allowed_mentions": { "parse": [] } }),
        )
    },
};

/// A backslash before whatever Markdown or a mention is made of.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if "\\*_~`|>#-[]()<@:".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
