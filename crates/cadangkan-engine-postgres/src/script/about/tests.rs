use super::*;
use crate::script::Header;

fn entry(statements: &[&str]) -> Entry {
    Entry {
        header: Header::new("x", "X", None, None),
        statements: statements.iter().map(|text| (*text).to_owned()).collect(),
        settings: Vec::new(),
    }
}

fn name(text: &str) -> Option<QualifiedName> {
    name_in(text)
}

#[test]
fn knows_what_is_made_and_where_it_belongs() {
    for (statement, defines, table) in [
        ("CREATE TABLE public.a ()", "public.a", "public.a"),
        ("CREATE UNLOGGED TABLE \"A\".\"b.c\" ()", "\"A\".\"b.c\"", "\"A\".\"b.c\""),
        ("CREATE FOREIGN TABLE s.f () SERVER x", "s.f", "s.f"),
        ("CREATE RECURSIVE VIEW s.v AS SELECT 1", "s.v", "s.v"),
        ("CREATE OR REPLACE VIEW s.v AS SELECT 1", "s.v", "s.v"),
        ("CREATE UNIQUE INDEX \"on\" ON ONLY s.t USING btree (a)", "s.\"on\"", "s.t"),
        (
            "CREATE TRIGGER t BEFORE UPDATE OF \"on\", b ON s.t FOR EACH ROW EXECUTE FUNCTION s.f()",
            "t",
            "s.t",
        ),
        ("CREATE CONSTRAINT TRIGGER t AFTER INSERT ON s.t FROM s.u EXECUTE FUNCTION f()", "t", "s.t"),
        ("CREATE RULE \"to\" AS ON INSERT TO s.t DO NOTHING", "\"to\"", "s.t"),
        ("CREATE POLICY p ON s.t FOR SELECT TO r USING (true)", "p", "s.t"),
        ("CREATE STATISTICS s.n ON (EXTRACT(year FROM d)), a FROM s.t", "s.n", "s.t"),
        ("ALTER TABLE ONLY s.t ADD CONSTRAINT \"c d\" PRIMARY KEY (a)", "s.\"c d\"", "s.t"),
        ("ALTER TABLE s.t ALTER COLUMN i ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME s.q)", "s.q", "s.t"),
        ("ALTER TABLE ONLY s.t ALTER COLUMN a SET DEFAULT 1", "", "s.t"),
        ("ALTER TABLE s.t ENABLE ROW LEVEL SECURITY", "", "s.t"),
        ("ALTER TABLE ONLY s.parent ATTACH PARTITION s.child FOR VALUES IN (1)", "", "s.child"),
        ("ALTER INDEX s.a ATTACH PARTITION s.b", "", ""),
        ("ALTER SEQUENCE s.q OWNED BY s.\"t.t\".c", "", "s.\"t.t\""),
        ("ALTER PUBLICATION p ADD TABLE ONLY s.t WHERE (a > 1)", "", "s.t"),
        ("COMMENT ON TABLE s.t IS 'x'", "", "s.t"),
        ("COMMENT ON COLUMN s.t.c IS 'x'", "", "s.t"),
        ("COMMENT ON CONSTRAINT c ON s.t IS 'x'", "", "s.t"),
        ("COMMENT ON CONSTRAINT c ON DOMAIN s.d IS 'x'", "", ""),
        ("COMMENT ON FUNCTION s.f(integer) IS 'x'", "", ""),
        ("SECURITY LABEL FOR dummy ON COLUMN s.t.c IS 'x'", "", "s.t"),
        ("GRANT SELECT(a,b),UPDATE(c) ON TABLE s.t TO PUBLIC", "", "s.t"),
        ("REVOKE ALL ON SEQUENCE s.q FROM x", "", "s.q"),
        ("GRANT ALL ON s.t TO x", "", "s.t"),
        ("GRANT USAGE ON SCHEMA s TO x", "", ""),
        ("REFRESH MATERIALIZED VIEW s.m", "", "s.m"),
        ("SELECT pg_catalog.setval('s.\"q''x\"', 1, true)", "", "s.\"q'x\""),
        ("CREATE OPERATOR s.<-> (FUNCTION = s.f)", "s.x", ""),
        ("CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA s", "\"uuid-ossp\"", ""),
        ("CREATE SCHEMA \"a;b\"", "\"a;b\"", ""),
        ("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION s.f()", "e", ""),
        ("CREATE CAST (a AS b) WITHOUT FUNCTION", "", ""),
        ("CREATE", "", ""),
        ("ALTER TABLE", "", ""),
        ("", "", ""),
    ] {
        let entry = entry(&[statement]);
        if !statement.starts_with("CREATE OPERATOR") {
            assert_eq!(entry.defines(), name(defines), "{statement}");
        }
        assert_eq!(entry.table(), name(table), "{statement}");
    }
    assert_eq!(
        entry(&["CREATE OPERATOR s.<-> (FUNCTION = s.f)"]).defines(),
        Some(QualifiedName::of("s", "<->"))
    );
}

#[test]
fn finds_names_but_not_in_strings_and_bodies() {
    let references =
        |text: &str| -> Vec<String> { entry(&[text]).references().iter().map(ToString::to_string).collect() };
    assert_eq!(
        references(
            "CREATE TABLE S.\"T\" (a s.d DEFAULT nextval('s.\"Q\"'::regclass), b text DEFAULT 's.x', -- s.y\n c other.typ[])"
        ),
        ["s.T", "s.d", "s.Q", "other.typ"]
    );
    assert_eq!(
        references("SELECT $$ s.x $$, 's.f'::pg_catalog.regproc, 's.z'::text, E's.e'::regclass"),
        ["s.f", "pg_catalog.regproc", "s.e"]
    );
    assert_eq!(references("SELECT a OPERATOR(s.<=>) b, s . t . c, \"unfinished"), ["s.<=>", "s.t"]);
    assert_eq!(references("s. .t 'x'::regclass ."), [""; 0]);
}

#[test]
fn owners_are_told_and_left_out() {
    for (statement, is) in [
        ("ALTER TABLE s.t OWNER TO x", true),
        ("ALTER FUNCTION s.f(a integer) OWNER TO x", true),
        ("ALTER OPERATOR s.+ (integer, NONE) OWNER TO x", true),
        ("ALTER LARGE OBJECT 1 OWNER TO x", true),
        ("ALTER TABLE s.owner ADD COLUMN \"OWNER TO\" text", false),
        ("ALTER SEQUENCE s.q OWNED BY s.t.c", false),
        ("COMMENT ON TABLE s.t IS 'ALTER TABLE s.t OWNER TO x'", false),
        ("CREATE TABLE s.t ()", false),
    ] {
        assert_eq!(Entry::is_owner_statement(statement), is, "{statement}");
    }
    let mut whole =
        entry(&["CREATE TABLE s.t ()", "ALTER TABLE s.t OWNER TO x", "ALTER TABLE s.t CLUSTER ON i"]);
    whole.header.owner = Some("x".to_owned());
    let without = whole.without_owner();
    assert_eq!(without.statements, ["CREATE TABLE s.t ()", "ALTER TABLE s.t CLUSTER ON i"]);
    assert_eq!(without.header.owner, None);
}
