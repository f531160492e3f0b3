//! `INSERT` statements of plain values, passed through without being taken apart value by value.

use super::{About, Kind, Token, Tokens};

/// An `INSERT` of nothing but literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Insert<'a> {
    /// The statement, without what ends it.
    pub(crate) text: &'a [u8],
    /// Up to and with `VALUES`.
    head: usize,
    /// Number of rows.
    pub(crate) rows: u64,
}

impl<'a> Insert<'a> {
    /// Reads a statement whole; `None` when it is anything else: nothing but literals is ever run from it.
    pub(crate) fn read(text: &'a [u8]) -> Option<Insert<'a>> {
        let mut inserts = Inserts::new(text);
        let insert = inserts.next()??;
        (inserts.rest.trim_ascii().is_empty()).then_some(insert)
    }

    /// Up to and with `VALUES`.
    fn head(&self) -> &'a [u8] {
        self.text.get(..self.head).unwrap_or_default()
    }

    /// The table that it adds rows to, without the database where one is named.
    pub(crate) fn table(&self) -> Option<String> {
        About::read(self.head()).name
    }

    /// Tells whether it is for a table, which it names alone.
    pub(crate) fn is_for(&self, table: &str) -> bool {
        let about = About::read(self.head());
        about.database.is_none() && about.name.as_deref() == Some(table)
    }

    /// Makes statements of at most `limit` bytes of it, at row borders; a longer row stands alone.
    pub(crate) fn split(&self, limit: usize) -> Vec<Vec<u8>> {
        let head = self.head();
        let mut statements = vec![head.to_vec()];
        let mut rest = self.text.get(self.head..).unwrap_or_default();
        while let Some((begin, end)) = tuple(rest) {
            let row = rest.get(begin..end).unwrap_or_default();
            rest = rest.get(end..).unwrap_or_default();
            let open = statements.last().map_or(0, Vec::len);
            if open > head.len() && open + row.len() + 1 > limit {
                statements.push(head.to_vec());
            }
            if let Some(statement) = statements.last_mut() {
                if statement.len() > head.len() {
                    statement.push(b',');
                }
                statement.extend_from_slice(row);
            }
        }
        statements
    }
}

/// The statements of a frame of rows. An item is `None` where something else stands, and nothing follows it.
#[derive(Clone, Debug)]
pub(crate) struct Inserts<'a> {
    rest: &'a [u8],
}

impl<'a> Inserts<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Inserts<'a> {
        Inserts { rest: data }
    }

    fn read(&self) -> Option<(Insert<'a>, &'a [u8])> {
        let text = self.rest;
        let head = head(text)?;
        let (mut at, mut rows) = (head, 0);
        loop {
            let (_, end) = tuple(text.get(at..)?)?;
            at += end;
            rows += 1;
            let rest = text.get(at..)?;
            let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            match rest.get(blanks) {
                Some(b',') => at += blanks + 1,
                Some(b';') => {
                    let insert = Insert { text: text.get(..at)?, head, rows };
                    return Some((insert, rest.get(blanks + 1..)?));
                }
                None => return Some((Insert { text: text.get(..at)?, head, rows }, &[])),
                Some(_) => return None,
            }
        }
    }
}

impl<'a> Iterator for Inserts<'a> {
    type Item = Option<Insert<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.trim_ascii_start();
        if self.rest.is_empty() {
            return None;
        }
        let Some((insert, rest)) = self.read() else {
            self.rest = &[];
            return Some(None);
        };
        self.rest = rest;
        Some(Some(insert))
    }
}

/// Where the head of an `INSERT` with or without a list of columns ends: behind `VALUES`.
fn head(text: &[u8]) -> Option<usize> {
    // Lists of columns are bounded: 4096 names of 64 characters.
    let mut tokens = Tokens::new(text.get(..text.len().min(2 << 20))?);
    let is_insert = tokens.accept("INSERT") || tokens.accept("REPLACE");
    if !is_insert || About::read(text.get(..text.len().min(4096))?).kind != Kind::Insert {
        return None;
    }
    tokens.accept("IGNORE");
    tokens.accept("INTO");
    tokens.qualified()?;
    if tokens.accept("(") {
        loop {
            let token = tokens.next()?;
            if token.is_char(b')') {
                break;
            }
            if !Token::is_name(&token) && !token.is_char(b',') {
                return None;
            }
        }
    }
    (tokens.accept("VALUES") || tokens.accept("VALUE")).then(|| tokens.at())
}

/// Where the next row begins and ends: brackets with literals and commas between them.
fn tuple(text: &[u8]) -> Option<(usize, usize)> {
    let begin = text.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != b',')?;
    if text.get(begin) != Some(&b'(') {
        return None;
    }
    let mut at = begin + 1;
    loop {
        match *text.get(at)? {
            b')' => return Some((begin, at + 1)),
            b',' | b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            b'\'' => at += quoted(text.get(at..)?)?,
            b'0'..=b'9' | b'+' | b'-' | b'.' => at += number(text.get(at..)?)?,
            b'_' => at += word(text.get(at..)?),
            b'b' | b'B' | b'x' | b'X' | b'n' | b'N' if text.get(at + 1) == Some(&b'\'') => at += 1,
            b'N' | b'n' | b'D' | b'd' | b't' | b'T' | b'f' | b'F' => {
                let length = word(text.get(at..)?);
                let found = text.get(at..at + length)?;
                let known = ["NULL", "DEFAULT", "TRUE", "FALSE"];
                if !known.iter().any(|known| found.eq_ignore_ascii_case(known.as_bytes())) {
                    return None;
                }
                at += length;
            }
            _ => return None,
        }
    }
}

/// The length of a text in single quotes.
fn quoted(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let rest = text.get(at..)?;
        let stop = rest.iter().position(|byte| matches!(*byte, b'\'' | b'\\'))?;
        at += stop + if rest.get(stop) == Some(&b'\\') { 2 } else { 1 };
        if rest.get(stop) == Some(&b'\'') {
            if text.get(at) != Some(&b'\'') {
                return Some(at);
            }
            at += 1;
        }
    }
}

/// The length of a number, or of bytes in hexadecimal. Two signs would be a comment.
fn number(text: &[u8]) -> Option<usize> {
    let length = text
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(*byte, b'+' | b'-' | b'.')))
        .unwrap_or(text.len());
    (!text.get(..length)?.starts_with(b"--")).then_some(length.max(1))
}

fn word(text: &[u8]) -> usize {
    text.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_')).unwrap_or(text.len()).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_are() {
        let frame =
            b"INSERT INTO `t``;` (`a`,`b)`) VALUES\n(1,'x;\\'),('),\n(-0e0,_latin1 0xFF),(NULL,b'01');\n\n\
                      INSERT INTO `t``;` (`a`,`b)`) VALUES (1.5e-3,'');\n\n";
        let found: Vec<_> = Inserts::new(frame).collect::<Option<_>>().unwrap();
        assert_eq!(found.iter().map(|insert: &Insert<'_>| insert.rows).collect::<Vec<_>>(), [3, 1]);
        assert!(found[0].is_for("t`;") && !found[0].is_for("t"));
        assert!(found[0].text.ends_with(b"b'01')") && found[1].text.starts_with(b"INSERT"));
        let parts = found[0].split(1);
        assert_eq!(parts.len(), 3);
        assert!(parts.iter().all(|part| Insert::read(part).is_some_and(|insert| insert.rows == 1)));
        assert_eq!(found[0].split(1 << 20).len(), 1);
        assert_eq!(Insert::read(&found[0].split(1 << 20)[0]).unwrap().rows, 3);
    }

    #[test]
    fn nothing_but_literals_is_taken() {
        let bad = [
            "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1",
            "INSERT INTO t SELECT 1",
            "INSERT INTO t VALUES ((SELECT 1))",
            "INSERT INTO t VALUES (load_file('/x'))",
            "INSERT INTO t VALUES (@@version)",
            "INSERT INTO t VALUES (1",
            "INSERT INTO t VALUES ('a",
            "INSERT INTO t VALUES",
            "INSERT INTO t VALUES (CURRENT_USER)",
            "INSERT INTO t VALUES (now())",
            "INSERT INTO t (a, (b)) VALUES (1)",
            "INSERT INTO t VALUES (1) x",
            "INSERT INTO t VALUES (\"x\")",
            "INSERT INTO t VALUES (1/*!2*/)",
            "DROP TABLE t",
        ];
        for text in bad {
            assert_eq!(Insert::read(text.as_bytes()), None, "{text}");
        }
        assert!(Insert::read(b"INSERT INTO t VALUES (1); DROP TABLE t").is_none());
        assert_eq!(Insert::read(b"INSERT INTO s.t VALUES (1)").unwrap().table().as_deref(), Some("t"));
    }
}
