use cadangkan_core::{Error, ErrorKind};
use cadangkan_pgwire::server_error;

use crate::support::{calmly, encrypted, one, open, plain, run, server};

#[test]
fn rows_come_one_by_one_and_whole() {
    let Some(server) = server() else { return };
    for url in [plain(&server), encrypted(&server)] {
        let mut connection = open(&url);
        let (mut rows, mut bytes) = (0, 0);
        let sql = "COPY (SELECT i, repeat('x', i % 1000) FROM generate_series(1, 100000) i) TO STDOUT";
        let count = calmly(|control| {
            connection.copy_out(sql, control, |row| {
                assert!(row.ends_with(b"\n") && row.iter().filter(|byte| **byte == b'\n').count() == 1);
                rows += 1;
                bytes += row.len();
                Ok(())
            })
        });
        assert_eq!((count.unwrap(), rows), (100_000, 100_000));
        assert!(bytes > 49_950_000);
        assert_eq!(
            calmly(|control| connection.copy_out("COPY (SELECT 1 LIMIT 0) TO STDOUT", control, |_| Ok(())))
                .unwrap(),
            0
        );
    }
}

#[test]
fn a_huge_row_comes_and_the_next_is_small_again() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    let sql = "COPY (SELECT repeat('x', n) FROM unnest(ARRAY[1, 100000000, 2]) n) TO STDOUT";
    let mut lengths = Vec::new();
    calmly(|control| {
        connection.copy_out(sql, control, |row| {
            lengths.push(row.len());
            Ok(())
        })
    })
    .unwrap();
    assert_eq!(lengths, [2, 100_000_001, 3]);
}

#[test]
fn who_takes_the_rows_can_stop() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    run(&mut connection, "BEGIN; SET statement_timeout = '1min'");
    let mut seen = 0;
    let error = calmly(|control| {
        connection.copy_out("COPY (SELECT generate_series(1, 1000000000)) TO STDOUT", control, |_| {
            seen += 1;
            if seen == 1000 { Err(Error::new(ErrorKind::NoSpace, "full")) } else { Ok(()) }
        })
    });
    assert_eq!((error.unwrap_err().kind(), seen), (ErrorKind::NoSpace, 1000));
    assert!(!connection.is_broken() && connection.in_transaction());
    run(&mut connection, "ROLLBACK");
    assert_eq!(one(&mut connection, "SELECT 1"), "1");
}

#[test]
fn an_error_in_the_middle_is_an_error() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    let mut seen = 0;
    let sql = "COPY (SELECT 1 / (50000 - i) FROM generate_series(1, 100000) i) TO STDOUT";
    let error = calmly(|control| {
        connection.copy_out(sql, control, |_| {
            seen += 1;
            Ok(())
        })
    })
    .unwrap_err();
    assert_eq!((server_error(&error).unwrap().code.as_str(), seen), ("22012", 49_999));
    assert_eq!(one(&mut connection, "SELECT 1"), "1");
}

#[test]
fn rows_go_in_whatever_their_pieces() {
    let Some(server) = server() else { return };
    let (plain, encrypted) = (plain(&server), encrypted(&server));
    for (url, piece) in [(&plain, 1), (&plain, 65_536), (&plain, 1_000_003), (&encrypted, 70_000)] {
        let mut connection = open(url);
        run(&mut connection, "CREATE TEMP TABLE t (i int, x text)");
        let number = if piece == 1 { 20 } else { 20_000 };
        let rows: Vec<u8> =
            (0..number).flat_map(|i| format!("{i}\t{}\n", "y".repeat(i % 200)).into_bytes()).collect();
        let count = calmly(|control| {
            let mut copy = connection.copy_in("COPY t FROM STDIN", control).unwrap();
            for part in rows.chunks(piece) {
                copy.write(part).unwrap();
            }
            copy.write(b"").unwrap();
            copy.finish()
        });
        assert_eq!(count.unwrap(), u64::try_from(number).unwrap());
        let sum = one(&mut connection, "SELECT coalesce(sum(length(x) + length(i::text) + 2), 0) FROM t");
        assert_eq!(sum, rows.len().to_string());
    }
}

#[test]
fn a_copy_that_is_dropped_leaves_nothing() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    run(&mut connection, "CREATE TEMP TABLE t (i int)");
    calmly(|control| {
        let mut copy = connection.copy_in("COPY t FROM STDIN", control).unwrap();
        copy.write(&b"1\n".repeat(100_000)).unwrap();
    });
    assert!(!connection.is_broken());
    assert_eq!(one(&mut connection, "SELECT count(*) FROM t"), "0");
    let count = calmly(|control| connection.copy_in("COPY t FROM STDIN", control).unwrap().finish());
    assert_eq!(count.unwrap(), 0);
}

#[test]
fn a_bad_row_is_told_early() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    run(&mut connection, "CREATE TEMP TABLE t (i int)");
    let block = b"7\n".repeat(32 << 10);
    let mut blocks = 0;
    let error = calmly(|control| {
        let mut copy = connection.copy_in("COPY t FROM STDIN", control).unwrap();
        copy.write(b"not a number\n").unwrap();
        loop {
            blocks += 1;
            if let Err(error) = copy.write(&block) {
                assert!(copy.write(b"1\n").is_err());
                return error;
            }
            assert!(blocks < 100_000, "the error is never told");
        }
    });
    let server = server_error(&error).unwrap();
    assert_eq!(server.code, "22P02");
    assert!(server.context.as_ref().unwrap().contains("line 1"));
    assert!(!connection.is_broken());
    assert_eq!(one(&mut connection, "SELECT 1"), "1");

    let error = calmly(|control| {
        let mut copy = connection.copy_in("COPY t FROM STDIN", control).unwrap();
        copy.write(b"1\nx\n").unwrap();
        copy.finish().unwrap_err()
    });
    assert!(server_error(&error).unwrap().context.as_ref().unwrap().contains("line 2"));
    assert_eq!(one(&mut connection, "SELECT count(*) FROM t"), "0");
}

#[test]
fn a_server_that_talks_while_we_send_is_heard() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    run(
        &mut connection,
        "CREATE TEMP TABLE t (x text);
        CREATE FUNCTION pg_temp.say() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN RAISE NOTICE '%', repeat('z', 5000); RETURN new; END$$;
        CREATE TRIGGER say BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.say()",
    );
    let row = [b"a".repeat(5000).as_slice(), b"\n"].concat();
    let count = calmly(|control| {
        let mut copy = connection.copy_in("COPY t FROM STDIN", control).unwrap();
        for _ in 0..5000 {
            copy.write(&row).unwrap();
        }
        copy.finish()
    });
    assert_eq!(count.unwrap(), 5000);
    assert_eq!(connection.take_notices().len(), 1000);
}
