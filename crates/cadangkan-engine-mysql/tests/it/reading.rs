//! What a user may read: all of it, or every lack named before anything is dumped; and odd databases.

use cadangkan_core::{ErrorKind, Pattern, Selection};
use cadangkan_engine::{DumpOptions, DumpRequest, LoadMode};
use cadangkan_testkit::mysql::{main_server, servers};
use serde_json::json;

use crate::load_support::told;
use crate::support::{controlled, dump, engine, engine_with, load};

fn without(tables: &[&str]) -> DumpRequest {
    let exclude_tables = tables.iter().map(|name| Pattern((*name).to_owned())).collect();
    DumpRequest { selection: Selection { exclude_tables, ..Selection::default() }, ..DumpRequest::default() }
}

#[test]
fn everything_that_may_not_be_read_is_named_at_once() {
    for server in servers() {
        let database = server.database();
        database.run(
            "CREATE TABLE open (a int); CREATE TABLE secret (a int, b int); CREATE TABLE partly (a int, b int);
             CREATE VIEW looks AS SELECT a FROM open;
             CREATE TRIGGER t BEFORE INSERT ON open FOR EACH ROW SET @x = 1;
             CREATE PROCEDURE p() SELECT 1;",
        );
        let on = |table: &str, what: &str| format!("{what} ON {}.{table}", database.name);
        let grants = [
            on("open", "SELECT"),
            on("secret", "INSERT"),
            on("partly", "SELECT (a), INSERT"),
            on("looks", "SELECT"),
        ];
        let mut grants: Vec<&str> = grants.iter().map(String::as_str).collect();
        grants.push("EXECUTE");
        let user = database.plain_user(&grants);
        let engine_of = engine_with(&user.url, json!({}));
        let error = dump(&*engine_of, &DumpRequest::default()).err().unwrap();
        let text = told(&error);
        assert_eq!(error.kind(), ErrorKind::Denied, "{server}: {text}");
        for name in [
            "table secret (SELECT)",
            "table partly (SELECT)",
            "view looks (SHOW VIEW)",
            "(TRIGGER)",
            "(EVENT)",
            "procedure p",
        ] {
            assert!(text.contains(name), "{server}: {name}: {text}");
        }
        assert!(!text.contains("table open"), "{server}: {text}");
        let planned = controlled(|control| engine_of.plan_dump(&DumpRequest::default(), control));
        assert_eq!(planned.err().unwrap().kind(), ErrorKind::Denied, "{server}");
        let data =
            Selection { tables: vec![Pattern("open".into())], data_only: true, ..Selection::default() };
        let request = DumpRequest { selection: data, ..DumpRequest::default() };
        dump(&*engine_of, &request).unwrap_or_else(|error| panic!("{server}: {}", told(&error)));
    }
}

#[test]
fn what_there_is_not_is_refused() {
    let Some(server) = main_server() else { return };
    let database = server.database();
    database.run("CREATE TABLE t (a int)");
    let engine_of = engine(&database);
    let options = [
        DumpOptions { globals: true, ..DumpOptions::default() },
        DumpOptions { row_security: true, ..DumpOptions::default() },
    ];
    for options in options {
        let error = dump(&*engine_of, &DumpRequest { options, ..DumpRequest::default() }).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", told(&error));
    }
    let gone = engine_with(&server.url_of("cadangkan_no_such"), json!({}));
    let error = controlled(|control| gone.probe(control)).err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::NotFound), "{}", told(&error));
    let none = engine_with(&server.url, json!({}));
    assert_eq!(dump(&*none, &DumpRequest::default()).err().unwrap().kind(), ErrorKind::Usage);
    assert!(dump(&*engine_of, &without(&["t"])).is_err(), "nothing is left");
}

#[test]
fn a_selection_takes_tables_with_their_triggers() {
    for server in servers() {
        let database = server.database();
        database.run(
            "CREATE TABLE a (x int); CREATE TABLE b (x int); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1), (2);
             CREATE TRIGGER ta BEFORE INSERT ON a FOR EACH ROW SET @x = 1;
             CREATE TRIGGER tb BEFORE INSERT ON b FOR EACH ROW SET @x = 1;
             CREATE PROCEDURE p() SELECT 1; CREATE VIEW v AS SELECT x FROM b;
             CREATE VIEW w AS SELECT a.x FROM b JOIN a ON a.x = b.x; CREATE VIEW above AS SELECT x FROM w;",
        );
        let pick = |names: &[&str]| DumpRequest {
            selection: Selection {
                tables: names.iter().map(|name| Pattern((*name).into())).collect(),
                ..Selection::default()
            },
            ..DumpRequest::default()
        };
        let script = |request: &DumpRequest| {
            let dumped =
                dump(&*engine(&database), request).unwrap_or_else(|error| panic!("{}", told(&error)));
            String::from_utf8(dumped.script()).unwrap()
        };
        let only_a = script(&pick(&["a"]));
        assert!(only_a.contains("TABLE name=\"a\"") && only_a.contains("TRIGGER name=\"ta\""));
        for other in ["name=\"b\"", "name=\"tb\"", "PROCEDURE", "VIEW", "ALTER DATABASE"] {
            assert!(!only_a.contains(other), "{server}: {other}");
        }
        let rest = script(&without(&["a"]));
        assert!(!rest.contains("name=\"ta\"") && rest.contains("PROCEDURE") && rest.contains("name=\"v\""));
        assert!(
            !rest.contains("name=\"w\"") && !rest.contains("name=\"above\""),
            "views of what is not there"
        );
        let part = dump(&*engine(&database), &without(&["a"])).unwrap();
        let warned = |view: &str| {
            part.start.warnings.iter().any(|text| text.contains(&format!("view {view} is left out")))
        };
        assert!(warned("w") && warned("above") && !warned("v"), "{:?}", part.start.warnings);
        let copy = server.database();
        server.feed(&copy.name, &part.script()).unwrap_or_else(|said| panic!("{server}: {said}"));
        let schema = Selection { schema_only: true, ..Selection::default() };
        let definitions = script(&DumpRequest { selection: schema, ..DumpRequest::default() });
        assert!(!definitions.contains("INSERT INTO `") && definitions.contains("name=\"v\""), "{server}");
        let data = Selection { data_only: true, ..Selection::default() };
        let rows = script(&DumpRequest { selection: data, ..DumpRequest::default() });
        assert!(rows.contains("INSERT INTO `b`") && !rows.contains("CREATE"), "{server}");
        let named = dump(&*engine(&database), &pick(&["gone"])).err().unwrap();
        assert_eq!(named.kind(), ErrorKind::NotFound);
    }
}

#[test]
fn names_that_need_quotes() {
    for server in servers() {
        for name in ["a b;", "quote\" and '", "back\\slash", "Ünï日", "-rf", "$(x) %s", "`tick`", "a.b"] {
            let quoted = format!("`{}`", name.replace('`', "``"));
            server.run("", &format!("DROP DATABASE IF EXISTS {quoted}; CREATE DATABASE {quoted}"));
            server.run(
                name,
                &format!(
                    "CREATE TABLE {quoted} (a int); INSERT INTO {quoted} VALUES (1);
               CREATE VIEW v AS SELECT a FROM {quoted}"
                ),
            );
            let source = engine_with(&server.url_of(name), json!({}));
            let dumped = dump(&*source, &DumpRequest::default());
            server.drop_database(name).unwrap();
            let dumped = dumped.unwrap_or_else(|error| panic!("{server}: {name}: {}", told(&error)));
            let target = server.database();
            load(&*engine(&target), &dumped, &dumped.request(LoadMode::Fresh))
                .unwrap_or_else(|error| panic!("{server}: {name}: {}", told(&error)));
            assert_eq!(target.run("SELECT a FROM v"), "1\n", "{server}: {name}");
        }
    }
}

#[test]
fn very_many_tables() {
    let Some(server) = main_server() else { return };
    let database = server.database();
    let sql: String =
        (0..3000).map(|number| format!("CREATE TABLE many_{number} (id int) ENGINE=MyISAM;\n")).collect();
    database.run(&sql);
    let dumped = dump(&*engine(&database), &DumpRequest::default()).unwrap();
    assert_eq!(dumped.objects.iter().filter(|object| object.rows == Some(0)).count(), 3001);
}

#[test]
fn a_whole_server_has_databases_and_leaves_its_own_out() {
    for server in servers() {
        let (one, two) = (server.database(), server.database());
        let engine_of = engine_with(&server.url, json!({ "databases": "*", "exclude_databases": two.name }));
        let databases = engine_of.server().unwrap();
        let names = controlled(|control| databases.databases(control)).unwrap();
        assert!(names.contains(&one.name) && !names.contains(&two.name), "{names:?}");
        for own in ["mysql", "sys", "information_schema", "performance_schema"] {
            assert!(!names.iter().any(|name| name == own), "{own}");
        }
        one.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
        let dumped = dump(&*databases.database(&one.name), &DumpRequest::default()).unwrap();
        assert_eq!(dumped.rows("t"), Some(1));
        let info = controlled(|control| engine_of.probe(control)).unwrap();
        assert!(info.facts.iter().any(|(label, _)| label == "databases"), "{info:?}");
        let listed = controlled(|control| engine(&one).scan(control)).unwrap();
        let listed = listed.databases.iter().find(|database| database.name == one.name).unwrap();
        assert_eq!(listed.tables, Some(1));
        assert_eq!(dump(&*engine_of, &DumpRequest::default()).err().unwrap().kind(), ErrorKind::Usage);
    }
}
