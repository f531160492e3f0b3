//! The comment that pg_dump writes before an entry (`_printTocEntry` in its pg_backup_archiver.c).

use std::fmt::Write;

/// What the comment before an entry says. Only names for people: what an entry defines is read from its statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The entry's tag: `orders id`, `TABLE orders`.
    pub(crate) name: String,
    /// The kind, as in pg_dump's table of contents: `TABLE`, `FK CONSTRAINT`.
    pub(crate) kind: String,
    /// The schema; none for what is in no schema.
    pub(crate) schema: Option<String>,
    /// The owner; none when there is none, or when it was left out.
    pub(crate) owner: Option<String>,
    /// What comes before `Name:` (`Data for `, `Statistics for `) and behind the owner (`; Tablespace: fast`).
    around: (String, String),
}

impl Header {
    /// Makes a header that says no more than what it is given.
    pub(crate) fn new(name: &str, kind: &str, schema: Option<&str>, owner: Option<&str>) -> Header {
        Header {
            name: name.to_owned(),
            kind: kind.to_owned(),
            schema: schema.map(str::to_owned),
            owner: owner.map(str::to_owned),
            around: Default::default(),
        }
    }

    /// Reads the comment's one line, without its end; `None` when it is some other comment.
    pub(crate) fn parse(line: &str) -> Option<Header> {
        Header::readings(line).next()
    }

    /// Lists all ways to read a line: names may hold what separates them. The likeliest comes first.
    pub(crate) fn readings(line: &str) -> impl Iterator<Item = Header> {
        let body = line.strip_prefix("-- ").and_then(|rest| {
            ["", "Data for ", "Statistics for "]
                .into_iter()
                .find_map(|prefix| Some((prefix, rest.strip_prefix(prefix)?.strip_prefix("Name: ")?)))
        });
        body.into_iter().flat_map(|(prefix, body)| {
            body.rmatch_indices("; Type: ").filter_map(move |(at, mark)| {
                let (name, rest) = body.split_at_checked(at)?;
                Header::read_rest(prefix, name, rest.strip_prefix(mark)?)
            })
        })
    }

    fn read_rest(prefix: &str, name: &str, rest: &str) -> Option<Header> {
        let (kind, rest) = rest.split_once("; Schema: ")?;
        let (schema, rest) = rest.rsplit_once("; Owner: ")?;
        let (owner, behind) = match rest.rfind("; Tablespace: ") {
            Some(at) => rest.split_at_checked(at)?,
            None => (rest, ""),
        };
        let is_kind = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ');
        let some = |text: &str| Some(text.to_owned()).filter(|text| text != "-" && !text.is_empty());
        is_kind.then(|| Header {
            name: name.to_owned(),
            kind: kind.to_owned(),
            schema: some(schema),
            owner: some(owner),
            around: (prefix.to_owned(), behind.to_owned()),
        })
    }

    /// Writes the line again, without its end; line ends in names become spaces, as pg_dump makes them.
    pub(crate) fn line(&self) -> String {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let (prefix, behind) = &self.around;
        let mut line = String::from("-- ");
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "{prefix}Name: {}; Type: {}; Schema: {}; Owner: {}{behind}",
            self.name,
            self.kind,
            or_none(&self.schema),
            or_none(&self.owner)
        );
        line.replace(['\n', '\r'], " ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_what_pg_dump_writes() {
        for (line, expected) in [
            (
                "-- Name: orders; Type: TABLE; Schema: public; Owner: bob",
                Header::new("orders", "TABLE", Some("public"), Some("bob")),
            ),
            (
                "-- Name: EXTENSION citext; Type: COMMENT; Schema: -; Owner: ",
                Header::new("EXTENSION citext", "COMMENT", None, None),
            ),
            (
                "-- Name: a; Type: x; Type: FK CONSTRAINT; Schema: s; Owner: -",
                Header::new("a; Type: x", "FK CONSTRAINT", Some("s"), None),
            ),
        ] {
            assert_eq!(Header::parse(line), Some(expected.clone()), "{line}");
            assert_eq!(Header::parse(&expected.line()), Some(expected));
        }
        let moved = "-- Data for Name: t; Type: TABLE DATA; Schema: s; Owner: o; Tablespace: fast";
        let header = Header::parse(moved).unwrap();
        assert_eq!((header.owner.as_deref(), header.line().as_str()), (Some("o"), moved));
    }

    #[test]
    fn takes_no_other_comment() {
        for line in
            ["--", "-- Name: x", "-- Name: x; Type: table; Schema: s; Owner: o", "Name: x; Type: TABLE", ""]
        {
            assert_eq!(Header::parse(line), None, "{line}");
        }
    }

    #[test]
    fn lists_every_reading_of_a_forged_line() {
        let line = "-- Name: t; Type: TABLE; Schema: s; Owner: x; Type: ACL; Schema: -; Owner: y";
        let kinds: Vec<_> = Header::readings(line).map(|header| header.kind).collect();
        assert_eq!(kinds, ["ACL", "TABLE"]);
        let header = Header::new("a\nDROP TABLE x;", "TABLE", None, None);
        assert!(!header.line().contains('\n'));
    }
}
