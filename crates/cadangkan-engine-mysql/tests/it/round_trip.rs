//! The whole of a database, out and in again.

use cadangkan_core::ErrorKind;
use cadangkan_engine::{DumpRequest, LoadMode};
use cadangkan_testkit::mysql::{TestDatabase, servers};
use cadangkan_testkit::torture::load_mysql;
use serde_json::json;

use crate::support::{dump, engine, engine_with, fingerprints, load};

/// Fails with the first line that differs.
fn assert_same(what: &str, before: &str, after: &str) {
    let lines = before.lines().zip(after.lines());
    let differs: Vec<_> = lines.filter(|(before, after)| before != after).take(8).collect();
    assert!(before == after, "{what}: {differs:#?}");
}

fn assert_equal(copy: &TestDatabase, definitions: &str, contents: &str) {
    assert_same(&format!("contents on {}", copy.server), contents, &copy.contents());
    assert_same(&format!("definitions on {}", copy.server), definitions, &copy.definitions());
}

#[test]
fn the_stock_client_makes_an_equal_database_of_the_script() {
    for server in servers() {
        let source = server.database();
        load_mysql(&source);
        let (definitions, contents) = (source.definitions(), source.contents());
        let dump = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let copy = server.database_with("CHARACTER SET latin1");
        server.feed(&copy.name, &dump.script()).unwrap_or_else(|said| panic!("{server}: {said}"));
        assert_equal(&copy, &definitions, &contents);
        let (before, after) = (fingerprints(&*engine(&source)), fingerprints(&*engine(&copy)));
        assert_eq!(before, after, "{server}");
        for report in before {
            let dumped = dump.objects.iter().find(|object| object.name == report.name).unwrap();
            assert_eq!((dumped.rows, dumped.fingerprint), (report.rows, report.fingerprint), "{server}");
        }
    }
}

#[test]
fn a_restore_makes_an_equal_database() {
    for server in servers() {
        let source = server.database();
        load_mysql(&source);
        let (definitions, contents) = (source.definitions(), source.contents());
        let dump = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let copy = server.database_with("CHARACTER SET latin1");
        let (report, _) = load(&*engine(&copy), &dump, &dump.request(LoadMode::Fresh))
            .unwrap_or_else(|error| panic!("{server}: {error:?}"));
        assert_equal(&copy, &definitions, &contents);
        assert!(report.tables > 50, "{server}");
        assert_eq!(history(&source), history(&copy), "{server}");
    }
}

/// What was in system-versioned tables, and when.
fn history(database: &TestDatabase) -> String {
    if !database.server.is_mariadb() {
        return String::new();
    }
    database.run(
        "SET time_zone = '+00:00';
         SELECT *, row_start, row_end FROM versioned FOR SYSTEM_TIME ALL ORDER BY id, row_end;
         SELECT * FROM versioned_openly FOR SYSTEM_TIME ALL ORDER BY id, ended;
         SELECT *, row_start, row_end FROM versioned_in_parts FOR SYSTEM_TIME ALL ORDER BY id, row_end",
    )
}

#[test]
fn frames_do_not_depend_on_the_number_of_connections() {
    for server in servers() {
        let source = server.database();
        load_mysql(&source);
        let with = |jobs: usize| {
            dump(&*engine_with(&source.url, json!({ "jobs": jobs })), &DumpRequest::default()).unwrap()
        };
        let (one, four) = (with(1), with(4));
        assert!(one.sorted() == four.sorted(), "{server}");
        assert_eq!(one.objects.len(), four.objects.len());
    }
}

#[test]
fn members_and_defaults_are_whole_where_the_server_shows_question_marks() {
    for server in servers() {
        let source = server.database();
        source.run(
            "CREATE TABLE m (id int PRIMARY KEY, e ENUM('x?', '🐱', 'é', '🐶''\\\\', '?') CHARACTER SET utf8mb4 DEFAULT '🐱',
               s SET('🐶', 'b', '?') CHARACTER SET utf16 NOT NULL DEFAULT '🐶,b', v varchar(10) CHARACTER SET utf8mb4 DEFAULT 'q🐱?',
               w ENUM('?', 'ä') CHARACTER SET latin1 DEFAULT '?', g ENUM('🐷', '?') CHARACTER SET utf8mb4 AS (IF(id = 1, '🐷', '?')));
             INSERT INTO m (id, e, s) VALUES (1, 4, 1), (2, DEFAULT, DEFAULT), (3, 5, 7)",
        );
        let shown = "SELECT e + 0, HEX(e), s + 0, HEX(s), HEX(v), HEX(w), HEX(g) FROM m ORDER BY id";
        let before = source.run(shown);
        let made = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let by_client = server.database_with("CHARACTER SET latin1");
        server.feed(&by_client.name, &made.script()).unwrap();
        let by_us = server.database_with("CHARACTER SET latin1");
        load(&*engine(&by_us), &made, &made.request(LoadMode::Fresh)).unwrap();
        for copy in [&by_client, &by_us] {
            assert_eq!(copy.run(shown), before, "{server}");
            // Also members that no row has, and defaults.
            for database in [&source, copy] {
                database.run("INSERT INTO m (id, e, s) VALUES (4, 1, 2), (5, 2, 4), (6, 3, 6); INSERT INTO m (id) VALUES (9)");
            }
            assert_eq!(copy.run(shown), source.run(shown), "{server}");
            source.run("DELETE FROM m WHERE id > 3");
        }
        let user = source.plain_user(&["SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES", "RELOAD ON *.*"]);
        let error = dump(&*engine_with(&user.url, json!({})), &DumpRequest::default()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert!(error.to_string().contains("column: e"), "{error}");
    }
}
