//! Parts of a database.

use cadangkan_core::{ErrorKind, Pattern, Selection};
use cadangkan_engine::{DumpRequest, LoadMode, LoadRequest};
use cadangkan_testkit::servers::postgres;

use crate::load_support::{fresh, plan, tables as selected, told};
use crate::support::{controlled, dump, engine, load};

fn schemas(names: &[&str]) -> Selection {
    Selection {
        schemas: names.iter().map(|name| Pattern((*name).to_owned())).collect(),
        ..Selection::default()
    }
}

#[test]
fn a_schema_without_tables_is_one_all_the_same() {
    for server in postgres() {
        let source = server.database();
        source.psql(
            "CREATE SCHEMA \"Tools\"; CREATE FUNCTION \"Tools\".twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';
             CREATE TYPE \"Tools\".mood AS ENUM ('good'); CREATE SCHEMA app; CREATE TABLE app.t (a int); CREATE SCHEMA bare;",
        );
        let of = |names: &[&str]| DumpRequest { selection: schemas(names), ..DumpRequest::default() };
        for names in [&["Tools"][..], &["Tools", "bare"], &["To*"], &["bare"]] {
            let planned = controlled(|control| engine(&source).plan_dump(&of(names), control));
            assert!(planned.unwrap().objects.is_empty(), "{names:?}");
            let dumped =
                dump(&*engine(&source), &of(names)).unwrap_or_else(|error| panic!("{}", told(&error)));
            // Also beside what the target has.
            let target = server.database();
            target.psql("CREATE TABLE mine AS SELECT 1 AS a");
            load(&*engine(&target), &dumped, &fresh(&dumped)).map(drop).unwrap_err();
            let request = LoadRequest { selection: schemas(names), ..fresh(&dumped) };
            load(&*engine(&target), &dumped, &request).unwrap_or_else(|error| panic!("{}", told(&error)));
            let made = target.psql("SELECT string_agg(nspname, ',' ORDER BY nspname) FROM pg_namespace WHERE nspname IN ('Tools', 'app', 'bare')");
            let expected =
                names.iter().map(|name| name.replace("To*", "Tools")).collect::<Vec<_>>().join(",");
            assert_eq!(made.trim(), expected);
            if expected.contains("Tools") {
                assert_eq!(target.psql("SELECT \"Tools\".twice(21), 'good'::\"Tools\".mood"), "42|good\n");
            }
            assert_eq!(target.psql("SELECT a FROM mine"), "1\n");
        }
        for names in [&["tools"][..], &["Tools", "gone"], &["x*"]] {
            let error = dump(&*engine(&source), &of(names)).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{names:?}: {}", told(&error));
            let planned = controlled(|control| engine(&source).plan_dump(&of(names), control));
            assert_eq!(planned.err().unwrap().kind(), ErrorKind::NotFound, "{names:?}");
        }
    }
}

#[test]
fn functions_of_a_whole_backup_are_put_beside_what_is_there() {
    for server in postgres() {
        let source = server.database();
        source.psql(
            "CREATE SCHEMA tools; CREATE FUNCTION tools.twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1'; CREATE TABLE t (a int);",
        );
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let target = server.database();
        target.psql("CREATE TABLE t (a int); CREATE TABLE u (a int)");
        let request = LoadRequest { selection: schemas(&["tools"]), ..dumped.request(LoadMode::Fresh) };
        assert!(!plan(&*engine(&target), &request).unwrap().destructive);
        load(&*engine(&target), &dumped, &request).unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!(target.psql("SELECT tools.twice(4)"), "8\n");
    }
}

#[test]
fn a_partition_alone_comes_without_the_triggers_of_its_parent() {
    for server in postgres() {
        let source = server.database();
        source.psql(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
             CREATE TABLE whole (a int) PARTITION BY LIST (a); CREATE TABLE a_part PARTITION OF whole FOR VALUES IN (1);
             INSERT INTO whole VALUES (1); CREATE TRIGGER x BEFORE INSERT ON a_part FOR EACH ROW EXECUTE FUNCTION f();
             CREATE TRIGGER noted AFTER INSERT ON whole FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE a_part DISABLE TRIGGER noted;",
        );
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let switched = "SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger ORDER BY 1::text, 2";
        for (tables, expected) in [
            (&["a_part"][..], "a_part|x|O\n".to_owned()),
            (&["a_part", "whole"], source.psql(switched)),
            (&["*"], source.psql(switched)),
        ] {
            let target = server.database();
            let request = LoadRequest { selection: selected(tables), ..fresh(&dumped) };
            load(&*engine(&target), &dumped, &request).unwrap_or_else(|error| panic!("{}", told(&error)));
            assert_eq!(target.psql(switched), expected, "{tables:?} on {}", server.version);
        }
        let target = server.database();
        load(&*engine(&target), &dumped, &fresh(&dumped)).unwrap();
        assert_eq!(target.psql(switched), source.psql(switched));
    }
}
