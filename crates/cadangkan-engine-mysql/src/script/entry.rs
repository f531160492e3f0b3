//! The comment line with which each entry of our own scripts begins.

/// How such a line begins.
const MARK: &str = "-- Cadangkan: ";

/// What an entry is: `-- Cadangkan: kind=TRIGGER name="a" table="b"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// In capitals: `TABLE`, `SEQUENCE VALUE`.
    pub(crate) kind: String,
    /// The object's name, unquoted.
    pub(crate) name: String,
    /// The table that it belongs to.
    pub(crate) table: Option<String>,
}

impl Header {
    /// Reads a comment line; `None` when it is anybody's.
    pub(crate) fn read(line: &[u8]) -> Option<Header> {
        let text = str::from_utf8(line).ok()?.trim_end().strip_prefix(MARK)?;
        let rest = text.strip_prefix("kind=")?;
        let (kind, rest) = rest.split_once(" name=")?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        let name = values.next()?.ok()?;
        let after = rest.get(values.byte_offset()..)?.trim_start();
        let table = match after.strip_prefix("table=") {
            Some(table) => {
                Some(serde_json::Deserializer::from_str(table).into_iter::<String>().next()?.ok()?)
            }
            None => None,
        };
        Some(Header { kind: kind.trim().to_owned(), name, table })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let read = |line: &str| Header::read(line.as_bytes());
        let header = read("-- Cadangkan: kind=TRIGGER name=\"a \\\"b\\\" name=\" table=\"t;\"\r\n").unwrap();
        assert_eq!((header.kind.as_str(), header.name.as_str()), ("TRIGGER", "a \"b\" name="));
        assert_eq!(header.table.as_deref(), Some("t;"));
        let value = read("-- Cadangkan: kind=SEQUENCE VALUE name=\"s\"").unwrap();
        assert_eq!((value.kind.as_str(), value.table), ("SEQUENCE VALUE", None));
        for other in
            ["-- Cadangkan 0.1", "-- Cadangkan: kind=X name=\"", "-- x", "", "-- Cadangkan: kind=X name=x"]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
