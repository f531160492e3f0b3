use std::time::Duration;

use cadangkan_core::ErrorKind;
use cadangkan_mywire::{identifier, literal, server_error};
use cadangkan_testkit::mysql;

use crate::support::{calmly, check, encrypted, one, open, plain, run, server};

#[test]
fn rows_come_as_text_or_bytes() {
    for server in mysql::servers() {
        let mut connection = open(&plain(&server));
        let sql =
            "SELECT 1, NULL, '', CONCAT('a', CHAR(10), '\u{1f600}') UNION ALL SELECT 2.5, 'x', 'y', 'z'";
        let rows = calmly(|control| connection.query(sql, control)).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(rows[0], [text("1.0"), None, text(""), text("a\n\u{1f600}")]);
        assert_eq!(rows[1][0], text("2.5"));
        assert!(
            calmly(|control| connection.query("SELECT 1 FROM DUAL WHERE false", control)).unwrap().is_empty()
        );
        assert!(calmly(|control| connection.query("DO 1", control)).unwrap().is_empty());
        let bytes = calmly(|control| connection.query_bytes("SELECT x'00ff', NULL", control)).unwrap();
        assert_eq!(bytes, [vec![Some(vec![0, 0xff]), None]]);
        let error = calmly(|control| connection.query("SELECT x'ff'", control)).unwrap_err();
        assert!(error.kind() == ErrorKind::DamagedSource && error.message().contains("UTF-8"), "{error:?}");
        assert_eq!(one(&mut connection, "SELECT 'still there'"), "still there");
    }
}

#[test]
fn counts_warnings_and_transactions_are_known() {
    for server in mysql::servers() {
        let database = server.database();
        let mut connection = open(&database.url);
        run(&mut connection, "CREATE TABLE t (a int) ENGINE=InnoDB");
        run(&mut connection, "START TRANSACTION");
        assert!(connection.in_transaction());
        assert_eq!(run(&mut connection, "INSERT INTO t VALUES (1), (2), (3)"), 3);
        assert_eq!(run(&mut connection, "SELECT * FROM t"), 0);
        calmly(|control| connection.execute("SELECT no_such_column FROM t", control)).unwrap_err();
        assert!(connection.in_transaction());
        run(&mut connection, "ROLLBACK");
        assert!(!connection.in_transaction());
        run(&mut connection, "DROP TABLE IF EXISTS no_such_table");
        assert_eq!(connection.warnings(), 1);
    }
}

#[test]
fn a_call_may_return_several_results() {
    for server in mysql::servers() {
        let database = server.database();
        let mut connection = open(&database.url);
        run(&mut connection, "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2, 3; DO 0; END");
        let mut seen = Vec::new();
        let count = calmly(|control| {
            connection.rows("CALL p()", control, |columns, row| {
                seen.push((columns.len(), row.values().count()));
                Ok(())
            })
        });
        assert_eq!((count.unwrap(), seen), (2, vec![(1, 1), (2, 2)]));
        run(&mut connection, "CALL p()");
        let error = calmly(|control| connection.execute("DO 1; DO 2", control)).unwrap_err();
        assert_eq!(server_error(&error).unwrap().code, 1064, "two statements are no statement");
    }
}

#[test]
fn errors_are_explained_and_the_connection_lives() {
    for server in mysql::servers() {
        let database = server.database();
        let mut connection = open(&database.url);
        run(&mut connection, "CREATE TABLE t (a int PRIMARY KEY); ".trim_end_matches("; "));
        run(&mut connection, "INSERT INTO t VALUES (1)");
        let cases = [
            ("SELECT * FROM no_such_table", ErrorKind::NotFound, 1146),
            ("USE no_such_database", ErrorKind::NotFound, 1049),
            ("CREATE TABLE t (a int)", ErrorKind::Conflict, 1050),
            ("INSERT INTO t VALUES (1)", ErrorKind::Conflict, 1062),
            ("SELEC 1", ErrorKind::Io, 1064),
        ];
        for (sql, kind, code) in cases {
            let error = calmly(|control| connection.execute(sql, control)).unwrap_err();
            assert_eq!((error.kind(), server_error(&error).unwrap().code), (kind, code), "{sql}: {error:?}");
            check(&error);
            assert!(!connection.is_broken());
        }
    }
}

#[test]
fn locks_that_take_too_long_are_a_timeout() {
    for server in mysql::servers() {
        let database = server.database();
        let (mut holder, mut waiter) = (open(&database.url), open(&database.url));
        run(&mut holder, "CREATE TABLE t (a int)");
        run(&mut holder, "LOCK TABLES t WRITE");
        run(&mut waiter, "SET lock_wait_timeout = 1");
        let error = calmly(|control| waiter.execute("SELECT * FROM t", control)).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true), "{error:?}");
        run(&mut holder, "UNLOCK TABLES");
    }
}

#[test]
fn statements_of_any_length_arrive_whole() {
    for server in mysql::servers() {
        for url in [plain(&server), encrypted(&server)] {
            let mut connection = open(&url);
            for length in [0, 1, 0xff_ffff - 17, 0xff_ffff - 16, 0xff_ffff - 15, 20_000_000, 2 * 0xff_ffff] {
                let sql = format!("SELECT LENGTH('{}')", "x".repeat(length));
                assert_eq!(one(&mut connection, &sql), length.to_string(), "{server}");
            }
        }
        let mut connection = open(&plain(&server));
        let sql = format!("SELECT LENGTH('{}')", "x".repeat(80 << 20));
        let error = calmly(|control| connection.query(&sql, control)).unwrap_err();
        assert!(connection.is_broken() || server_error(&error).is_some());
        assert!(error.advice().unwrap().contains("max_allowed_packet"), "{server}: {error:?}");
    }
}

#[test]
fn quoting_survives_the_server() {
    for server in mysql::servers() {
        let database = server.database();
        let mut connection = open(&database.url);
        for text in ["", "it's", r"back\slash'", "a\"b", "`; --", "\u{1f600}\n\t", r"\", "nul\0byte"] {
            for mode in ["", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"] {
                run(&mut connection, &format!("SET sql_mode = '{mode}'"));
                assert_eq!(one(&mut connection, &format!("SELECT {}", literal(text))), text, "{mode}");
            }
            if !text.is_empty() && !text.contains(['\0', '\u{1f600}']) {
                let sql = "SELECT column_name FROM information_schema.columns
                    WHERE table_schema = DATABASE() AND table_name = 'q'";
                run(&mut connection, &format!("CREATE TABLE q ({} int)", identifier(text)));
                assert_eq!(one(&mut connection, sql), text);
                run(&mut connection, "DROP TABLE q");
            }
        }
    }
}

#[test]
fn a_silent_server_and_an_ended_session_are_found() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    connection.set_silence(Some(Duration::from_millis(300)));
    let error = calmly(|control| connection.execute("SELECT SLEEP(60)", control)).unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout && connection.is_broken());
    assert!(calmly(|control| connection.execute("SELECT 1", control)).is_err());

    for server in mysql::servers() {
        let (mut ended, mut admin) = (open(&plain(&server)), open(&plain(&server)));
        let id = ended.connection_id();
        run(&mut admin, &format!("KILL {id}"));
        let there = format!("SELECT COUNT(*) FROM {} WHERE id = {id}", server.processlist());
        while one(&mut admin, &there) != "0" {}
        let error = calmly(|control| ended.execute("SELECT 1", control)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{server}: {error:?}");
        assert!(ended.is_broken());
    }
}

#[test]
fn a_session_that_idled_too_long_is_told_so() {
    for server in mysql::servers() {
        let (mut idle, mut admin) = (open(&plain(&server)), open(&plain(&server)));
        run(&mut idle, "SET wait_timeout = 1");
        let id = idle.connection_id();
        let there = format!("SELECT COUNT(*) FROM {} WHERE id = {id}", server.processlist());
        while one(&mut admin, &there) != "0" {}
        let error = calmly(|control| idle.execute("SELECT 1", control)).unwrap_err();
        assert!(error.kind() == ErrorKind::Unreachable && idle.is_broken(), "{server}: {error:?}");
    }
}
