use proptest::prelude::*;

use super::*;

fn column(kind: &str, charset: Option<&str>) -> Column {
    Column {
        kind: kind.into(),
        full_kind: kind.into(),
        charset: charset.map(str::to_owned),
        ..Column::default()
    }
}

fn written(kind: &str, charset: Option<&str>, value: &[u8]) -> String {
    let (format, _) = Format::of(&column(kind, charset), "`c`");
    let mut out = Vec::new();
    format.append(Some(value), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_type_has_its_way() {
    assert_eq!(written("bigint", None, b"-7"), "-7");
    assert_eq!(written("decimal", None, b"1.50"), "1.50");
    assert_eq!(written("year", None, b"0000"), "0000");
    assert_eq!(written("double", None, b"1e21"), "1e21");
    assert_eq!(written("double", None, b"-0"), "-0e0");
    assert_eq!(written("double", None, b"-0.00000"), "-0.00000e0");
    assert_eq!(written("double", None, b"-0.5"), "-0.5");
    assert!(written("double", None, &[b'9'; 80]).ends_with("9e0"));
    assert_eq!(written("datetime", None, b"0000-00-00 00:00:00"), "'0000-00-00 00:00:00'");
    assert_eq!(written("varchar", Some("utf8mb4"), "it's \u{1F418}\n".as_bytes()), "'it\\'s \u{1F418}\\n'");
    assert_eq!(written("varchar", Some("utf8mb4"), b"\xff"), "_utf8mb4 0xFF");
    assert_eq!(written("text", Some("latin1"), b"plain"), "'plain'");
    assert_eq!(written("text", Some("latin1"), b"\xe9"), "_latin1 0xE9");
    assert_eq!(written("text", Some("sjis"), b"a\\"), "_sjis 0x615C");
    assert_eq!(written("text", Some("utf16"), b""), "''");
    assert_eq!(written("blob", None, b""), "''");
    assert_eq!(written("bit", None, b"\x00\x01"), "0x0001");
    assert_eq!(written("json", None, b"{}"), "'{}'");
    assert_eq!(written("json", Some("utf8mb4"), b"[]"), "'[]'");
    assert_eq!(written("uuid", None, b"00-11"), "'00-11'");
    assert_eq!(written("vector", None, b"\x01"), "0x01");
    let (format, _) = Format::of(&column("blob", None), "`c`");
    let mut out = Vec::new();
    format.append(None, &mut out);
    assert_eq!(out, b"NULL");
}

#[test]
fn expressions_say_what_the_server_would_round() {
    assert_eq!(Format::of(&column("float", None), "`c`").1, "`c`*1e0");
    assert_eq!(Format::of(&column("double", None), "`c`").1, "`c`");
}

#[test]
fn an_empty_member_is_told_from_no_member() {
    for (kind, expected) in [
        ("enum('','b')", true),
        ("enum('b','')", true),
        ("enum('a','b''')", false),
        ("enum('''')", false),
        ("enum(''',''')", false),
        ("enum('a''','','c')", true),
        ("enum('a')", false),
    ] {
        assert_eq!(has_empty_member(kind), expected, "{kind}");
    }
    let column = Column { full_kind: "enum('','0')".into(), ..column("enum", Some("latin1")) };
    let (format, select) = Format::of(&column, "`c`");
    let write = |value: &[u8]| {
        let mut out = Vec::new();
        format.append(Some(value), &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!((write(b"0"), write(b"x"), write(b"x0")), ("0".into(), "''".into(), "'0'".into()));
    assert!(select.starts_with("IF(`c`+0=0"));
}

/// Reads a text in quotes as the server does.
fn unquote(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text[1..text.len() - 1].iter();
    while let Some(byte) = bytes.next() {
        assert!(*byte != b'\'' && *byte != b'\n' && *byte != b'\r' && *byte != 0);
        out.push(match byte {
            b'\\' => match bytes.next().unwrap() {
                b'0' => 0,
                b'n' => b'\n',
                b'r' => b'\r',
                b'Z' => 0x1a,
                other => *other,
            },
            other => *other,
        });
    }
    out
}

proptest! {
    #[test]
    fn quoted_texts_read_back(value in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\''), Just(b'\\')], 0..80)) {
        let mut out = Vec::new();
        quoted(&value, &mut out);
        prop_assert_eq!(unquote(&out), value);
    }

    #[test]
    fn hexadecimal_reads_back(value in prop::collection::vec(any::<u8>(), 1..80)) {
        let mut out = Vec::new();
        hexadecimal(&value, &mut out);
        let digits = out.strip_prefix(b"0x").unwrap();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let read: Vec<u8> = digits.chunks(2).map(pair).collect();
        prop_assert_eq!(read, value);
    }
}
