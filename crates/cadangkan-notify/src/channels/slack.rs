use serde_json::json;

use super::hook;
use crate::EventKind;
use crate::channel::{ChannelDescriptor, TemplateKind};
use crate::words::Words;

/// Slack, by an incoming webhook; Mattermost and Rocket.Chat take the same.
///
/// <https://docs.slack.dev/messaging/formatting-message-text>
pub(super) static SLACK: ChannelDescriptor = ChannelDescriptor {
    id: "slack",
    display_name: "Slack",
    fields: hook::FIELDS,
    hears: EventKind::TROUBLE,
    joins: true,
    template: Some(TemplateKind::Text),
    open: |settings, template| {
        let words = Words { escape, bold: ("*", "*"), most: 3900 };
        hook::open(settings, words, template, |_, text| json!({ "text": text, "unfurl_links": false }))
    },
};

/// `<!channel>`, links and mentions begin with `<`. For what makes bold, italic, struck and code there is no escape: it does
/// so only at the edge of a word, where an invisible mark between keeps it from that.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let in_word =
            before.is_alphanumeric() && characters.peek().is_some_and(|next| next.is_alphanumeric());
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '`' => escaped.push_str("\u{200b}`\u{200b}"),
            '*' | '_' | '~' if !in_word => escaped.extend(['\u{200b}', character, '\u{200b}']),
            other => escaped.push(other),
        }
        before = character;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_called_and_nothing_is_bold() {
        assert_eq!(escape("<!channel> <@U1> a&b"), "&lt;!channel&gt; &lt;@U1&gt; a&amp;b");
        assert_eq!(escape("my_shop_db"), "my_shop_db");
        assert_eq!(escape("*x* `y`").replace('\u{200b}', "|"), "|*|x|*| |`|y|`|");
    }
}
