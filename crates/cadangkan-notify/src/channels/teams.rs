use serde_json::json;

use super::hook;
use crate::EventKind;
use crate::channel::{ChannelDescriptor, TemplateKind};
use crate::words::{Words, as_it_is};

/// Microsoft Teams, by a workflow that takes adaptive cards. Its text is in runs, which know no Markdown.
///
/// <https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook>
pub(super) static TEAMS: ChannelDescriptor = ChannelDescriptor {
    id: "teams",
    display_name: "Microsoft Teams",
    fields: hook::FIELDS,
    hears: EventKind::TROUBLE,
    joins: true,
    template: Some(TemplateKind::Text),
    open: |settings, template| {
        // A card may have 28 KiB, and a letter may become six bytes in JSON.
        let words = Words { escape: as_it_is, bold: ("", ""), most: 4000 };
        hook::open(settings, words, template, |message, text| {
            let line = |(number, line): (usize, &str)| {
                let weight = if number == 0 { "bolder" } else { "default" };
                json!({ "type": "RichTextBlock", "spacing": "small", "inlines": [{ "type": "TextRun", "text": line, "weight": weight }] })
            };
            json!({
                "type": "message",
                "summary": message.title(),
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "content": {
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "type": "AdaptiveCard",
                        "version": "1.2",
                        "body": text.lines().enumerate().map(line).collect::<Vec<_>>(),
                    },
                }],
            })
        })
    },
};
