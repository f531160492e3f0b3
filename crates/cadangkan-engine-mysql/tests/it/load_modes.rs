//! What each mode of a restore does to the target, with dumps of our own.

use cadangkan_core::{ErrorKind, Selection};
use cadangkan_engine::{DumpRequest, LoadMode, LoadRequest};
use cadangkan_testkit::mysql::servers;
use cadangkan_testkit::torture::load_mysql;

use crate::load_support::{
    Absent, at, controlled, family, leftovers, plan, restore_stream, shop, tables, told,
};
use crate::support::{dump, engine, fingerprints, load};

#[test]
fn everything_comes_back_under_another_name() {
    for server in servers() {
        let source = server.database();
        load_mysql(&source);
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let target = Absent::new(&server, "again_");
        let (report, notes) = load(&*target.engine(), &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
        let unread: Vec<_> = report
            .objects
            .iter()
            // These have no rows of their own.
            .filter(|object| {
                object.fingerprint.is_none() && !["a_merge", "in_blackhole"].contains(&&*object.name.name)
            })
            .collect();
        assert!(notes.is_empty() && unread.is_empty(), "{notes:?} {unread:?}");
        assert_eq!(fingerprints(&*target.engine()), fingerprints(&*engine(&source)), "{server}");
        assert!(leftovers(&*target.engine()).is_empty());
        let loaded = target.database();
        same(&loaded.definitions(), &source.definitions(), &server.to_string());
        same(&loaded.contents(), &source.contents(), &server.to_string());
        // The same as a script, without an index.
        let script = Absent::new(&server, "script_");
        let request = LoadRequest { check: true, ..LoadRequest::default() };
        restore_stream(&*script.engine(), &request, &dumped.script(), 100_000).unwrap();
        same(&script.database().definitions(), &source.definitions(), &server.to_string());
        same(&script.database().contents(), &source.contents(), &server.to_string());
    }
}

#[test]
fn a_database_keeps_its_character_set() {
    for server in servers() {
        let source = server.database_with("CHARACTER SET latin1 COLLATE latin1_german1_ci");
        source.run("CREATE TABLE t (a varchar(10)); INSERT INTO t VALUES (0xE4), ('b')");
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let (absent, empty) = (Absent::new(&server, "latin_"), server.database());
        load(&*absent.engine(), &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
        load(&*at(&empty.url), &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
        let sql = "SELECT @@character_set_database, @@collation_database, HEX(a) FROM t";
        assert_eq!(absent.run(sql), source.run(sql), "{server}");
        assert_eq!(empty.run(sql), source.run(sql), "{server}");
    }
}

#[test]
fn every_mode_gives_the_same() {
    for server in servers() {
        let source = shop(&server);
        let (definitions, contents) = (source.definitions(), source.contents());
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let engine = at(&source.url);
        let error = plan(&*engine, &dumped.request(LoadMode::Fresh)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        for mode in [LoadMode::Clean, LoadMode::Replace, LoadMode::Recreate] {
            source.run(
                "DELETE FROM customers; DROP VIEW first; DROP PROCEDURE fill; CREATE TABLE mine (a int)",
            );
            assert!(plan(&*engine, &dumped.request(mode)).unwrap().destructive);
            load(&*engine, &dumped, &dumped.request(mode)).unwrap();
            if mode == LoadMode::Clean {
                source.run("DROP TABLE mine");
            }
            same(&source.definitions(), &definitions, &format!("{server} {mode:?}"));
            same(&source.contents(), &contents, &format!("{server} {mode:?}"));
            for leftover in leftovers(&*engine) {
                engine.discard(&leftover).unwrap();
            }
            assert_eq!(family(&server, &source.name).len(), 1);
        }
        source
            .run("DELETE FROM `or;ders ``x`; DELETE FROM customers; DELETE FROM numbers; DELETE FROM parts");
        load(&*engine, &dumped, &dumped.request(LoadMode::Data)).unwrap();
        same(&source.contents(), &contents, &format!("{server} data"));
        let error = load(&*engine, &dumped, &dumped.request(LoadMode::Data)).unwrap_err();
        assert!(told(&error).contains("rolled back"), "{}", told(&error));
        assert_eq!(source.run("SELECT COUNT(*) FROM customers"), "6\n");
    }
}

#[test]
fn some_tables_are_restored_beside_others() {
    for server in servers() {
        let source = shop(&server);
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let target = server.database();
        target.run("CREATE TABLE mine (a int)");
        let request =
            LoadRequest { selection: tables(&["nothing", "numbers"]), ..dumped.request(LoadMode::Fresh) };
        load(&*at(&target.url), &dumped, &request).unwrap();
        let sql =
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1;
                   SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()";
        assert_eq!(target.run(sql), "mine\nnothing\nnumbers\nupper\n");
        let error = load(&*at(&target.url), &dumped, &request).unwrap_err();
        assert!(error.kind() == ErrorKind::Conflict && told(&error).contains("numbers"), "{}", told(&error));
        let none = LoadRequest { selection: tables(&["no_such"]), ..dumped.request(LoadMode::Fresh) };
        let error = plan(&*at(&target.url), &none).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let empty = server.database();
        let schema = Selection { schema_only: true, ..Selection::default() };
        let request = LoadRequest { selection: schema, ..dumped.request(LoadMode::Fresh) };
        load(&*at(&empty.url), &dumped, &request).unwrap();
        assert_eq!(empty.run("SELECT COUNT(*) FROM customers"), "0\n");
    }
}

#[test]
fn a_foreign_key_to_a_table_that_is_not_there_is_left_out() {
    for server in servers() {
        let source = server.database();
        source.run(
            "CREATE TABLE parents (id int PRIMARY KEY);
             CREATE TABLE children (id int PRIMARY KEY, parent int, other int,
               FOREIGN KEY (parent) REFERENCES parents (id), FOREIGN KEY (other) REFERENCES children (id));
             INSERT INTO parents VALUES (1);
             INSERT INTO children VALUES (1, 1, NULL), (2, 1, 1);",
        );
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let parents = "SELECT REFERENCED_TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS
            WHERE CONSTRAINT_SCHEMA = DATABASE() ORDER BY 1";
        let request = LoadRequest { selection: tables(&["children"]), ..dumped.request(LoadMode::Fresh) };
        let target = server.database();
        load(&*at(&target.url), &dumped, &request).unwrap();
        assert_eq!(target.run(parents), "children\n");
        target.run("INSERT INTO children VALUES (3, 77, 2)");
        let beside = server.database();
        beside.run("CREATE TABLE parents (id int PRIMARY KEY); INSERT INTO parents VALUES (1)");
        load(&*at(&beside.url), &dumped, &request).unwrap();
        assert_eq!(beside.run(parents), "children\nparents\n");
    }
}

#[test]
fn the_other_kind_of_server_takes_what_it_can_and_refuses_the_rest() {
    let all = servers();
    let (Some(mariadb), Some(mysql)) =
        (all.iter().find(|server| server.is_mariadb()), all.iter().find(|server| !server.is_mariadb()))
    else {
        return;
    };
    for (from, to) in [(mariadb, mysql), (mysql, mariadb)] {
        let source = from.database_with("CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci");
        source.run("CREATE TABLE t (id int PRIMARY KEY, a varchar(50), b blob, KEY (a)); INSERT INTO t VALUES (1, 'ü', 0xFF00), (2, NULL, NULL)");
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let target = Absent::new(to, "other_");
        let planned = plan(&*target.engine(), &dumped.request(LoadMode::Fresh)).unwrap();
        assert!(
            planned.warnings.iter().any(|warning| warning.contains("the target is")),
            "{:?}",
            planned.warnings
        );
        load(&*target.engine(), &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
        assert_eq!(target.run("SELECT id, a, HEX(b) FROM t"), source.run("SELECT id, a, HEX(b) FROM t"));
        let (sql, reason) = if from.is_mariadb() {
            ("CREATE SEQUENCE s; CREATE TABLE u (a uuid, b inet6)", "MySQL has no sequences")
        } else {
            (
                "CREATE TABLE u (a varchar(5) COLLATE utf8mb4_0900_ai_ci, KEY ((lower(a))))",
                "indexes over expressions",
            )
        };
        source.run(sql);
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        target.run("CREATE TABLE precious (a int)");
        for mode in [LoadMode::Recreate, LoadMode::Clean, LoadMode::Replace] {
            let error = load(&*target.engine(), &dumped, &dumped.request(mode)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", told(&error));
            assert!(told(&error).contains(reason) && told(&error).contains("as it was"), "{}", told(&error));
            target.run("SELECT * FROM precious");
            assert_eq!(target.family().len(), 1);
        }
    }
}

#[test]
fn nothing_is_left_of_a_load_that_was_dropped() {
    for server in servers() {
        let source = shop(&server);
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let target = Absent::new(&server, "dropped_");
        let engine = target.engine();
        controlled(|control| {
            let planned = engine.plan_load(&dumped.request(LoadMode::Fresh), control).unwrap();
            drop(engine.begin_load(&planned, control).unwrap());
        });
        assert!(target.family().is_empty() && leftovers(&*engine).is_empty());
    }
}

/// Compares line by line, so that a difference can be read.
fn same(found: &str, expected: &str, what: &str) {
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "{what}");
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}

#[test]
fn triggers_written_with_the_name_of_their_database_move_to_another() {
    for server in servers() {
        let source = server.database();
        let name = format!("`{}`", source.name);
        source.run(&format!(
            "CREATE TABLE t (a int); CREATE TRIGGER {name}.one BEFORE INSERT ON {name}.t FOR EACH ROW SET NEW.a = NEW.a + 1;
             CREATE TRIGGER two BEFORE INSERT ON {name}.t FOR EACH ROW SET NEW.a = NEW.a * 2; INSERT INTO t VALUES (1)"
        ));
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let target = server.database();
        load(&*engine(&target), &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
        target.run("INSERT INTO t VALUES (1)");
        assert_eq!(target.run("SELECT * FROM t"), "4\n4\n", "{server}");
        load(&*engine(&source), &dumped, &dumped.request(LoadMode::Replace)).unwrap();
        source.run("INSERT INTO t VALUES (2)");
        assert_eq!(source.run("SELECT * FROM t"), "4\n6\n", "{server}");
    }
}
