use proptest::prelude::*;

use super::*;

fn one(kind: Kind, value: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    encode(format!("{value}\n").as_bytes(), &[kind], &mut out)?;
    let row = out.strip_prefix(HEADER)?.strip_prefix(&[0, 1])?.strip_suffix(&[255, 255])?;
    let (length, value) = row.split_at_checked(4)?;
    assert_eq!(u32::from_be_bytes(length.try_into().unwrap()) as usize, value.len());
    Some(value.to_vec())
}

fn numeric(value: &str) -> Option<Vec<i16>> {
    let bytes = one(Kind::Numeric, value)?;
    Some(bytes.as_chunks().0.iter().map(|two| i16::from_be_bytes(*two)).collect())
}

#[test]
fn rows_are_written_as_the_manual_says() {
    let mut out = Vec::new();
    let rows = b"1\ta\\tb\\\\\n\\N\t\n";
    encode(rows, &[Kind::Int4, Kind::Text], &mut out).unwrap();
    let expected: &[&[u8]] = &[
        b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0",
        &[0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, b'a', b'\t', b'b', b'\\'],
        &[0, 2, 255, 255, 255, 255, 0, 0, 0, 0],
        &[255, 255],
    ];
    assert_eq!(out, expected.concat());
}

#[test]
fn numbers_are_groups_of_four_digits() {
    // How many groups, the place of the first, sign, digits behind the point, groups (`numeric_send`).
    let table: &[(&str, &[i16])] = &[
        ("0", &[0, 0, 0, 0]),
        ("0.00", &[0, 0, 0, 2]),
        ("1", &[1, 0, 0, 0, 1]),
        ("-1", &[1, 0, 0x4000, 0, 1]),
        ("10000", &[1, 1, 0, 0, 1]),
        ("12345.6789", &[3, 1, 0, 4, 1, 2345, 6789]),
        ("0.05", &[1, -1, 0, 2, 500]),
        ("0.00001", &[1, -2, 0, 5, 1000]),
        ("17.50", &[2, 0, 0, 2, 17, 5000]),
        ("100000000.0", &[1, 2, 0, 1, 1]),
        ("1.00010", &[2, 0, 0, 5, 1, 1]),
        ("99999999.9999", &[3, 1, 0, 4, 9999, 9999, 9999]),
        ("123456789.00", &[3, 2, 0, 2, 1, 2345, 6789]),
        ("-0.000000000001", &[1, -3, 0x4000, 12, 1]),
        ("18446744073709551616", &[5, 4, 0, 0, 1844, 6744, 737, 955, 1616].map(|group: i32| group as i16)),
    ];
    for (text, expected) in table {
        assert_eq!(numeric(text).as_deref(), Some(*expected), "{text}");
    }
}

#[test]
fn moments_are_counted_from_the_year_2000() {
    let date = |text: &str| one(Kind::Date, text).map(|bytes| i32::from_be_bytes(bytes.try_into().unwrap()));
    assert_eq!(
        ["2000-01-01", "1999-12-31", "2000-03-01", "1970-01-01", "2024-02-29", "0001-01-01", "9999-12-31"]
            .map(date),
        [0, -1, 60, -10957, 8825, -730_119, 2_921_939].map(Some)
    );
    let micros =
        |kind, text: &str| one(kind, text).map(|bytes| i64::from_be_bytes(bytes.try_into().unwrap()));
    assert_eq!(micros(Kind::Time, "00:00:01.5"), Some(1_500_000));
    assert_eq!(micros(Kind::Timestamp, "1999-12-31 23:59:59.999999"), Some(-1));
    for text in ["2000-01-01 01:00:00+01", "1999-12-31 18:30:00-05:30", "2000-01-01 00:07:02+00:07:02"] {
        assert_eq!(micros(Kind::TimestampWithZone, text), Some(0), "{text}");
    }
}

#[test]
fn a_translation_has_a_limit() {
    let rows = "1\n".repeat(2 << 20);
    let mut out = Vec::new();
    assert_eq!(encode(rows.as_bytes(), &[Kind::Int4], &mut out), None);
    assert!((MOST..MOST + 100).contains(&out.len()));
}

/// More groups than are read.
const HUGE: &str = "1000000000000000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn what_is_not_plain_is_left_to_the_server() {
    let table: &[(Kind, &[&str])] = &[
        (Kind::Bool, &["", "true", "1", "T"]),
        (Kind::Bytes, &["", "\\\\x1", "\\\\xg0", "\\x00", "abc", "\\\\xAB"]),
        (
            Kind::Date,
            &[
                "infinity",
                "0044-03-15 BC",
                "10000-01-01",
                "2023-02-29",
                "2023-13-01",
                "0000-01-01",
                "1-1-1",
                "20000101",
            ],
        ),
        (Kind::Float4, &["NaN", "Infinity", "inf", "1e99", "1e-99", "", "0x1", "1_0"]),
        (Kind::Float8, &["-Infinity", "1e999", "1e-999", "nan", "1 "]),
        (Kind::Int2, &["32768", "-32769", "", "-", "+1", "1.0", "0x1", " 1"]),
        (Kind::Int4, &["2147483648", "1\t2"]),
        (
            Kind::Int8,
            &[
                "9223372036854775808",
                "-9223372036854775809",
                "99999999999999999999",
                "--1",
                "100000000000000000a",
            ],
        ),
        (Kind::Numeric, &[HUGE, "NaN", "Infinity", "1e5", ".", "1.", ".1", "1.2.3", "--1", "", "-", "1,2"]),
        (Kind::Text, &["a\tb", "\\x41", "\\101", "\\a"]),
        (Kind::Time, &["24:00:00", "12:00", "12:00:60", "12:00:00.1234567", "12:00:00."]),
        (Kind::Timestamp, &["2000-01-01", "2000-01-01T00:00:00", "infinity", "2000-01-01 00:00:00 BC"]),
        (
            Kind::TimestampWithZone,
            &[
                "2000-01-01 00:00:00",
                "2000-01-01 00:00:00+1",
                "2000-01-01 00:00:00+16",
                "2000-01-01 00:00:00+01:60",
            ],
        ),
        (
            Kind::Uuid,
            &[
                "",
                "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                "a0eebc999c0b4ef8bb6d6bb9bd380a11",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
                "a0eebc99x9c0b-4ef8-bb6d-6bb9bd380a11",
            ],
        ),
    ];
    for (kind, values) in table {
        for value in *values {
            assert_eq!(one(*kind, value), None, "{kind:?} {value:?}");
        }
    }
    let two = [Kind::Int4, Kind::Int4];
    for rows in ["1\n", "1\t2\t3\n", "1\t2", "1\t\\N2\n", "1\t2\n\n"] {
        assert_eq!(encode(rows.as_bytes(), &two, &mut Vec::new()), None, "{rows:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(rows in prop::collection::vec(prop::sample::select(&b"\t\n\\N0129-.:+ xe\xff"[..]), 0..200)) {
        let kinds = [
            Kind::Bool, Kind::Bytes, Kind::Date, Kind::Float4, Kind::Float8, Kind::Int2, Kind::Int4, Kind::Int8,
            Kind::Jsonb, Kind::Numeric, Kind::Text, Kind::Time, Kind::Timestamp, Kind::TimestampWithZone, Kind::Uuid,
        ];
        for kind in kinds {
            let _ = encode(&rows, &[kind], &mut Vec::new());
            let _ = encode(&rows, &[kind, kind], &mut Vec::new());
        }
    }

    #[test]
    fn integers_come_back(number in any::<i64>()) {
        prop_assert_eq!(one(Kind::Int8, &number.to_string()).unwrap(), number.to_be_bytes());
    }
}

/// Columns of every type that is translated, and rows with what is odd about them.
const ODD: &str = "
    CREATE TYPE mood AS ENUM ('good', E'it''s\\t\"bad\"');
    CREATE TABLE source (id int PRIMARY KEY, flag bool, bytes bytea, day date, f4 float4, f8 float8, small int2, big int8,
      doc jsonb, plain json, price numeric(15, 2), free numeric, words text, fixed char(12), short varchar(40), hour time,
      local timestamp, moment timestamptz(3), mark uuid, feels mood);
    INSERT INTO source SELECT i, i % 2 = 0, decode(repeat(md5(i::text), i % 4), 'hex'), '2000-01-01'::date + (i - 1500) * 97,
        (random() - 0.5) * 10 ^ (i % 60 - 30), (random() - 0.5) * 10::float8 ^ (i % 600 - 300), i * 20 - 30000,
        (random() * 1e18)::int8 * (i % 3 - 1),
        jsonb_build_object('a', E'\\t\\n\\\\' || chr(300 + i), 'n', i / 7.0, 'x', NULL),
        json_build_array(i, E'\\r\\b' || i), (random() * 1e9)::numeric(15, 2) * (i % 3 - 1),
        (random() - 0.5)::numeric * round(10::numeric ^ (i % 40 - 20), 22), E'\\\\N\\t' || repeat(chr(i), i % 9) || E'\\n\\\\.\\x0b\\x0c\\x01',
        'x' || i % 100, repeat('ü', i % 40), '00:00'::time + i * interval '28.123457 s',
        '1999-12-31 23:59:59.999999'::timestamp + (i - 1500) * interval '17 days 3 h 0.000007 s',
        '2000-03-01'::timestamptz + (i - 1500) * interval '3 days 5 h 0.123 s', gen_random_uuid(),
        CASE i % 2 WHEN 0 THEN 'good' ELSE E'it''s\\t\"bad\"' END::mood
      FROM generate_series(1, 3000) i;
    INSERT INTO source VALUES (0);
    INSERT INTO source VALUES (-1, true, '', '0001-01-01', 0, '-0', -32768, -9223372036854775808, '{}', '[]',
        0, 0.00000, '', '', '', '23:59:59.999999', '0001-01-01', '1850-01-01 00:00 Asia/Kolkata',
        '00000000-0000-0000-0000-000000000000', 'good'), (-2, false, '\\x00', '9999-12-31', 1e-37, 1e-307, 32767,
        9223372036854775807, 'null', '1', -9999999999999.99, 10::numeric ^ 30, E'\\\\', ' ', '\\N', '0:00',
        '9999-12-31 23:59:59.999999', '2024-02-29 12:00 America/St_Johns', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'good');
    CREATE TABLE as_text (LIKE source);
    CREATE TABLE as_binary (LIKE source)";

#[test]
fn the_server_stores_what_it_stores_of_text() {
    use cadangkan_testkit::runs::controlled;

    for server in cadangkan_testkit::servers::postgres() {
        let database = server.database();
        if server.version < 13 {
            database.psql("CREATE FUNCTION gen_random_uuid() RETURNS uuid LANGUAGE sql AS 'SELECT md5(random()::text)::uuid'");
        }
        database.psql(ODD);
        let settings = (crate::POSTGRES.parse_url)(&database.url).unwrap().unwrap();
        let target = crate::config::Config::read(&settings).unwrap().target().unwrap();
        controlled(|control| {
            let mut connection = Connection::open(&target, control).unwrap();
            for zone in ["UTC", "Asia/Kolkata", "America/St_Johns"] {
                connection
                    .execute(&format!("TRUNCATE as_text, as_binary; SET TimeZone = '{zone}'"), control)
                    .unwrap();
                let mut rows = Vec::new();
                let keep = |row: &[u8]| {
                    rows.extend_from_slice(row);
                    Ok(())
                };
                connection.copy_out("COPY source TO STDOUT", control, keep).unwrap();
                let columns = connection.query("SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'source'::regclass AND attnum > 0", control).unwrap();
                let columns = columns[0][0].clone().unwrap();
                let as_text =
                    copy(&mut connection, "COPY as_text FROM STDIN", &ObjectName::new("t"), &rows, control);
                let statement = format!("COPY public.as_binary ({columns}) FROM stdin");
                let frame = RowFrame { head: CopyHead::read(&statement).unwrap(), rows: &rows };
                let here = ObjectName { schema: Some("public".into()), ..ObjectName::new("as_binary") };
                let binary = Binary::default();
                let translated =
                    binary.translate(&mut connection, &statement, &frame, &here, control).unwrap();
                assert!(translated.is_some(), "{zone}, PostgreSQL {}", server.version);
                let as_binary = binary.copy(&mut connection, &frame, &here, control).unwrap();
                assert_eq!(
                    (as_text.unwrap(), as_binary),
                    (3003, 3003),
                    "{zone}, PostgreSQL {}",
                    server.version
                );
                let differ = "SELECT count(*), min(id) FROM as_text a FULL JOIN as_binary b USING (id) WHERE NOT a *= b OR (a *= b) IS NULL";
                assert_eq!(
                    connection.query(differ, control).unwrap(),
                    [[Some("0".to_owned()), None]],
                    "{zone}"
                );
            }
        });
    }
}
