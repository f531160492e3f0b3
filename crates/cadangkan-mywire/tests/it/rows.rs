use cadangkan_core::{Error, ErrorKind};
use cadangkan_mywire::{Column, ColumnKind, server_error};
use cadangkan_testkit::mysql;

use crate::support::{calmly, encrypted, one, open, plain, run};

/// The numbers from 0 to 999,999 as `n`.
const MILLION: &str = "WITH d AS (SELECT 0 AS i UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
    UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8
    UNION ALL SELECT 9),
    m AS (SELECT a.i + 10 * b.i + 100 * c.i + 1000 * e.i + 10000 * f.i + 100000 * g.i AS n
    FROM d AS a, d AS b, d AS c, d AS e, d AS f, d AS g)";

#[test]
fn a_million_rows_come_one_by_one_and_whole() {
    for server in mysql::servers() {
        for url in [plain(&server), encrypted(&server)] {
            let mut connection = open(&url);
            let sql = format!("{MILLION} SELECT n, REPEAT('x', n % 100), NULLIF(n % 2, 1) FROM m");
            let (mut sum, mut bytes, mut nulls) = (0_u64, 0, 0);
            let count = calmly(|control| {
                connection.rows(&sql, control, |columns, row| {
                    assert_eq!(columns.len(), 3);
                    let mut values = row.values();
                    let number = values.next().unwrap()?.unwrap();
                    sum += std::str::from_utf8(number).unwrap().parse::<u64>().unwrap();
                    bytes += values.next().unwrap()?.unwrap().len();
                    nulls += usize::from(values.next().unwrap()?.is_none());
                    assert!(values.next().is_none());
                    Ok(())
                })
            });
            assert_eq!(count.unwrap(), 1_000_000);
            assert_eq!((sum, bytes, nulls), (499_999_500_000, 49_500_000, 500_000));
        }
    }
}

#[test]
fn huge_rows_come_and_the_next_is_small_again() {
    for server in mysql::servers() {
        let mut connection = open(&plain(&server));
        let part = |n: u32| format!("SELECT REPEAT('x', {n}), '{n}'");
        let lengths = [1, 16_777_205, 16_777_210, 16_777_216, 20_000_000, 40_000_000, 2];
        let sql = lengths.map(part).join(" UNION ALL ");
        let mut seen = Vec::new();
        calmly(|control| {
            connection.rows(&sql, control, |_, row| {
                let values: Vec<_> = row.values().collect::<Result<_, _>>()?;
                let value = values[0].unwrap();
                assert!(value.iter().all(|byte| *byte == b'x'));
                assert_eq!(values[1].unwrap(), value.len().to_string().as_bytes());
                seen.push(u32::try_from(value.len()).unwrap());
                Ok(())
            })
        })
        .unwrap();
        assert_eq!(seen, lengths);
    }
}

#[test]
fn columns_say_what_they_are() {
    for server in mysql::servers() {
        let database = server.database();
        let mut connection = open(&database.url);
        run(
            &mut connection,
            "CREATE TABLE t (id int unsigned NOT NULL, d decimal(10,2), b varbinary(10), t text, e enum('a'), bit bit(3),
            f double, ts timestamp(3) NULL)",
        );
        run(&mut connection, "INSERT INTO t VALUES (1, 2, 'x', 'y', 'a', 5, 0.5, NULL)");
        let mut found: Vec<Column> = Vec::new();
        calmly(|control| {
            connection.rows("SELECT t.*, id + 1 AS more FROM t", control, |columns, row| {
                found = columns.to_vec();
                let values: Vec<_> = row.values().collect::<Result<_, _>>()?;
                assert_eq!((values[1], values[5], values[7]), (Some(&b"2.00"[..]), Some(&b"\x05"[..]), None));
                Ok(())
            })
        })
        .unwrap();
        let kinds: Vec<_> = found.iter().take(8).map(|column| column.kind).collect();
        use ColumnKind as K;
        assert_eq!(
            kinds,
            [K::Long, K::NewDecimal, K::VarString, K::Blob, K::String, K::Bit, K::Double, K::Timestamp]
        );
        assert_eq!(
            found[0].flags & (Column::NOT_NULL | Column::UNSIGNED),
            Column::NOT_NULL | Column::UNSIGNED
        );
        assert!(found[4].flags & Column::ENUM != 0 && found[2].charset == Column::BINARY_CHARSET);
        assert_eq!((found[1].decimals, found[7].decimals), (2, 3));
        assert_eq!((found[8].name.as_str(), found[8].org_name.as_str()), ("more", ""));
    }
}

#[test]
fn values_come_in_their_own_character_set_where_asked_for() {
    for server in mysql::servers() {
        let database = server.database();
        let mut connection = open(&database.url);
        run(&mut connection, "CREATE TABLE t (a varchar(9) CHARACTER SET latin1)");
        run(&mut connection, "INSERT INTO t VALUES ('gr\u{fc}n')");
        run(&mut connection, "SET character_set_results = NULL");
        let rows = calmly(|control| connection.query_bytes("SELECT a FROM t", control)).unwrap();
        assert_eq!(rows[0][0].as_deref(), Some(&b"gr\xfcn"[..]));
    }
}

#[test]
fn who_takes_the_rows_can_stop() {
    for server in mysql::servers() {
        let database = server.database();
        let mut connection = open(&database.url);
        run(&mut connection, "START TRANSACTION");
        let mut seen = 0;
        let error = calmly(|control| {
            connection.rows(&format!("{MILLION} SELECT n, REPEAT('x', 100) FROM m"), control, |_, _| {
                seen += 1;
                if seen == 1000 { Err(Error::new(ErrorKind::NoSpace, "full")) } else { Ok(()) }
            })
        });
        assert_eq!((error.unwrap_err().kind(), seen), (ErrorKind::NoSpace, 1000));
        assert!(!connection.is_broken(), "{server}");
        assert_eq!(one(&mut connection, "SELECT 1"), "1");
        // The last row, where there is nothing left to stop.
        let error = calmly(|control| {
            connection.rows("SELECT 1", control, |_, _| Err(Error::new(ErrorKind::NoSpace, "full")))
        });
        assert_eq!(error.unwrap_err().kind(), ErrorKind::NoSpace);
        for _ in 0..3 {
            assert_eq!(one(&mut connection, "SELECT SLEEP(0.01)"), "0");
        }
    }
}

#[test]
fn an_error_in_the_middle_is_an_error() {
    for server in mysql::servers() {
        let mut connection = open(&plain(&server));
        let mut seen = 0;
        let sql = format!("{MILLION} SELECT IF(n = 50000, (SELECT 1 UNION SELECT 2), n) FROM m");
        let error = calmly(|control| {
            connection.rows(&sql, control, |_, _| {
                seen += 1;
                Ok(())
            })
        })
        .unwrap_err();
        assert_eq!(server_error(&error).unwrap().code, 1242, "{seen}");
        assert_eq!(one(&mut connection, "SELECT 1"), "1");
    }
}
