//! Splits a script as `psql` does: where statements end, where rows begin and end.

mod copy;
mod nesting;

use cadangkan_core::{Error, ErrorKind, Result};

use self::copy::CopyEnd;
use self::nesting::Nesting;
use super::header::Header;
use super::lexer::{Kind, Lexer, Token, is_space, tokens};

/// The longest statement: as long as a literal that a server takes has to be, and short enough to be held.
const MAX_STATEMENT: usize = 512 << 20;

/// One part of a script, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// A statement.
    Statement {
        /// The header comment that stands between the statement before and this one.
        header: Option<&'a Header>,
        /// Its text without the `;`, beginning with its first token.
        text: &'a [u8],
        /// The line it begins on, from 1.
        line: u64,
    },
    /// A `COPY … FROM stdin`; its rows follow.
    CopyBegin {
        /// The header comment that came before it.
        header: Option<&'a Header>,
        /// Its text without the `;`.
        text: &'a [u8],
        /// The line it begins on, from 1.
        line: u64,
    },
    /// The next bytes of the rows, cut anywhere.
    CopyData(&'a [u8]),
    /// The line `\.`, which ends the rows.
    CopyEnd,
    /// A line of psql's own that dumps have, without its end: `\restrict …`, `\unrestrict …`, `\connect …`.
    Meta(&'a str),
}

/// Takes the parts, one after the other.
pub(crate) type Take<'t> = &'t mut dyn FnMut(Part<'_>) -> Result<()>;

/// Splits a script that arrives in chunks of any size. Holds no more than the statement that it is in.
#[derive(Debug)]
pub(crate) struct Splitter {
    lexer: Lexer,
    nesting: Nesting,
    copy_end: CopyEnd,
    place: Place,
    buffer: Vec<u8>,
    header: Option<Header>,
    line: u64,
    first_line: u64,
    at_line_start: bool,
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between statements.
    Between,
    /// Behind the first token of a statement.
    Statement,
    /// In a line that begins with a backslash.
    Meta,
    /// In the rest of the line of a COPY.
    CopyLine,
    /// Among rows.
    Copy,
}

impl Splitter {
    /// Begins a script.
    pub(crate) fn new() -> Self {
        Splitter::with_limit(MAX_STATEMENT)
    }

    fn with_limit(limit: usize) -> Self {
        Splitter {
            lexer: Lexer::default(),
            nesting: Nesting::default(),
            copy_end: CopyEnd::default(),
            place: Place::Between,
            buffer: Vec::new(),
            header: None,
            line: 1,
            first_line: 1,
            at_line_start: true,
            limit,
        }
    }

    /// Takes the next bytes and gives the parts that end in them. Useless after an error.
    ///
    /// Fails with `Unsupported` for a command of psql that dumps do not have and for a statement over 512 MiB, and
    /// with what `take` fails with.
    pub(crate) fn push(&mut self, bytes: &[u8], take: Take<'_>) -> Result<()> {
        let mut rest = bytes;
        loop {
            if self.place == Place::Copy {
                let (taken, ended, lines) = self.copy_end.search(rest, take)?;
                self.line += lines;
                if ended {
                    take(Part::CopyEnd)?;
                    self.place = Place::Between;
                    self.at_line_start = true;
                }
                rest = rest.get(taken..).unwrap_or_default();
            }
            let Some((byte, behind)) = rest.split_first() else { return Ok(()) };
            rest = behind;
            match self.place {
                Place::Meta => self.in_meta(*byte, take)?,
                Place::CopyLine => self.in_copy_line(*byte)?,
                _ => self.in_statement(*byte, take)?,
            }
            self.at_line_start = *byte == b'\n';
            self.line += u64::from(*byte == b'\n');
        }
    }

    /// Ends the script.
    ///
    /// Fails with `DamagedBackup` when it stops inside a statement, a quote, a comment or rows.
    pub(crate) fn finish(mut self, take: Take<'_>) -> Result<()> {
        match self.place {
            Place::Copy if self.copy_end.is_at_marker() => return take(Part::CopyEnd),
            Place::Meta => return self.end_meta(take),
            Place::Between if !self.lexer.is_unfinished() => {
                let at = self.buffer.len();
                if self.lexer.end(at).is_none_or(|token| token.kind == Kind::Comment) {
                    return Ok(());
                }
            }
            _ => {}
        }
        let inside = match self.place {
            Place::Copy | Place::CopyLine => "the rows of a COPY",
            _ if self.lexer.is_unfinished() => "a quote or a comment",
            _ => "a statement",
        };
        Err(Error::new(ErrorKind::DamagedBackup, format!("the script stops inside {inside}"))
            .context("begun on line", self.first_line)
            .hint("it was cut; take another copy of it"))
    }

    fn in_statement(&mut self, byte: u8, take: Take<'_>) -> Result<()> {
        let at = self.buffer.len();
        let begins = at == 0;
        if begins && byte == b'\\' && self.at_line_start {
            self.place = Place::Meta;
        }
        if begins && is_space(byte) {
            return Ok(());
        }
        if begins {
            self.first_line = self.line;
        }
        if at >= self.limit {
            return Err(self.refuse("a statement is longer than 512 MiB"));
        }
        self.buffer.push(byte);
        if self.place == Place::Meta {
            return Ok(());
        }
        for token in self.lexer.feed(at, byte).into_iter().flatten() {
            self.take_token(token, take)?;
        }
        // The line end that ended a comment.
        if self.place == Place::Between && self.lexer.is_between() {
            self.buffer.clear();
        }
        Ok(())
    }

    fn take_token(&mut self, token: Token, take: Take<'_>) -> Result<()> {
        let text = self.buffer.get(token.start..token.end).unwrap_or_default();
        match (token.kind, text) {
            (Kind::Comment, _) => {
                if self.place == Place::Between
                    && let Some(header) = str::from_utf8(text).ok().and_then(Header::parse)
                {
                    self.header = Some(header);
                }
                return Ok(());
            }
            (Kind::Symbol, b";") if self.nesting.is_outside() => {
                return self.end_statement(token.start, take);
            }
            (Kind::Symbol, b"\\") => {
                return Err(self.refuse("the script has a backslash where no dump has one"));
            }
            (Kind::Symbol, symbol) => self.nesting.symbol(symbol),
            (Kind::Word, word) => self.nesting.word(word),
            _ => {}
        }
        self.place = Place::Statement;
        Ok(())
    }

    fn end_statement(&mut self, end: usize, take: Take<'_>) -> Result<()> {
        let text = self.buffer.get(..end).unwrap_or_default().trim_ascii_end();
        let first = self.nesting.first_word();
        self.place = Place::Between;
        if first.eq_ignore_ascii_case(b"set") && makes_strings_escape(text) {
            return Err(self
                .refuse("the script turns standard_conforming_strings off")
                .hint("dump with PGOPTIONS='-c standard_conforming_strings=on'"));
        }
        let (header, line) = (self.header.as_ref(), self.first_line);
        if first.eq_ignore_ascii_case(b"copy") && reads_stdin(text) {
            self.place = Place::CopyLine;
            take(Part::CopyBegin { header, text, line })?;
        } else if !text.is_empty() {
            take(Part::Statement { header, text, line })?;
        }
        self.header = None;
        self.nesting = Nesting::default();
        self.buffer.clear();
        Ok(())
    }

    /// psql reads rows from the next line on, and what stands behind the `;` after them. No dump has anything there.
    fn in_copy_line(&mut self, byte: u8) -> Result<()> {
        match byte {
            b'\n' => {
                self.place = Place::Copy;
                self.copy_end = CopyEnd::default();
                Ok(())
            }
            _ if is_space(byte) => Ok(()),
            _ => Err(self.refuse("something stands behind a COPY on its line")),
        }
    }

    fn in_meta(&mut self, byte: u8, take: Take<'_>) -> Result<()> {
        if byte == b'\n' {
            return self.end_meta(take);
        }
        if self.buffer.len() >= self.limit {
            return Err(self.refuse("a line is longer than 512 MiB"));
        }
        self.buffer.push(byte);
        Ok(())
    }

    fn end_meta(&mut self, take: Take<'_>) -> Result<()> {
        let text = str::from_utf8(self.buffer.trim_ascii_end()).unwrap_or_default();
        let command = text.split_ascii_whitespace().next().unwrap_or_default();
        if !matches!(command, r"\restrict" | r"\unrestrict" | r"\connect") {
            return Err(self.refuse("the script has a command of psql that no dump has"));
        }
        take(Part::Meta(text))?;
        self.buffer.clear();
        self.place = Place::Between;
        Ok(())
    }

    fn refuse(&self, what: &str) -> Error {
        Error::new(ErrorKind::Unsupported, what).context("line", self.line).hint(
            "only scripts as pg_dump writes them are read; look at that line, and run psql if you trust it",
        )
    }
}

fn words_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    tokens(text).into_iter().filter_map(move |token| match token.kind {
        Kind::Comment => None,
        _ => text.get(token.start..token.end),
    })
}

fn reads_stdin(text: &[u8]) -> bool {
    let mut before: &[u8] = b"";
    words_of(text).any(|word| {
        let found = word.eq_ignore_ascii_case(b"stdin") && before.eq_ignore_ascii_case(b"from");
        before = word;
        found
    })
}

fn makes_strings_escape(text: &[u8]) -> bool {
    let words: Vec<_> = words_of(text).collect();
    let has = |wanted: &[&[u8]]| {
        words.iter().any(|word| wanted.iter().any(|wanted| word.eq_ignore_ascii_case(wanted)))
    };
    has(&[b"standard_conforming_strings", b"\"standard_conforming_strings\""])
        && !has(&[b"on", b"'on'", b"true"])
}

#[cfg(test)]
mod tests;
