//! The tokens of PostgreSQL's SQL, byte by byte, as `psql` sees them (src/fe_utils/psqlscan.l).

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An unquoted identifier or a keyword.
    Word,
    /// `"…"`.
    Quoted,
    /// `'…'` or `E'…'`.
    Text,
    /// `$tag$…$tag$`.
    Body,
    /// Digits. What follows them in `1.5e3` is tokens of its own: nothing here needs numbers whole.
    Number,
    /// One byte of punctuation; operators come byte by byte.
    Symbol,
    /// `-- …` without its line end, or `/* … */`.
    Comment,
}

/// A token's kind and place in the bytes that were fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// Where its first byte is.
    pub(crate) start: usize,
    /// Where the byte after it is.
    pub(crate) end: usize,
}

/// Lists the tokens of `bytes`. An unfinished one at the end reaches to the end.
pub(crate) fn tokens(bytes: &[u8]) -> Vec<Token> {
    let mut lexer = Lexer::default();
    let mut found = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        found.extend(lexer.feed(at, *byte).into_iter().flatten());
    }
    found.extend(lexer.end(bytes.len()));
    found
}

/// Cuts a stream of bytes into tokens; what it gives does not depend on how the bytes arrive.
///
/// Reads UTF-8 and every other encoding in which the bytes below 128 are ASCII, and supposes that
/// `standard_conforming_strings` is on.
#[derive(Debug, Default)]
pub(crate) struct Lexer {
    state: State,
    start: usize,
    tag: Vec<u8>,
    escape_ended: EscapeEnded,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Between,
    Word {
        first: u8,
    },
    Number,
    Minus,
    Slash,
    Line,
    Block {
        depth: u32,
        last: u8,
    },
    Text {
        escapes: bool,
    },
    TextEscaped,
    TextMayEnd {
        escapes: bool,
    },
    Quoted,
    QuotedMayEnd,
    Tag,
    Body {
        matched: usize,
    },
}

/// A string goes on behind a line end, `E'a'⏎'b'`, and then keeps its rules for backslashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EscapeEnded {
    #[default]
    No,
    OnThisLine,
    OnLineBefore,
}

impl Lexer {
    /// Tells whether the last byte fed belongs to no token.
    pub(crate) fn is_between(&self) -> bool {
        self.state == State::Between
    }

    /// Tells whether the bytes stop inside of a quote or of a comment that needs an end.
    pub(crate) fn is_unfinished(&self) -> bool {
        matches!(
            self.state,
            State::Block { .. }
                | State::Text { .. }
                | State::TextEscaped
                | State::Quoted
                | State::Body { .. }
        )
    }

    /// Takes the byte at position `at`; gives the token that ended before it and the one that ends with it.
    pub(crate) fn feed(&mut self, at: usize, byte: u8) -> [Option<Token>; 2] {
        match self.state {
            State::Between => [None, self.begin(at, byte)],
            State::Word { first } if byte == b'\'' && is_escape_prefix(first, at, self.start) => {
                self.go(State::Text { escapes: true })
            }
            State::Word { .. } if is_word(byte) => [None; 2],
            State::Word { .. } => self.ended(Kind::Word, at, byte),
            State::Number if byte.is_ascii_digit() => [None; 2],
            State::Number => self.ended(Kind::Number, at, byte),
            State::Minus if byte == b'-' => self.go(State::Line),
            State::Slash if byte == b'*' => self.go(State::Block { depth: 1, last: 0 }),
            State::Minus | State::Slash => {
                self.escape_ended = EscapeEnded::No;
                self.ended(Kind::Symbol, at, byte)
            }
            State::Line if matches!(byte, b'\n' | b'\r') => self.ended(Kind::Comment, at, byte),
            State::Line => [None; 2],
            State::Block { depth, last } => self.in_block(at, byte, depth, last),
            State::Text { escapes: true } if byte == b'\\' => self.go(State::TextEscaped),
            State::Text { escapes } if byte == b'\'' => self.go(State::TextMayEnd { escapes }),
            State::Text { .. } => [None; 2],
            State::TextEscaped => self.go(State::Text { escapes: true }),
            State::TextMayEnd { escapes } if byte == b'\'' => self.go(State::Text { escapes }),
            State::TextMayEnd { escapes } => {
                self.escape_ended = if escapes { EscapeEnded::OnThisLine } else { EscapeEnded::No };
                self.ended(Kind::Text, at, byte)
            }
            State::Quoted if byte == b'"' => self.go(State::QuotedMayEnd),
            State::Quoted => [None; 2],
            State::QuotedMayEnd if byte == b'"' => self.go(State::Quoted),
            State::QuotedMayEnd => self.ended(Kind::Quoted, at, byte),
            State::Tag => self.in_tag(at, byte),
            State::Body { matched } => self.in_body(at, byte, matched),
        }
    }

    /// Ends the bytes at position `at`: gives the token that they stop in.
    pub(crate) fn end(&mut self, at: usize) -> Option<Token> {
        let kind = match std::mem::take(&mut self.state) {
            State::Between => return None,
            State::Word { .. } => Kind::Word,
            State::Number => Kind::Number,
            State::Minus | State::Slash | State::Tag => Kind::Symbol,
            State::Line | State::Block { .. } => Kind::Comment,
            State::Text { .. } | State::TextEscaped | State::TextMayEnd { .. } => Kind::Text,
            State::Quoted | State::QuotedMayEnd => Kind::Quoted,
            State::Body { .. } => Kind::Body,
        };
        Some(Token { kind, start: self.start, end: at })
    }

    fn go(&mut self, state: State) -> [Option<Token>; 2] {
        self.state = state;
        [None; 2]
    }

    fn ended(&mut self, kind: Kind, at: usize, byte: u8) -> [Option<Token>; 2] {
        let before = Token { kind, start: self.start, end: at };
        [Some(before), self.begin(at, byte)]
    }

    fn begin(&mut self, at: usize, byte: u8) -> Option<Token> {
        self.start = at;
        let ended = self.escape_ended;
        if !is_space(byte) && byte != b'-' {
            self.escape_ended = EscapeEnded::No;
        }
        self.state = match byte {
            b'\n' | b'\r' if ended != EscapeEnded::No => {
                self.escape_ended = EscapeEnded::OnLineBefore;
                State::Between
            }
            b'\'' => State::Text { escapes: ended == EscapeEnded::OnLineBefore },
            b'"' => State::Quoted,
            b'$' => {
                self.tag.clear();
                State::Tag
            }
            b'-' => State::Minus,
            b'/' => State::Slash,
            b'0'..=b'9' => State::Number,
            _ if is_word(byte) => State::Word { first: byte },
            _ => State::Between,
        };
        let alone = self.state == State::Between && !is_space(byte);
        alone.then_some(Token { kind: Kind::Symbol, start: at, end: at + 1 })
    }

    fn in_block(&mut self, at: usize, byte: u8, depth: u32, last: u8) -> [Option<Token>; 2] {
        match (last, byte) {
            (b'*', b'/') if depth <= 1 => {
                self.state = State::Between;
                [None, Some(Token { kind: Kind::Comment, start: self.start, end: at + 1 })]
            }
            (b'*', b'/') => self.go(State::Block { depth: depth - 1, last: 0 }),
            (b'/', b'*') => self.go(State::Block { depth: depth.saturating_add(1), last: 0 }),
            _ => self.go(State::Block { depth, last: byte }),
        }
    }

    fn in_tag(&mut self, at: usize, byte: u8) -> [Option<Token>; 2] {
        match byte {
            b'$' => self.go(State::Body { matched: 0 }),
            b'0'..=b'9' if self.tag.is_empty() => self.ended(Kind::Symbol, at, byte),
            _ if is_word(byte) => {
                self.tag.push(byte);
                [None; 2]
            }
            _ => match self.tag.first() {
                None => self.ended(Kind::Symbol, at, byte),
                // No quote after all: the dollar stands alone, and what follows it is a word.
                Some(first) => {
                    self.state = State::Word { first: *first };
                    self.start += 1;
                    self.feed(at, byte)
                }
            },
        }
    }

    /// Looks for `$tag$`. As a tag holds no dollar, only a dollar can begin the end again.
    fn in_body(&mut self, at: usize, byte: u8, matched: usize) -> [Option<Token>; 2] {
        let expected = match matched.checked_sub(1) {
            None => b'$',
            Some(seen) => self.tag.get(seen).copied().unwrap_or(b'$'),
        };
        let matched = match byte {
            _ if byte == expected => matched + 1,
            b'$' => 1,
            _ => 0,
        };
        if matched < self.tag.len() + 2 {
            return self.go(State::Body { matched });
        }
        self.state = State::Between;
        [None, Some(Token { kind: Kind::Body, start: self.start, end: at + 1 })]
    }
}

/// Tells what separates tokens.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 128..)
}

fn is_escape_prefix(first: u8, at: usize, start: usize) -> bool {
    matches!(first, b'e' | b'E') && at == start + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        tokens(text.as_bytes())
            .into_iter()
            .map(|token| (token.kind, text.get(token.start..token.end).unwrap()))
            .collect()
    }

    #[test]
    fn knows_the_kinds() {
        use Kind::*;
        assert_eq!(
            kinds("a.\"b\"\"c\"::E'\\'' $$x$$-12 --z\n/**/'it''s'$x"),
            [
                (Word, "a"),
                (Symbol, "."),
                (Quoted, "\"b\"\"c\""),
                (Symbol, ":"),
                (Symbol, ":"),
                (Text, "E'\\''"),
                (Body, "$$x$$"),
                (Symbol, "-"),
                (Number, "12"),
                (Comment, "--z"),
                (Comment, "/**/"),
                (Text, "'it''s'"),
                (Symbol, "$x")
            ]
        );
        assert_eq!(kinds("é$1€ $1"), [(Word, "é$1€"), (Symbol, "$"), (Number, "1")]);
        assert_eq!(kinds("$a-b"), [(Word, "a"), (Symbol, "-"), (Word, "b")]);
        assert_eq!(kinds("$a$ $b$ $a $a$"), [(Body, "$a$ $b$ $a $a$")]);
        assert_eq!(kinds("se'a\\'"), [(Word, "se"), (Text, "'a\\'")]);
    }

    #[test]
    fn an_unfinished_token_reaches_to_the_end() {
        for text in ["'a", "\"a", "$$a", "$a$ $a", "/* a", "E'\\"] {
            assert_eq!(kinds(text).len(), 1, "{text}");
        }
    }

    proptest! {
        #[test]
        fn tokens_are_in_order_and_not_empty(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut last = 0;
            for token in tokens(&bytes) {
                prop_assert!(last <= token.start && token.start < token.end && token.end <= bytes.len());
                last = token.end;
            }
        }
    }
}
