//! A script that comes in pieces, cut into statements.

use cadangkan_core::{Error, ErrorKind, Result};

use super::{About, Header, Kind};

/// No statement is longer: the largest packet of the protocol.
const MAX_STATEMENT: usize = 1 << 30;

/// One statement, without what ends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) text: &'a [u8],
    /// The line on which it begins, counted from 1.
    pub(crate) line: u64,
    /// The entry of our own scripts that it belongs to.
    pub(crate) header: Option<&'a Header>,
}

/// Cuts a script as the command-line clients do: at the delimiter, outside of quotes and comments. What stands between
/// statements is dropped; comments inside of them are kept, as are version comments.
#[derive(Debug)]
pub(crate) struct Splitter {
    held: Vec<u8>,
    /// Where the statement that is under way begins.
    start: usize,
    /// What was looked at.
    at: usize,
    inside: Inside,
    /// Whether something of the statement has come.
    begun: bool,
    delimiter: Vec<u8>,
    /// Whether a backslash escapes, which `sql_mode` decides.
    backslash: bool,
    header: Option<Header>,
    line: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Nothing,
    Quote(u8),
    Line,
    Comment,
}

/// Where a scan has come to.
enum Step {
    /// It needs more bytes.
    More,
    /// A statement ends here; that many bytes are its delimiter.
    End(usize),
}

type Take<'a> = &'a mut dyn FnMut(Statement<'_>) -> Result<()>;

impl Splitter {
    pub(crate) fn new() -> Splitter {
        Splitter {
            held: Vec::new(),
            start: 0,
            at: 0,
            inside: Inside::Nothing,
            begun: false,
            delimiter: b";".to_vec(),
            backslash: true,
            header: None,
            line: 1,
        }
    }

    /// Takes the next bytes, and gives every statement that is whole.
    ///
    /// # Errors
    /// `Unsupported` for a statement longer than 1 GiB; whatever `take` fails with.
    pub(crate) fn push(&mut self, data: &[u8], take: Take<'_>) -> Result<()> {
        self.held.extend_from_slice(data);
        self.run(false, take)
    }

    /// Takes note of the end; what was not ended by a delimiter is a statement too.
    ///
    /// # Errors
    /// `DamagedBackup` when the end comes inside quotes or a comment.
    pub(crate) fn finish(mut self, take: Take<'_>) -> Result<()> {
        self.run(true, take)?;
        if matches!(self.inside, Inside::Quote(_)) || (self.inside == Inside::Comment && self.begun) {
            return Err(Error::new(ErrorKind::DamagedBackup, "the script ends inside a statement")
                .context("line", self.line)
                .hint("restore another backup, or another storage's copy of it"));
        }
        if self.begun {
            self.end(0, take)?;
        }
        Ok(())
    }

    fn run(&mut self, last: bool, take: Take<'_>) -> Result<()> {
        while let Step::End(length) = self.scan(last) {
            self.end(length, take)?;
        }
        // The line of a comment is read once it is whole.
        if !self.begun && self.inside != Inside::Line {
            self.drop_seen();
        }
        self.held.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        if self.held.len() > MAX_STATEMENT {
            return Err(Error::new(ErrorKind::Unsupported, "a statement of the script is longer than 1 GiB")
                .context("line", self.line)
                .hint("no server takes it: make the script with shorter INSERT statements"));
        }
        Ok(())
    }

    /// Forgets what was looked at and is no statement.
    fn drop_seen(&mut self) {
        let seen = self.held.get(self.start..self.at).unwrap_or_default();
        self.line += seen.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        self.start = self.at;
    }

    /// Gives the statement that ends here.
    fn end(&mut self, delimiter: usize, take: Take<'_>) -> Result<()> {
        let text = self.held.get(self.start..self.at).unwrap_or_default();
        let line = self.line;
        let statement = Statement { text: text.trim_ascii_end(), line, header: self.header.as_ref() };
        let result = if self.begun && !statement.text.is_empty() { take(statement) } else { Ok(()) };
        if let Some(escapes) = backslash_after(text) {
            self.backslash = escapes;
        }
        self.at += delimiter;
        self.begun = false;
        self.drop_seen();
        result
    }

    fn scan(&mut self, last: bool) -> Step {
        loop {
            let rest = self.held.get(self.at..).unwrap_or_default();
            let Some(first) = rest.first().copied() else { return Step::More };
            match self.inside {
                Inside::Quote(quote) => {
                    let escapes = self.backslash && quote != b'`';
                    let stop = rest.iter().position(|byte| *byte == quote || (escapes && *byte == b'\\'));
                    match stop.map(|stop| (stop, rest.get(stop) == Some(&quote))) {
                        // A doubled quote ends a text and begins the next one, which comes to the same.
                        Some((stop, true)) => {
                            self.at += stop + 1;
                            self.inside = Inside::Nothing;
                        }
                        Some((stop, false)) if stop + 1 < rest.len() => self.at += stop + 2,
                        Some((stop, false)) => {
                            self.at += stop;
                            if !last {
                                return Step::More;
                            }
                            self.at += 1;
                        }
                        None => self.at += rest.len(),
                    }
                }
                Inside::Line => match rest.iter().position(|byte| *byte == b'\n') {
                    Some(end) => {
                        if !self.begun {
                            let line = self.held.get(self.start..self.at + end).unwrap_or_default();
                            if let Some(header) = Header::read(line) {
                                self.header = Some(header);
                            }
                        }
                        self.at += end + 1;
                        self.inside = Inside::Nothing;
                        if !self.begun {
                            self.drop_seen();
                        }
                    }
                    None => self.at += rest.len(),
                },
                Inside::Comment => match rest.windows(2).position(|pair| pair == b"*/") {
                    Some(end) => {
                        self.at += end + 2;
                        self.inside = Inside::Nothing;
                        if !self.begun {
                            self.drop_seen();
                        }
                    }
                    None if last => self.at += rest.len(),
                    None => {
                        self.at += rest.len().saturating_sub(1);
                        return Step::More;
                    }
                },
                Inside::Nothing => {
                    if !self.begun && first.is_ascii_whitespace() {
                        self.at += 1;
                        self.drop_seen();
                        continue;
                    }
                    if let Some(step) = self.outside(first, last) {
                        return step;
                    }
                }
            }
        }
    }

    /// Looks at what stands outside of quotes and comments.
    fn outside(&mut self, first: u8, last: bool) -> Option<Step> {
        let rest = self.held.get(self.at..).unwrap_or_default();
        let is_short = |needed: usize| !last && rest.len() < needed;
        if self.delimiter.first() == Some(&first) {
            if rest.starts_with(&self.delimiter) {
                return Some(Step::End(self.delimiter.len()));
            }
            if is_short(self.delimiter.len()) && self.delimiter.starts_with(rest) {
                return Some(Step::More);
            }
        }
        match first {
            b'\'' | b'"' | b'`' => {
                self.begun = true;
                self.inside = Inside::Quote(first);
                self.at += 1;
            }
            b'#' => self.inside = Inside::Line,
            b'-' => {
                if is_short(3) && b"--".starts_with(rest.get(..2.min(rest.len())).unwrap_or_default()) {
                    return Some(Step::More);
                }
                let is_comment = rest.starts_with(b"--")
                    && rest.get(2).is_none_or(|next| next.is_ascii_whitespace() || next.is_ascii_control());
                if is_comment {
                    self.inside = Inside::Line;
                } else {
                    self.begun = true;
                    self.at += 1;
                }
            }
            b'/' => {
                if is_short(b"/*M!999999".len()) && !self.is_decided(rest) {
                    return Some(Step::More);
                }
                let is_version = rest.starts_with(b"/*!") || rest.starts_with(b"/*M!");
                // MariaDB's first line is for its client alone.
                let is_sandbox =
                    !self.begun && (rest.starts_with(b"/*!999999") || rest.starts_with(b"/*M!999999"));
                if rest.starts_with(b"/*") && (!is_version || is_sandbox) {
                    self.inside = Inside::Comment;
                    self.at += 2;
                } else {
                    self.begun = true;
                    self.at += if is_version { 3 } else { 1 };
                }
            }
            b'd' | b'D' if !self.begun => return self.command(last),
            _ => {
                self.begun = true;
                let special = self.delimiter.first().copied().unwrap_or(b';');
                let run = rest.iter().position(|byte| {
                    matches!(*byte, b'\'' | b'"' | b'`' | b'#' | b'-' | b'/') || *byte == special
                });
                self.at += run.unwrap_or(rest.len()).max(1);
            }
        }
        None
    }

    /// Tells whether a few bytes are enough to see what kind of comment begins, if one does.
    fn is_decided(&self, rest: &[u8]) -> bool {
        match rest.get(1) {
            None => false,
            Some(b'*') => match rest.get(2) {
                None => false,
                Some(b'!') => self.begun || rest.len() >= 9 || !b"/*!999999".starts_with(rest),
                Some(b'M') if self.begun => rest.len() > 3,
                Some(b'M') => !b"/*M!999999".starts_with(rest),
                Some(_) => true,
            },
            Some(_) => true,
        }
    }

    /// Reads `DELIMITER x`, which is a line of the client's own.
    fn command(&mut self, last: bool) -> Option<Step> {
        const WORD: &[u8] = b"DELIMITER";
        let rest = self.held.get(self.at..).unwrap_or_default();
        let begin = rest.get(..WORD.len().min(rest.len())).unwrap_or_default();
        let could_be = WORD.get(..begin.len()).is_some_and(|word| word.eq_ignore_ascii_case(begin));
        let is_short = begin.len() < WORD.len();
        if could_be && is_short && !last {
            return Some(Step::More);
        }
        let after = rest.get(WORD.len());
        if could_be && !is_short && after.is_none() && !last {
            return Some(Step::More);
        }
        let is_command = could_be && !is_short && after.is_none_or(|next| next.is_ascii_whitespace());
        if !is_command {
            self.begun = true;
            self.at += 1;
            return None;
        }
        let Some(end) = rest.iter().position(|byte| *byte == b'\n').or(last.then_some(rest.len())) else {
            return Some(Step::More);
        };
        let delimiter = rest.get(WORD.len()..end).unwrap_or_default().trim_ascii();
        let delimiter = delimiter.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
        if !delimiter.is_empty() {
            self.delimiter = delimiter.to_vec();
        }
        self.at = (self.at + end + 1).min(self.held.len());
        self.drop_seen();
        None
    }
}

/// Whether backslashes escape from here on; `None` when a statement does not change that.
fn backslash_after(text: &[u8]) -> Option<bool> {
    let is_short = text.len() < 4096;
    if !is_short || About::read(text).kind != Kind::Set {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let has = |word: &[u8]| lower.windows(word.len()).any(|window| window == word);
    // What reads the mode into a variable sets nothing.
    let sets = super::Tokens::new(&lower)
        .collect::<Vec<_>>()
        .windows(2)
        .any(|pair| matches!(pair, [name, equal] if name.is("sql_mode") && equal.is_char(b'=')));
    sets.then(|| !has(b"no_backslash_escapes"))
}

#[cfg(test)]
mod tests;
