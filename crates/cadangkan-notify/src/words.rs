use cadangkan_core::settings::{SettingsError, mistake};

use crate::message::LONGEST_FACT;
use crate::text::{cut, whole_lines};
use crate::{Message, Template};

/// How a channel writes text.
pub(crate) struct Words {
    /// Makes a text of others harmless.
    pub(crate) escape: fn(&str) -> String,
    /// What stands before and after what is bold.
    pub(crate) bold: (&'static str, &'static str),
    /// The most bytes of a text.
    pub(crate) most: usize,
}

/// How a channel writes text, in somebody's own words where they are given.
pub(crate) struct Speech {
    words: Words,
    template: Option<Template>,
}

impl Speech {
    /// Reads the template.
    pub(crate) fn new(words: Words, template: Option<&str>) -> Result<Self, SettingsError> {
        let template = template.map(|source| Template::of_text(source, words.escape)).transpose();
        Ok(Speech { words, template: template.map_err(|error| mistake("template", &error))? })
    }

    /// Says a message, its title first.
    pub(crate) fn say(&self, message: &Message) -> String {
        let (open, close) = self.words.bold;
        let title = format!("{open}{}{close}", (self.words.escape)(&message.title()));
        self.in_own_words(message, |lines| lines.into_iter().fold(title, |text, line| text + "\n" + &line))
    }

    /// Says a message without its title.
    pub(crate) fn say_below_title(&self, message: &Message) -> String {
        self.in_own_words(message, |lines| lines.join("\n"))
    }

    /// Says a message by the template; in the usual words where there is none, or where it does not work for this message: what
    /// happened is told all the same.
    fn in_own_words(&self, message: &Message, usual: impl FnOnce(Vec<String>) -> String) -> String {
        let mut lines = self.lines(message);
        let text = match self.template.as_ref().map(|template| template.render(message)) {
            Some(Ok(text)) => text,
            Some(Err(error)) => {
                lines.push((self.words.escape)(&cut(error.message(), LONGEST_FACT)));
                usual(lines)
            }
            None => usual(lines),
        };
        whole_lines(&text, self.words.most)
    }

    fn lines(&self, message: &Message) -> Vec<String> {
        let (open, close) = self.words.bold;
        let escape = self.words.escape;
        let line = |(name, value): (String, String)| match name.as_str() {
            "" => escape(&value),
            name => format!("{open}{}:{close} {}", escape(name), escape(&value)),
        };
        message.facts().into_iter().map(line).collect()
    }
}

/// For channels that take text as it is.
pub(crate) fn as_it_is(text: &str) -> String {
    text.to_owned()
}
