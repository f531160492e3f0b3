use cadangkan_core::{Cancel, Error, ErrorKind};
use cadangkan_mywire::{Connection, server_error};
use cadangkan_testkit::mysql::{self, MysqlServer, TestDatabase};

use crate::support::{calmly, one, open, run, with_cancel};

const SQL: &str = "LOAD DATA LOCAL INFILE 'rows' INTO TABLE t";

/// Servers that take files, with a table each.
fn tables() -> Vec<(MysqlServer, TestDatabase, Connection)> {
    let servers = mysql::servers().into_iter().filter_map(|server| {
        let database = server.database();
        let mut connection = open(&database.url);
        run(&mut connection, "CREATE TABLE t (i int, x varchar(300)) ENGINE=InnoDB");
        let on = one(&mut connection, "SELECT @@local_infile") == "1";
        on.then_some((server, database, connection))
    });
    servers.collect()
}

#[test]
fn rows_go_in_whatever_their_pieces() {
    for (server, _database, mut connection) in tables() {
        for (number, piece) in [(0, 1), (20, 1), (20_000, 65_536), (20_000, 1_000_003)] {
            run(&mut connection, "TRUNCATE t");
            let rows: Vec<u8> =
                (0..number).flat_map(|i| format!("{i}\t{}\n", "y".repeat(i % 200)).into_bytes()).collect();
            let mut parts = rows.chunks(piece);
            let count = calmly(|control| {
                connection.load_data(SQL, control, |buffer| {
                    assert!(buffer.is_empty());
                    buffer.extend_from_slice(parts.next().unwrap_or_default());
                    Ok(parts.len() > 0)
                })
            });
            assert_eq!(count.unwrap(), u64::try_from(number).unwrap(), "{server}");
            let sum = one(&mut connection, "SELECT COALESCE(SUM(LENGTH(x) + LENGTH(i) + 2), 0) FROM t");
            assert_eq!(sum, rows.len().to_string());
        }
    }
}

#[test]
fn what_is_given_up_leaves_nothing() {
    for (server, database, connection) in tables() {
        let fail = |mut connection: Connection, cancel: &Cancel, after: &dyn Fn() -> Option<Error>| {
            let mut calls = 0;
            let error = with_cancel(cancel, |control| {
                connection.load_data(SQL, control, |buffer| {
                    calls += 1;
                    buffer.extend_from_slice(&b"7\tx\n".repeat(10_000));
                    if calls < 100 { Ok(true) } else { after().map_or(Ok(true), Err) }
                })
            });
            assert!(connection.is_broken());
            error.unwrap_err().kind()
        };
        let kind = fail(connection, &Cancel::default(), &|| Some(Error::new(ErrorKind::NoSpace, "full")));
        assert_eq!(kind, ErrorKind::NoSpace);
        let cancel = Cancel::default();
        let stop = || {
            cancel.cancel();
            None
        };
        assert_eq!(fail(open(&database.url), &cancel, &stop), ErrorKind::Cancelled);
        let mut connection = open(&database.url);
        let sessions = server.processlist();
        let others =
            format!("SELECT COUNT(*) FROM {sessions} WHERE db = DATABASE() AND id <> CONNECTION_ID()");
        while one(&mut connection, &others) != "0" {}
        assert_eq!(one(&mut connection, "SELECT COUNT(*) FROM t"), "0", "{server}");
    }
}

#[test]
fn a_bad_row_is_told_and_the_connection_lives() {
    for (server, _database, mut connection) in tables() {
        run(&mut connection, "ALTER TABLE t ADD PRIMARY KEY (i)");
        run(&mut connection, "INSERT INTO t VALUES (5, '')");
        let mut left = 50;
        let sql = "LOAD DATA LOCAL INFILE 'x' INTO TABLE no_such_table";
        let error =
            calmly(|control| connection.load_data(sql, control, |_| panic!("asked for"))).unwrap_err();
        assert_eq!(server_error(&error).unwrap().code, 1146);
        let loaded = calmly(|control| {
            connection.load_data(SQL, control, |buffer| {
                buffer.extend_from_slice(&b"5\tx\n".repeat(10_000));
                left -= 1;
                Ok(left > 0)
            })
        });
        // LOCAL makes of a duplicate a warning.
        assert_eq!((loaded.unwrap(), connection.warnings()), (0, u16::MAX), "{server}");
        assert_eq!(one(&mut connection, "SELECT COUNT(*) FROM t"), "1");
    }
}

#[test]
fn files_in_the_wrong_place_are_refused() {
    for (_, database, mut connection) in tables() {
        let no_load = |connection: &mut Connection, sql: &str| {
            calmly(|control| connection.load_data(sql, control, |_| panic!("asked for"))).unwrap_err().kind()
        };
        assert_eq!(no_load(&mut connection, "SELECT 1"), ErrorKind::Usage);
        assert_eq!(no_load(&mut connection, "DO 1"), ErrorKind::Usage);
        assert_eq!(one(&mut connection, "SELECT 1"), "1");
        let error = calmly(|control| connection.execute(SQL, control)).unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && connection.is_broken(), "{error:?}");
        assert_eq!(one(&mut open(&database.url), "SELECT COUNT(*) FROM t"), "0");
    }
}
