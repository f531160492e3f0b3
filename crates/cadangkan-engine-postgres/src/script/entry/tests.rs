use super::*;

const PRE: &str = include_str!("../fixtures/rich-pre.sql");
const POST: &str = include_str!("../fixtures/rich-post.sql");

/// The lines of a dump that its definitions are made of. `Owner: ` and `Owner: -` say the same.
fn essence(text: &str) -> Vec<String> {
    let noise = ["-- Dumped ", "-- PostgreSQL database", "\\restrict", "\\unrestrict"];
    let is_noise =
        |line: &str| line.is_empty() || line == "--" || noise.iter().any(|noise| line.starts_with(noise));
    let lines = text.lines().filter(|line| !is_noise(line));
    lines.map(|line| if line.ends_with("; Owner: ") { format!("{line}-") } else { line.to_owned() }).collect()
}

/// The script as a dump would hold it.
fn whole(script: &Script) -> String {
    let preamble: String = script.preamble.iter().map(|statement| format!("{statement};\n")).collect();
    format!("{preamble}\n{}", write(&script.entries))
}

#[test]
fn a_real_dump_is_read_and_written_back() {
    for (text, entries) in [(PRE, 67), (POST, 38)] {
        let script = parse(text).unwrap();
        assert!(script.entries.len() >= entries, "{}", script.entries.len());
        assert_eq!(script.preamble.len(), 10);
        let (written, given) = (whole(&script), essence(text));
        assert_eq!(essence(&written).iter().zip(&given).find(|(written, given)| written != given), None);
        assert_eq!(essence(&written).len(), given.len());
        assert_eq!(parse(&whole(&script)).unwrap(), script);
        let alone: String = script.entries.iter().map(Entry::text).collect();
        assert_eq!(parse(&alone).unwrap().entries, script.entries);
    }
}

#[test]
fn every_entry_alone_is_read_to_the_same() {
    for entry in parse(PRE).unwrap().entries {
        assert_eq!(parse(&entry.text()).unwrap().entries, [entry]);
    }
}

#[test]
fn settings_hold_until_they_change() {
    let text = "SET a = 1;\nSET default_tablespace = '';\n\n-- Name: a; Type: TABLE; Schema: s; Owner: o\nCREATE TABLE s.a();\n\
        SET default_tablespace = fast;\nSET default_table_access_method = heap;\n\
        -- Name: b; Type: TABLE; Schema: s; Owner: o; Tablespace: fast\nCREATE TABLE s.b();\nALTER TABLE s.b OWNER TO o;\n";
    let script = parse(text).unwrap();
    assert_eq!(script.preamble, ["SET a = 1"]);
    let [a, b] = script.entries.as_slice() else { panic!("{script:?}") };
    assert_eq!(a.settings, ["SET default_tablespace = ''"]);
    assert_eq!(b.settings, ["SET default_tablespace = fast", "SET default_table_access_method = heap"]);
    assert_eq!(b.statements.len(), 2);
    assert_eq!(b.header.owner.as_deref(), Some("o"));
    assert!(b.text().contains("Owner: o; Tablespace: fast"));
    assert_eq!(parse(&whole(&script)).unwrap(), script);
}

#[test]
fn a_forged_comment_does_not_change_the_kind() {
    for (statement, line, kind) in [
        (
            "CREATE TABLE x.t()",
            "-- Name: t; Type: TABLE; Schema: x; Type: ACL; Schema: -; Owner: y; Owner: o",
            "TABLE",
        ),
        (
            "GRANT ALL ON TABLE t TO x",
            "-- Name: TABLE t; Type: ACL; Schema: x; Owner: a; Type: TABLE; Schema: -; Owner: b",
            "ACL",
        ),
        (
            "COMMENT ON TABLE t IS 'x'",
            "-- Name: TABLE t; Type: COMMENT; Schema: x; Owner: a; Type: VIEW; Schema: -; Owner: b",
            "COMMENT",
        ),
        (
            "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO x",
            "-- Name: P; Type: DEFAULT ACL; Schema: -; Owner: o",
            "DEFAULT ACL",
        ),
    ] {
        let script = parse(&format!("--\n{line}\n--\n\n{statement};\n")).unwrap();
        assert_eq!(script.entries[0].header.kind, kind, "{line}");
        assert_eq!(parse(&whole(&script)).unwrap(), script);
    }
    let tables = parse(PRE).unwrap().entries.into_iter().filter(|entry| entry.header.kind == "TABLE");
    let schemas: Vec<_> = tables.filter_map(|entry| entry.header.schema).collect();
    assert!(schemas.contains(&"x; Type: ACL; Schema: -; Owner: y".to_owned()), "{schemas:?}");
}

#[test]
fn a_statement_may_end_in_a_comment() {
    let script =
        parse("-- Name: t; Type: TABLE; Schema: s; Owner: o\nCREATE TABLE s.t() -- why; not\n;\n").unwrap();
    assert_eq!(script.entries[0].statements, ["CREATE TABLE s.t() -- why; not"]);
    assert_eq!(parse(&whole(&script)).unwrap(), script);
}

#[test]
fn refuses_what_holds_no_definitions() {
    for (text, kind) in [
        ("COPY t FROM stdin;\n\\.\n", ErrorKind::Unsupported),
        ("\\connect x\n", ErrorKind::Unsupported),
        ("CREATE TABLE", ErrorKind::DamagedBackup),
    ] {
        assert_eq!(parse(text).unwrap_err().kind(), kind, "{text}");
    }
    assert_eq!(parse("").unwrap(), Script::default());
}
