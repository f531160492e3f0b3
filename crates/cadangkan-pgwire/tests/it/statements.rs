use std::time::Duration;

use cadangkan_core::ErrorKind;
use cadangkan_pgwire::{identifier, literal, server_error};

use crate::support::{calmly, one, open, plain, run, server};

#[test]
fn rows_come_as_text() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    let sql = "SELECT 1, NULL, '', 'a' || chr(10) || chr(128512); SELECT 2.5";
    let rows = calmly(|control| connection.query(sql, control)).unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(rows, [vec![text("1"), None, text(""), text("a\n\u{1f600}")], vec![text("2.5")]]);
    assert!(calmly(|control| connection.query("", control)).unwrap().is_empty());
    assert!(calmly(|control| connection.query("SELECT", control)).unwrap()[0].is_empty());
    assert!(calmly(|control| connection.query("SELECT 1 WHERE false", control)).unwrap().is_empty());
}

#[test]
fn counts_and_transactions_are_known() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    run(&mut connection, "BEGIN");
    assert!(connection.in_transaction());
    run(&mut connection, "CREATE TEMP TABLE t (a int)");
    assert_eq!(run(&mut connection, "SELECT 1; INSERT INTO t SELECT generate_series(1, 17)"), 17);
    calmly(|control| connection.execute("SELECT 1/0", control)).unwrap_err();
    assert!(connection.in_transaction());
    run(&mut connection, "ROLLBACK");
    assert!(!connection.in_transaction());
}

#[test]
fn errors_keep_every_field_and_the_connection_lives() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    let cases = [
        ("SELECT * FROM no_such_table", ErrorKind::NotFound, "42P01"),
        ("SELECT * FROM no_schema.t", ErrorKind::NotFound, "42P01"),
        ("CREATE TABLE no_schema.t ()", ErrorKind::NotFound, "3F000"),
        ("SELECT 'x'::no_type", ErrorKind::NotFound, "42704"),
        ("SET statement_timeout = 50; SELECT pg_sleep(60)", ErrorKind::Timeout, "57014"),
        ("RESET statement_timeout; SET ROLE pg_monitor; SELECT * FROM pg_authid", ErrorKind::Denied, "42501"),
        ("RESET ROLE; SELEC 1", ErrorKind::Io, "42601"),
        ("RESET ROLE; DO $$BEGIN RAISE disk_full; END$$", ErrorKind::NoSpace, "53100"),
    ];
    for (sql, kind, code) in cases {
        let error = calmly(|control| connection.execute(sql, control)).unwrap_err();
        assert_eq!(error.kind(), kind, "{sql}: {error:?}");
        assert_eq!(server_error(&error).unwrap().code, code, "{sql}");
        assert!(error.advice().is_some(), "{sql}");
        assert!(!connection.is_broken());
        run(&mut connection, "RESET ALL; RESET ROLE");
    }
    run(
        &mut connection,
        "CREATE TEMP TABLE od_d (a int CONSTRAINT only_one PRIMARY KEY); INSERT INTO od_d VALUES (1)",
    );
    let error = calmly(|control| connection.execute("INSERT INTO od_d VALUES (1)", control)).unwrap_err();
    let server = server_error(&error).unwrap();
    assert_eq!((server.table.as_deref(), server.constraint.as_deref()), (Some("od_d"), Some("only_one")));
    assert!(error.kind() == ErrorKind::Conflict && server.detail.as_ref().unwrap().contains("(1)"));
}

#[test]
fn locks_that_take_too_long_are_a_timeout() {
    let Some(server) = server() else { return };
    let (mut holder, mut waiter) = (open(&plain(&server)), open(&plain(&server)));
    run(&mut holder, "CREATE TABLE IF NOT EXISTS pgwire_lock ()");
    run(&mut holder, "BEGIN; LOCK pgwire_lock");
    let sql = "SET lock_timeout = 50; SELECT * FROM pgwire_lock";
    let error = calmly(|control| waiter.execute(sql, control)).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
    run(&mut holder, "ROLLBACK; DROP TABLE pgwire_lock");
}

#[test]
fn notices_are_kept_up_to_a_limit() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    run(&mut connection, "DO $$BEGIN FOR i IN 1..1500 LOOP RAISE WARNING 'number %', i; END LOOP; END$$");
    let notices = connection.take_notices();
    assert_eq!((notices.len(), notices[999].message.as_str()), (1000, "number 1500"));
    assert_eq!((notices[0].severity.as_str(), notices[0].code.as_str()), ("WARNING", "01000"));
    assert!(connection.take_notices().is_empty());
}

#[test]
fn quoting_survives_the_server() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    for text in ["", "it's", r"back\slash'", "a\"b", "$$; --", "\u{1f600}\n\t"] {
        for strings in ["on", "off"] {
            run(
                &mut connection,
                &format!("SET standard_conforming_strings = {strings}; SET escape_string_warning = off"),
            );
            assert_eq!(one(&mut connection, &format!("SELECT{}", literal(text))), text, "{strings}");
        }
        if !text.is_empty() {
            let sql = "SELECT attname FROM pg_attribute WHERE attrelid = 'q'::regclass AND attnum = 1";
            run(&mut connection, &format!("CREATE TEMP TABLE q ({} int)", identifier(text)));
            assert_eq!(one(&mut connection, sql), text);
            run(&mut connection, "DROP TABLE q");
        }
    }
}

#[test]
fn copies_in_the_wrong_place_are_refused() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    for sql in ["COPY (SELECT 1) TO STDOUT", "CREATE TEMP TABLE w (a int); COPY w FROM STDIN"] {
        let error = calmly(|control| connection.execute(sql, control)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
        assert_eq!(one(&mut connection, "SELECT 1"), "1");
    }
    calmly(|control| {
        assert!(connection.copy_out("SELECT 1", control, |_| Ok(())).is_err());
        assert!(connection.copy_in("SELECT 1", control).is_err());
        assert!(connection.copy_in("COPY (SELECT 1) TO STDOUT", control).is_err());
        assert_eq!(connection.execute("SELECT 'a\0b'", control).unwrap_err().kind(), ErrorKind::Usage);
    });
    assert_eq!(one(&mut connection, "SELECT 1"), "1");
}

#[test]
fn a_silent_server_and_an_ended_session_are_found() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    connection.set_silence(Some(Duration::from_millis(300)));
    let error = calmly(|control| connection.execute("SELECT pg_sleep(60)", control)).unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout && connection.is_broken());
    assert!(calmly(|control| connection.execute("SELECT 1", control)).is_err());

    let (mut ended, mut admin) = (open(&plain(&server)), open(&plain(&server)));
    one(&mut admin, &format!("SELECT pg_terminate_backend({}, 5000)", ended.backend_pid()));
    let error = calmly(|control| ended.execute("SELECT 1", control)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert!(ended.is_broken());
}
