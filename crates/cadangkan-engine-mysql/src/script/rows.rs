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

/// How the values of each column are written, in a statement or in several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shapes(Vec<u8>);

impl Shapes {
    /// As text in quotes.
    const TEXT: u8 = 1;
    /// As `0x…`.
    const HEX: u8 = 2;
    /// In any other way.
    const OTHER: u8 = 4;
    /// As a number.
    const NUMBER: u8 = 8;

    /// Which columns are written as `0x…` throughout, but for NULL and the empty text; `None` where a column is
    /// written in several ways, or in others.
    pub(crate) fn hexadecimal(&self) -> Option<Vec<bool>> {
        let is_hex = |shape: &u8| match *shape {
            0 | Shapes::TEXT | Shapes::NUMBER => Some(false),
            Shapes::HEX => Some(true),
            _ => None,
        };
        self.0.iter().map(is_hex).collect()
    }

    /// Tells whether a column is written as numbers.
    pub(crate) fn is_number(&self, column: usize) -> bool {
        self.0.get(column).is_some_and(|shape| shape & Shapes::NUMBER != 0)
    }

    fn add(&mut self, column: usize, shape: u8) {
        if self.0.len() <= column {
            self.0.resize(column + 1, 0);
        }
        if let Some(known) = self.0.get_mut(column) {
            *known |= shape;
        }
    }
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

    /// The names of its columns, where it has them.
    pub(crate) fn columns(&self) -> Vec<String> {
        let mut tokens = Tokens::new(self.head());
        for _ in tokens.by_ref().take_while(|token| !token.is_char(b'(')) {}
        tokens
            .take_while(|token| !token.is_char(b')'))
            .filter(Token::is_name)
            .map(|token| token.name())
            .collect()
    }

    /// Its rows, each in brackets, with commas between them.
    pub(crate) fn values(&self) -> &'a [u8] {
        self.text.get(self.head..).unwrap_or_default().trim_ascii()
    }

    /// Takes note of how its values are written; `None` where rows are not on lines of their own.
    pub(crate) fn shapes(&self, shapes: &mut Shapes) -> Option<()> {
        let mut rest = self.values();
        loop {
            let (begin, end) = tuple(rest, Some(shapes))?;
            if begin != 0 {
                return None;
            }
            match rest.get(end..)? {
                [] => return Some(()),
                after => rest = after.strip_prefix(b",\n")?,
            }
        }
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
        while let Some((begin, end)) = tuple(rest, None) {
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
            let (_, end) = tuple(text.get(at..)?, None)?;
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
fn tuple(text: &[u8], mut shapes: Option<&mut Shapes>) -> Option<(usize, usize)> {
    let begin = text.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != b',')?;
    if text.get(begin) != Some(&b'(') {
        return None;
    }
    let (mut at, mut column) = (begin + 1, 0);
    loop {
        let rest = text.get(at..)?;
        let (length, shape) = match *rest.first()? {
            b')' => return Some((begin, at + 1)),
            b',' => {
                column += 1;
                (1, 0)
            }
            b' ' | b'\n' | b'\r' | b'\t' => (1, 0),
            b'\'' => match quoted(rest)? {
                // Empty is the same in any way of writing.
                2 => (2, 0),
                length => (length, Shapes::TEXT),
            },
            b'0' if matches!(rest.get(1), Some(b'x' | b'X')) => (number(rest)?, Shapes::HEX),
            b'0'..=b'9' | b'+' | b'-' | b'.' => (number(rest)?, Shapes::NUMBER),
            b'_' => (word(rest), Shapes::OTHER),
            b'b' | b'B' | b'x' | b'X' | b'n' | b'N' if rest.get(1) == Some(&b'\'') => (1, Shapes::OTHER),
            b'N' | b'n' | b'D' | b'd' | b't' | b'T' | b'f' | b'F' => keyword(rest)?,
            _ => return None,
        };
        if let (Some(shapes), true) = (shapes.as_deref_mut(), shape != 0) {
            shapes.add(column, shape);
        }
        at += length;
    }
}

/// The few words that are literals.
fn keyword(text: &[u8]) -> Option<(usize, u8)> {
    let length = word(text);
    let found = text.get(..length)?;
    let is = |known: &str| found.eq_ignore_ascii_case(known.as_bytes());
    if is("NULL") {
        return Some((length, 0));
    }
    (is("DEFAULT") || is("TRUE") || is("FALSE")).then_some((length, Shapes::OTHER))
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
        assert!(!Insert::read(b"INSERT INTO s.t VALUES (1)").unwrap().is_for("t"));
    }

    #[test]
    fn columns_tell_how_they_are_written() {
        let read = |text: &'static str| Insert::read(text.as_bytes()).unwrap();
        let shapes = |text: &'static str| {
            let mut shapes = Shapes::default();
            read(text).shapes(&mut shapes).map(|()| shapes.hexadecimal())
        };
        let text = "INSERT INTO `t` (`a`,`b``)`,`c`,`d`) VALUES\n(1,0xFF,'',NULL),\n(NULL,'','x',NULL)";
        assert_eq!(shapes(text), Some(Some(vec![false, true, false])));
        assert_eq!(read(text).columns(), ["a", "b`)", "c", "d"]);
        assert!(read(text).values().starts_with(b"(1,"));
        assert_eq!(shapes("INSERT INTO t VALUES\n(0xFF),\n(1)"), Some(None));
        assert_eq!(shapes("INSERT INTO t VALUES\n(1),\n('1')"), Some(None));
        assert_eq!(shapes("INSERT INTO t VALUES\n(_latin1 0xFF)"), Some(None));
        assert_eq!(shapes("INSERT INTO t VALUES\n(b'1')"), Some(None));
        assert_eq!(shapes("INSERT INTO t VALUES (1),(2)"), None);
    }
}
