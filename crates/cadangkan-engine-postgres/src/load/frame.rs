//! A frame of rows: `COPY … FROM stdin;`, the rows, and `\.`.

use cadangkan_core::{Error, ErrorKind, ObjectName, Result};
use cadangkan_pgwire::identifier;

/// A frame of rows, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RowFrame<'a> {
    pub(super) head: CopyHead<'a>,
    /// The rows, each with its line end.
    pub(super) rows: &'a [u8],
}

/// A `COPY … FROM stdin`, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CopyHead<'a> {
    /// The table, as the statement names it.
    pub(super) table: ObjectName,
    /// What stands between the table and `FROM`: nothing, or columns in parentheses.
    columns: &'a str,
    /// What stands behind `stdin`: options of COPY.
    pub(super) options: &'a str,
}

impl<'a> RowFrame<'a> {
    /// Takes a frame apart.
    ///
    /// # Errors
    /// `DamagedBackup` when it is anything else; so nothing but rows of the named table is ever run from it.
    pub(super) fn read(data: &'a [u8], expected: &ObjectName) -> Result<RowFrame<'a>> {
        let read = || {
            let end = end_of_head(data)?;
            let head = CopyHead::read(str::from_utf8(data.get(..end)?).ok()?)?;
            let rest = data.get(end..)?.strip_prefix(b";\n")?;
            let rows = rest.strip_suffix(b"\\.\n\n").or_else(|| rest.strip_suffix(b"\\.\n"))?;
            let is_whole = rows.is_empty() || rows.ends_with(b"\n");
            let is_meant = head.table.schema == expected.schema && head.table.name == expected.name;
            (is_whole && is_meant && head.options.is_empty()).then_some(RowFrame { head, rows })
        };
        read().ok_or_else(|| {
            Error::new(ErrorKind::DamagedBackup, "a frame of rows is not what it should be")
                .context("table", expected)
                .hint("restore another backup, or another storage's copy of it")
        })
    }
}

impl<'a> CopyHead<'a> {
    /// Reads `COPY schema.table (columns) FROM stdin`; `None` when it is anything else.
    pub(super) fn read(text: &'a str) -> Option<CopyHead<'a>> {
        let rest = strip_word(text.trim(), "COPY")?.trim_start();
        let (first, rest) = name(rest)?;
        let (table, rest) = match rest.strip_prefix('.') {
            Some(rest) => {
                let (second, rest) = name(rest)?;
                (ObjectName { schema: Some(first), ..ObjectName::new(second) }, rest)
            }
            None => (ObjectName::new(first), rest),
        };
        let rest = rest.trim_start();
        let (columns, rest) =
            if rest.starts_with('(') { rest.split_at_checked(parentheses(rest)?)? } else { ("", rest) };
        let rest = strip_word(rest.trim_start(), "FROM")?.trim_start();
        let options = strip_word(rest, "stdin")?.trim();
        Some(CopyHead { table, columns, options })
    }

    /// The columns that are named, as the server keeps their names; `None` when they are anything else than names.
    pub(super) fn column_names(&self) -> Option<Vec<String>> {
        let mut rest = match self.columns {
            "" => return Some(Vec::new()),
            columns => columns.strip_prefix('(')?.strip_suffix(')')?,
        };
        let mut names = Vec::new();
        loop {
            let (found, after) = name(rest.trim_start())?;
            names.push(found);
            rest = match after.trim_start() {
                "" => return Some(names),
                after => after.strip_prefix(',')?,
            };
        }
    }

    /// The statement, for a table that may have another schema here.
    pub(super) fn statement(&self, table: &ObjectName) -> String {
        let schema =
            table.schema.as_ref().map(|schema| format!("{}.", identifier(schema))).unwrap_or_default();
        let space = if self.columns.is_empty() { "" } else { " " };
        let statement = format!(
            "COPY {schema}{}{space}{} FROM STDIN {}",
            identifier(&table.name),
            self.columns,
            self.options
        );
        statement.trim_end().to_owned()
    }
}

/// Where the statement of a frame ends: at the first `;` outside of quotes.
fn end_of_head(data: &[u8]) -> Option<usize> {
    let mut quoted = false;
    data.iter().position(|byte| {
        quoted ^= *byte == b'"';
        *byte == b';' && !quoted
    })
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (begin, rest) = text.split_at_checked(word.len())?;
    let ends = rest.chars().next().is_none_or(|next| !next.is_alphanumeric() && next != '_');
    (begin.eq_ignore_ascii_case(word) && ends).then_some(rest)
}

/// Reads a name, quoted or not; returns it as the server keeps it.
fn name(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let is_part = |character: char| {
            character.is_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
        };
        let end = text.find(|character| !is_part(character)).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end)?;
        return (!word.is_empty()).then(|| (word.to_ascii_lowercase(), rest));
    };
    let (mut found, mut rest) = (String::new(), quoted);
    loop {
        let (before, after) = rest.split_once('"')?;
        found.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                found.push('"');
                rest = after;
            }
            None => return Some((found, after)),
        }
    }
}

/// How long a text in parentheses is, quoted names counted as they are.
fn parentheses(text: &str) -> Option<usize> {
    let mut quoted = false;
    let end = text.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b')' && !quoted
    })?;
    Some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(schema: &str, name: &str) -> ObjectName {
        ObjectName { schema: Some(schema.into()), ..ObjectName::new(name) }
    }

    #[test]
    fn frames_are_taken_apart() {
        let frame = "COPY public.\"o\"\"d; d\" (id, \"x); FROM\") FROM stdin;\n1\ta\n2\t\\\\.\n\\.\n\n";
        let expected = table("public", "o\"d; d");
        let read = RowFrame::read(frame.as_bytes(), &expected).unwrap();
        assert_eq!(read.rows, b"1\ta\n2\t\\\\.\n");
        assert_eq!(
            read.head.statement(&table("neu", "o\"d; d")),
            "COPY \"neu\".\"o\"\"d; d\" (id, \"x); FROM\") FROM STDIN"
        );
        assert_eq!(read.head.column_names().unwrap(), ["id", "x); FROM"]);
        let none = RowFrame::read(b"COPY s.t FROM stdin;\n\n\n\\.\n\n", &table("s", "t")).unwrap();
        assert_eq!(
            (none.rows, none.head.statement(&table("s", "t")).as_str()),
            (&b"\n\n"[..], "COPY \"s\".\"t\" FROM STDIN")
        );
    }

    #[test]
    fn anything_else_is_damage() {
        let wrong = [
            "",
            "COPY s.t FROM stdin;\n1\n",
            "COPY s.t FROM stdin;\n1\\.\n\n",
            "COPY s.other FROM stdin;\n\\.\n\n",
            "COPY t FROM stdin;\n\\.\n\n",
            "COPY s.t FROM PROGRAM 'id';\n\\.\n\n",
            "COPY s.t FROM stdin WITH (FORMAT binary);\n\\.\n\n",
            "COPY s.t (a FROM stdin;\n\\.\n\n",
            "DROP TABLE s.t; COPY s.t FROM stdin;\n\\.\n\n",
            "COPY s.t FROM stdin\n\\.\n\n",
        ];
        for frame in wrong {
            let error = RowFrame::read(frame.as_bytes(), &table("s", "t")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{frame:?}");
        }
    }

    #[test]
    fn hand_written_statements_are_read_too() {
        let head = CopyHead::read("copy Orders(a,b) from STDIN with (format csv)").unwrap();
        assert_eq!((head.table, head.options), (ObjectName::new("orders"), "with (format csv)"));
        let spaced = CopyHead::read("COPY s.t\n  (a)\n  FROM stdin").unwrap();
        assert_eq!(spaced.table, table("s", "t"));
        for bad in
            ["COPY", "COPY \"a FROM stdin", "COPY t TO stdout", "COPYt FROM stdin", "COPY t FROM stdinx"]
        {
            assert_eq!(CopyHead::read(bad), None, "{bad}");
        }
    }
}
