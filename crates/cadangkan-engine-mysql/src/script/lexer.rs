//! The words of one statement.

use std::borrow::Cow;

/// A word, a quoted text or a single character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a [u8],
    /// Where it begins.
    pub(crate) begin: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

impl<'a> Token<'a> {
    /// Tells whether it is a keyword.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Tells whether it is this character.
    pub(crate) fn is_char(&self, character: u8) -> bool {
        self.text == [character]
    }

    /// Whether it is quoted in any way.
    pub(crate) fn is_quoted(&self) -> bool {
        matches!(self.text.first(), Some(b'\'' | b'"' | b'`'))
    }

    /// Whether it can be a name: a word, or a text in backticks or double quotes.
    pub(crate) fn is_name(&self) -> bool {
        self.text.first().is_some_and(|first| is_word(*first) || matches!(first, b'`' | b'"'))
    }

    /// What it names, without quotes; bytes that are not UTF-8 are replaced.
    pub(crate) fn name(&self) -> String {
        let Some(quote) = self.text.first().filter(|_| self.is_quoted()) else {
            return String::from_utf8_lossy(self.text).into_owned();
        };
        let inner = self.text.get(1..self.text.len().saturating_sub(1)).unwrap_or_default();
        let text: Cow<'a, str> = String::from_utf8_lossy(inner);
        let quote = char::from(*quote);
        text.replace(&format!("{quote}{quote}"), &quote.to_string())
    }
}

/// The tokens of a statement, one after the other. Blanks and comments are left out; the content of version comments
/// (`/*!50003 … */`, `/*M! … */`) counts as what it is.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Begins at the first byte.
    pub(crate) fn new(text: &'a [u8]) -> Tokens<'a> {
        Tokens { text, at: 0 }
    }

    /// Where the next token is looked for.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Takes the next token when it is this keyword.
    pub(crate) fn accept(&mut self, word: &str) -> bool {
        let mut ahead = self.clone();
        let found = ahead.next().is_some_and(|token| token.is(word));
        if found {
            *self = ahead;
        }
        found
    }

    /// Reads a name with what it is qualified by: the last part, and the one before it.
    pub(crate) fn qualified(&mut self) -> Option<(String, Option<String>)> {
        let first = self.next().filter(Token::is_name)?.name();
        if !self.accept(".") {
            return Some((first, None));
        }
        let second = self.next().filter(Token::is_name)?.name();
        Some((second, Some(first)))
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Jumps over blanks and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.at += blanks;
            let rest = rest.get(blanks..).unwrap_or_default();
            let jump = match rest {
                [b'#', ..] => line(rest),
                [b'-', b'-', next, ..] if next.is_ascii_whitespace() || next.is_ascii_control() => line(rest),
                [b'-', b'-'] => rest.len(),
                [b'/', b'*', b'M', b'!', ..] => 4 + digits(rest, 4),
                [b'/', b'*', b'!', ..] => 3 + digits(rest, 3),
                [b'/', b'*', ..] => {
                    let inner = rest.get(2..).unwrap_or_default();
                    inner.windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |end| end + 4)
                }
                // The end of a version comment; no operator looks like it.
                [b'*', b'/', ..] => 2,
                _ => return,
            };
            self.at += jump.max(1);
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip();
        let rest = self.rest();
        let first = *rest.first()?;
        let length = match first {
            b'\'' | b'"' | b'`' => quoted(rest, first),
            _ if is_word(first) => rest.iter().take_while(|byte| is_word(**byte)).count(),
            _ => 1,
        };
        let begin = self.at;
        self.at += length;
        Some(Token { text: rest.get(..length)?, begin, end: self.at })
    }
}

/// The length of a quoted text with its quotes, or of what there is of it.
fn quoted(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        if *byte == b'\\' && quote != b'`' {
            at += 2;
        } else if *byte != quote {
            at += 1;
        } else if text.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    text.len()
}

fn line(text: &[u8]) -> usize {
    text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1)
}

fn digits(text: &[u8], from: usize) -> usize {
    text.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

/// A text in quotes with backslashes, which mean something in every script of ours.
pub(crate) fn in_quotes(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_quotes_and_comments() {
        let text =
            b"a -- x ' \n`b``c` /* ; */ 'd\\'e''f' # g\n/*!50003 h*/ \"i\"/*M!100301 j */-1--2 \xc3\xa4";
        let found: Vec<_> = Tokens::new(text).map(|token| token.name()).collect();
        assert_eq!(found, ["a", "b`c", "d\\'e'f", "h", "i", "j", "-", "1", "-", "-", "2", "ä"]);
        assert_eq!(Tokens::new(b"'open").map(|token| token.text.len()).sum::<usize>(), 5);
        assert_eq!(Tokens::new(b"/* open").count(), 0);
        assert_eq!(Tokens::new(b"`a`.b c").qualified(), Some(("b".into(), Some("a".into()))));
    }
}
