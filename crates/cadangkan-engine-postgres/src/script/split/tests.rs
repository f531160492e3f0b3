use proptest::prelude::*;

use super::*;

/// What a test sees of a part; pieces of rows are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Statement(Option<String>, String, u64),
    Copy(String, u64),
    Rows(Vec<u8>),
    End,
    Meta(String),
}

fn split_in(bytes: &[u8], chunk: usize, limit: usize) -> Result<Vec<Seen>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut seen = Vec::new();
    let mut take = |part: Part<'_>| {
        let next = match part {
            Part::Statement { header, text: bytes, line } => {
                Seen::Statement(header.map(|header| header.kind.clone()), text(bytes), line)
            }
            Part::CopyBegin { text: bytes, line, .. } => Seen::Copy(text(bytes), line),
            Part::CopyData(piece) => {
                assert!(!piece.is_empty());
                if let Some(Seen::Rows(rows)) = seen.last_mut() {
                    rows.extend(piece);
                    return Ok(());
                }
                Seen::Rows(piece.to_vec())
            }
            Part::CopyEnd => Seen::End,
            Part::Meta(line) => Seen::Meta(line.to_owned()),
        };
        seen.push(next);
        Ok(())
    };
    let mut splitter = Splitter::with_limit(limit);
    bytes.chunks(chunk.max(1)).try_for_each(|chunk| splitter.push(chunk, &mut take))?;
    splitter.finish(&mut take)?;
    Ok(seen)
}

/// Splits whole and byte by byte, and expects the same.
fn split(text: &str) -> Result<Vec<Seen>> {
    let whole = split_in(text.as_bytes(), usize::MAX, MAX_STATEMENT);
    let by_byte = split_in(text.as_bytes(), 1, MAX_STATEMENT);
    match (&whole, &by_byte) {
        (Ok(whole), Ok(by_byte)) => assert_eq!(whole, by_byte),
        (Err(whole), Err(by_byte)) => assert_eq!(format!("{whole:?}"), format!("{by_byte:?}")),
        _ => panic!("{whole:?} is not {by_byte:?}"),
    }
    whole
}

fn statements(text: &str) -> Vec<String> {
    let parts = split(text).unwrap();
    let texts = parts.into_iter().map(|part| match part {
        Seen::Statement(_, text, _) => text,
        other => panic!("{other:?}"),
    });
    texts.collect()
}

fn fails(text: &str) -> ErrorKind {
    split(text).unwrap_err().kind()
}

#[test]
fn finds_the_ends_of_statements() {
    assert_eq!(statements(""), [""; 0]);
    assert_eq!(statements(" ;; \n;"), [""; 0]);
    assert_eq!(statements("a;b ;\n c\n;"), ["a", "b", "c"]);
    for whole in [
        "SELECT ';', E'\\';', '''', E'\\\\', U&'\\0041;', B'0;'",
        "SELECT \"we;ird\", \"a\"\"b;\", U&\"x;\"",
        "DO $$ ; $a$ ; $$",
        "DO $tag$ ; $$ ; $tagx$ $tag $ $tag$",
        "DO $日本$ ; $日本$",
        "SELECT a$b$c;".trim_end_matches(';'),
        "SELECT 1 /* ; /* nested ; */ ; */ + 2 -- ; '\n+ 3",
        "SELECT 1 +/* ; */ 2 *-- ;\n 3",
        "SELECT 1 /*/ ; */",
        "SELECT E'a'\n'\\';'",
        "SELECT E'a' -- comment\n  '\\';'",
        "CREATE RULE r AS ON INSERT TO t DO INSTEAD (UPDATE t SET a = 1; DELETE FROM t;)",
        "SELECT '日本; 語', \"é;\"",
        "SELECT $1, $2::text, 1-1, a/b, 1$$;$$",
        "SELECT $e'\\';'",
    ] {
        assert_eq!(statements(&format!("{whole};\nnext;")), [whole, "next"], "{whole}");
    }
    assert_eq!(statements("SELECT 'a\\'; SELECT 'b\\';"), ["SELECT 'a\\'", "SELECT 'b\\'"]);
    assert_eq!(statements("SELECT E'a' '\\'; x;"), ["SELECT E'a' '\\'", "x"]);
}

#[test]
fn keeps_bodies_of_functions_together() {
    for whole in [
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END",
        "create or replace procedure p(a int) begin atomic delete from t; end",
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql\nBEGIN ATOMIC\n  SELECT (CASE 1 END);\nEND",
        "CREATE FUNCTION f(\"begin\" int) RETURNS int BEGIN ATOMIC SELECT \"end\"; END",
    ] {
        assert_eq!(statements(&format!("{whole}; next;")), [whole, "next"], "{whole}");
    }
    assert_eq!(statements("BEGIN; SELECT 1; END;"), ["BEGIN", "SELECT 1", "END"]);
    assert_eq!(statements("CREATE TABLE begin; END;"), ["CREATE TABLE begin", "END"]);
    assert_eq!(fails("CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;"), ErrorKind::DamagedBackup);
}

#[test]
fn believes_headers_only_between_statements() {
    let header = "--\n-- Name: t; Type: TABLE; Schema: s; Owner: o\n--\n\n";
    let forged = "'\n-- Name: x; Type: ACL; Schema: s; Owner: o\n'";
    let text = format!("{header}CREATE {forged};\nALTER x;\n\n{header}$$\n{header}$$;");
    let kinds: Vec<_> = split(&text)
        .unwrap()
        .into_iter()
        .map(|part| match part {
            Seen::Statement(kind, _, line) => (kind, line),
            other => panic!("{other:?}"),
        })
        .collect();
    let table = || Some("TABLE".to_owned());
    assert_eq!(kinds, [(table(), 5), (None, 8), (table(), 14)]);
}

#[test]
fn passes_rows_on() {
    let rows = "1\t\\N\n\\\\.\n\\.x\n \\.\n\\..\n\\\n\\.\rx\n;--'$$\n";
    for (end, after) in [("\\.\n", "SELECT 1;"), ("\\.\r\n", ""), ("\\.", "")] {
        let text = format!("COPY a.b (x) FROM stdin;\n{rows}{end}{after}");
        let mut expected = vec![
            Seen::Copy("COPY a.b (x) FROM stdin".to_owned(), 1),
            Seen::Rows(rows.as_bytes().to_vec()),
            Seen::End,
        ];
        if !after.is_empty() {
            expected.push(Seen::Statement(None, "SELECT 1".to_owned(), 11));
        }
        assert_eq!(split(&text).unwrap(), expected, "{end:?}");
    }
    let empty = split("COPY t FROM STDIN WITH (FORMAT csv); \r\n\\.\n").unwrap();
    assert_eq!(empty.len(), 2);
    assert_eq!(statements("COPY t TO stdout; COPY t FROM 'stdin';").len(), 2);
    assert_eq!(fails("COPY t FROM stdin; SELECT 1;\n\\.\n"), ErrorKind::Unsupported);
    for cut in [
        "COPY t FROM stdin;",
        "COPY t FROM stdin;\n",
        "COPY t FROM stdin;\n1\n\\",
        "COPY t FROM stdin;\n1\\.",
    ] {
        assert_eq!(fails(cut), ErrorKind::DamagedBackup, "{cut}");
    }
}

#[test]
fn knows_the_commands_of_dumps_only() {
    let parts =
        split("\\restrict abc\nSELECT 1;\n\\connect -reuse-previous=on \"dbname='x'\"\n\\unrestrict abc")
            .unwrap();
    assert_eq!(parts.len(), 4);
    assert_eq!(parts[0], Seen::Meta("\\restrict abc".to_owned()));
    for text in
        ["\\! rm\n", "SELECT 1 \\g /x\n;", " \\restrict a\n", "\\\n", "SELECT 1\\;;", "\\connectx\n", "\\i x"]
    {
        assert_eq!(fails(text), ErrorKind::Unsupported, "{text}");
    }
    assert_eq!(fails("SET standard_conforming_strings = off;"), ErrorKind::Unsupported);
    assert_eq!(statements("SET standard_conforming_strings = on;").len(), 1);
}

#[test]
fn a_cut_script_is_damaged() {
    for text in ["SELECT 1", "SELECT 'a;", "\"a;", "$$ ;", "/* a", "/* /* */", "E'\\';", "(a;", "'", "x -- c"]
    {
        assert_eq!(fails(text), ErrorKind::DamagedBackup, "{text}");
    }
    assert_eq!(statements("a; -- comment"), ["a"]);
    assert_eq!(statements("a; /* comment */ "), ["a"]);
}

#[test]
fn memory_is_bounded() {
    for text in ["SELECT 123456789", "-- 01234567890123456789", "\\restrict 1234567890123456"] {
        let error = split_in(text.as_bytes(), 3, 12).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{text}");
    }
    assert!(split_in(b"SELECT 1; SELECT 2; SELECT 3;\n-- 0123456\n", 3, 12).is_ok());
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "'",
        "\"",
        "$",
        "$$",
        "$a$",
        "--",
        "/*",
        "*/",
        "\n",
        "\r",
        "\\",
        "\\.",
        "\\.\n",
        ";",
        "(",
        ")",
        "E'",
        "e",
        " ",
        "COPY t FROM stdin;\n",
        "CREATE FUNCTION ",
        "BEGIN ",
        "CASE ",
        "END ",
        "1",
        ".",
        "U&",
        "日本",
        "-",
        "/",
        "*",
        "-- Name: t; Type: TABLE; Schema: s; Owner: o\n",
        "\\restrict x\n",
        "\t",
        "x",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn chunks_do_not_matter(bytes in pieces(), chunk in 1_usize..7) {
        let whole = split_in(&bytes, usize::MAX, MAX_STATEMENT);
        let cut = split_in(&bytes, chunk, MAX_STATEMENT);
        prop_assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300), chunk in 1_usize..50) {
        let whole = split_in(&bytes, usize::MAX, MAX_STATEMENT);
        prop_assert_eq!(format!("{whole:?}"), format!("{:?}", split_in(&bytes, chunk, MAX_STATEMENT)));
    }
}
