//! The tokens of one statement, and a hand that moves along them.

use std::borrow::Cow;

use super::lexer::{Kind, Token, tokens};
use super::name::QualifiedName;

/// A statement and its tokens, without comments.
#[derive(Clone, Debug)]
pub(crate) struct Statement<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    ends_in_comment: bool,
}

impl<'a> Statement<'a> {
    /// Reads a statement without its `;`.
    pub(crate) fn read(text: &'a str) -> Statement<'a> {
        let mut tokens = tokens(text.as_bytes());
        let ends_in_comment = tokens
            .last()
            .is_some_and(|last| last.kind == Kind::Comment && text.get(last.start..).is_some_and(is_line));
        tokens.retain(|token| token.kind != Kind::Comment);
        Statement { text, tokens, ends_in_comment }
    }

    /// Tells whether something behind the last token would be part of a comment.
    pub(crate) fn ends_in_comment(&self) -> bool {
        self.ends_in_comment
    }

    /// The tokens.
    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The text of a token; empty when it is not of this statement.
    pub(crate) fn text_of(&self, token: Token) -> &'a str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    /// A cursor before the first token.
    pub(crate) fn cursor(&self) -> Cursor<'_, 'a> {
        self.cursor_at(0)
    }

    /// A cursor before the token at an index.
    pub(crate) fn cursor_at(&self, index: usize) -> Cursor<'_, 'a> {
        Cursor { statement: self, at: index }
    }

    /// The identifier that the token at an index is, as the server keeps it.
    pub(crate) fn identifier_at(&self, index: usize) -> Option<Cow<'a, str>> {
        let token = *self.tokens.get(index)?;
        identifier(token.kind, self.text_of(token))
    }

    /// Tells whether the token at an index is this symbol.
    pub(crate) fn is_symbol_at(&self, index: usize, symbol: &str) -> bool {
        self.tokens
            .get(index)
            .is_some_and(|token| token.kind == Kind::Symbol && self.text_of(*token) == symbol)
    }

    /// Tells whether the token at an index is this keyword.
    pub(crate) fn is_word_at(&self, index: usize, word: &str) -> bool {
        self.tokens
            .get(index)
            .is_some_and(|token| token.kind == Kind::Word && self.text_of(*token).eq_ignore_ascii_case(word))
    }

    /// The value of the string that the token at an index is.
    pub(crate) fn string_at(&self, index: usize) -> Option<String> {
        let token = *self.tokens.get(index)?;
        if token.kind == Kind::Text { string(self.text_of(token)) } else { None }
    }
}

fn is_line(comment: &str) -> bool {
    comment.starts_with("--")
}

fn identifier(kind: Kind, text: &str) -> Option<Cow<'_, str>> {
    match kind {
        Kind::Word if text.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            Some(Cow::Owned(text.to_ascii_lowercase()))
        }
        Kind::Word => Some(Cow::Borrowed(text)),
        Kind::Quoted => {
            let inner = text.strip_prefix('"')?.strip_suffix('"')?;
            Some(if inner.contains('"') {
                Cow::Owned(inner.replace("\"\"", "\""))
            } else {
                Cow::Borrowed(inner)
            })
        }
        _ => None,
    }
}

/// The value of a string; `None` for escapes that pg_dump does not write.
fn string(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('\'') {
        return Some(inner.strip_suffix('\'')?.replace("''", "'"));
    }
    let inner = text.strip_prefix(['e', 'E'])?.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut value = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => value.push(characters.next().filter(|next| matches!(next, '\\' | '\''))?),
            '\'' => value.push(characters.next()?),
            _ => value.push(character),
        }
    }
    Some(value)
}

/// A place among a statement's tokens. What does not fit leaves it where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'s, 'a> {
    statement: &'s Statement<'a>,
    at: usize,
}

impl<'a> Cursor<'_, 'a> {
    /// The index of the next token.
    pub(crate) fn index(&self) -> usize {
        self.at
    }

    /// Tells whether all tokens were taken.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.statement.tokens.len()
    }

    /// Goes past one token.
    pub(crate) fn skip(&mut self) {
        self.at += 1;
    }

    /// Takes this keyword.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let found = self.statement.is_word_at(self.at, word);
        self.at += usize::from(found);
        found
    }

    /// Takes all of these keywords, or none.
    pub(crate) fn take_words(&mut self, words: &str) -> bool {
        let count = words.split(' ').count();
        let found = words
            .split(' ')
            .enumerate()
            .all(|(index, word)| self.statement.is_word_at(self.at + index, word));
        self.at += if found { count } else { 0 };
        found
    }

    /// Takes whichever of these phrases stands here; says which.
    pub(crate) fn take_any<'p>(&mut self, phrases: &[&'p str]) -> Option<&'p str> {
        phrases.iter().copied().find(|phrase| self.take_words(phrase))
    }

    /// Tells whether this keyword is next.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.statement.is_word_at(self.at, word)
    }

    /// Tells whether this symbol is next.
    pub(crate) fn is_symbol(&self, symbol: &str) -> bool {
        self.statement.is_symbol_at(self.at, symbol)
    }

    /// Takes this symbol.
    pub(crate) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.statement.is_symbol_at(self.at, symbol);
        self.at += usize::from(found);
        found
    }

    /// Takes an identifier.
    pub(crate) fn identifier(&mut self) -> Option<Cow<'a, str>> {
        let found = self.statement.identifier_at(self.at);
        self.at += usize::from(found.is_some());
        found
    }

    /// Takes a name of any number of parts.
    pub(crate) fn parts(&mut self) -> Vec<String> {
        let mut parts = Vec::new();
        while let Some(part) = self.identifier() {
            parts.push(part.into_owned());
            if self.statement.identifier_at(self.at + 1).is_none() || !self.take_symbol(".") {
                break;
            }
        }
        parts
    }

    /// Takes a name with or without a schema.
    pub(crate) fn name(&mut self) -> Option<QualifiedName> {
        QualifiedName::from_parts(&self.parts())
    }

    /// Takes everything from `(` to the `)` that closes it.
    pub(crate) fn skip_parentheses(&mut self) -> bool {
        if !self.statement.is_symbol_at(self.at, "(") {
            return false;
        }
        let mut depth = 0_usize;
        while !self.is_at_end() {
            if self.take_symbol("(") {
                depth += 1;
            } else if self.take_symbol(")") {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            } else {
                self.skip();
            }
        }
        true
    }

    /// Goes on to behind this keyword, outside of parentheses that begin from here; says whether it was found.
    pub(crate) fn find_word(&mut self, word: &str) -> bool {
        while !self.is_at_end() {
            if self.take_word(word) {
                return true;
            }
            if !self.skip_parentheses() {
                self.skip();
            }
        }
        false
    }

    /// The text from the token at an index up to this place.
    pub(crate) fn text_from(&self, index: usize) -> &'a str {
        let tokens = self.statement.tokens.get(index..self.at).unwrap_or_default();
        match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => self.statement.text.get(first.start..last.end).unwrap_or_default(),
            _ => "",
        }
    }
}
