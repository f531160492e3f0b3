use cadangkan_core::ErrorKind;

use super::*;

fn index(codec: CodecKind, frames: &[(Section, &str, u64)]) -> Index {
    let mut builder = IndexBuilder::new(codec);
    for (part, (section, object, raw_len)) in (0..).zip(frames) {
        let object = &ObjectName::new(*object);
        let entry = NewEntry {
            section: *section,
            object,
            part,
            rows: 7,
            raw_len: *raw_len,
            hash: FrameHash::of(b""),
        };
        builder.push(entry, *raw_len).unwrap();
    }
    let behind = if codec == CodecKind::Zlib { 6 } else { 0 };
    let stored_bytes = builder.stored_bytes() + behind;
    builder.finish(stored_bytes).unwrap()
}

fn sample() -> Index {
    let data = Section::Data;
    index(
        CodecKind::Zstd,
        &[(Section::Header, "", 5), (data, "b \"ü\n", 10), (data, "a", 20), (data, "b \"ü\n", 30)],
    )
}

/// The lines of an index, and back.
fn lines(index: &Index) -> Vec<String> {
    let bytes = zstd::decode_all(&index.to_bytes().unwrap()[..]).unwrap();
    String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

fn read(lines: &[String]) -> cadangkan_core::Result<Index> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    Index::read(&zstd::encode_all(text.as_bytes(), 1).unwrap()[..])
}

#[test]
fn comes_back_as_it_was() {
    for index in [
        sample(),
        index(CodecKind::Zlib, &[]),
        index(CodecKind::Zlib, &[(Section::Trailer, "x", 1)]),
        index(CodecKind::None, &[]),
        index(CodecKind::None, &[(Section::Data, "x", MAX_FRAME)]),
    ] {
        assert_eq!(Index::read(&index.to_bytes().unwrap()[..]).unwrap(), index);
    }
}

const MAX_FRAME: u64 = crate::MAX_FRAME as u64;

#[test]
fn is_lines_of_json() {
    let lines = lines(&sample());
    assert_eq!(lines[0], r#"{"format":"cadangkan-index","version":1,"codec":"zstd","objects":3}"#);
    assert_eq!(lines[2], r#"{"object":1,"name":"b \"ü\n"}"#);
    assert!(lines[5].starts_with(r#"[1,"data",1,1,5,10,5,10,7,"af1349b9"#), "{}", lines[5]);
    assert_eq!(lines[8], r#"{"frames":4,"stored_bytes":65,"raw_bytes":65}"#);
    assert_eq!(lines.len(), 9);
}

#[test]
fn every_line_is_needed_and_none_may_be_added() {
    let good = lines(&sample());
    assert_eq!(read(&good).unwrap(), sample());
    for position in 0..good.len() {
        let mut without = good.clone();
        without.remove(position);
        assert!(read(&without).is_err(), "without line {position}");
        let mut twice = good.clone();
        twice.insert(position, good[position].clone());
        assert!(read(&twice).is_err(), "line {position} twice");
    }
    for position in 1..good.len() {
        let mut swapped = good.clone();
        swapped.swap(position - 1, position);
        assert!(read(&swapped).is_err(), "line {position} before its time");
    }
}

#[test]
fn refuses_what_cannot_be() {
    let change = |line: usize, from: &str, to: &str| {
        let mut lines = lines(&sample());
        assert!(lines[line].contains(from), "{}", lines[line]);
        lines[line] = lines[line].replacen(from, to, 1);
        read(&lines).unwrap_err().kind()
    };
    let newer = change(0, "\"version\":1", "\"version\":2");
    assert_eq!(newer, ErrorKind::Unsupported);
    for (line, from, to) in [
        (0, "cadangkan-index", "something-else"),
        (0, "\"version\":1", "\"version\":0"),
        (0, "zstd", "lz4"),
        (0, "\"objects\":3", "\"objects\":4294967295"),
        (0, "\"codec\":\"zstd\"", "\"codec\":\"zlib\""),
        (0, "\"codec\":\"zstd\"", "\"codec\":\"none\""),
        (1, "\"object\":0", "\"object\":1"),
        (4, ",0,5,0,5,", ",0,0,0,5,"),
        (4, ",0,5,0,5,", ",0,5,0,0,"),
        (4, ",0,5,0,5,", ",0,5,0,-5,"),
        (4, ",0,5,0,5,", ",0,5,0,5.0,"),
        (4, ",0,5,0,5,", ",1,5,0,5,"),
        (4, ",0,5,0,5,", ",0,5,1,5,"),
        (4, ",0,5,0,5,", ",0,18446744073709551615,0,5,"),
        (4, ",0,5,0,5,", ",0,5,0,67108865,"),
        (4, "[0,", "[1,"),
        (4, "\"header\"", "\"trailer\""),
        (4, "\"header\",0", "\"header\",3"),
        (4, "\"af", "\"AF"),
        (8, "\"frames\":4", "\"frames\":5"),
        (8, "\"stored_bytes\":65", "\"stored_bytes\":66"),
        (8, "\"raw_bytes\":65", "\"raw_bytes\":66"),
    ] {
        // A codec of no compression has equal lengths here, so only the end of the file can tell.
        if to.contains("none") {
            continue;
        }
        assert_eq!(change(line, from, to), ErrorKind::DamagedBackup, "{from} -> {to}");
    }
}

#[test]
fn refuses_lines_and_names_without_end() {
    let mut lines = lines(&sample());
    lines[2] = format!(r#"{{"object":1,"name":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(read(&lines).unwrap_err().kind(), ErrorKind::DamagedBackup);
    let mut builder = IndexBuilder::new(CodecKind::Zstd);
    let object = &ObjectName::new("x".repeat(70_000));
    let entry =
        NewEntry { section: Section::Data, object, part: 0, rows: 0, raw_len: 1, hash: FrameHash::of(b"") };
    assert_eq!(builder.push(entry, 1).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn finds_the_frames_of_a_range() {
    let index = sample();
    let found =
        |range: Range<u64>| index.covering(range).iter().map(|entry| entry.sequence).collect::<Vec<_>>();
    assert_eq!(found(0..65), [0, 1, 2, 3]);
    assert_eq!(found(4..6), [0, 1]);
    assert_eq!(found(5..15), [1]);
    assert_eq!(found(64..1000), [3]);
    let backwards = Range { start: 9, end: 3 };
    assert!(found(5..5).is_empty() && found(65..66).is_empty() && found(backwards).is_empty());
}

#[test]
fn an_archive_of_no_frames_has_the_length_of_its_empty_frame() {
    let end = |codec, stored_bytes| IndexBuilder::new(codec).finish(stored_bytes).is_ok();
    assert!(end(CodecKind::Zstd, 13) && end(CodecKind::Zlib, 8) && end(CodecKind::None, 0));
    assert!(!end(CodecKind::Zstd, 0) && !end(CodecKind::Zstd, 65) && !end(CodecKind::Zlib, 2));
    assert!(!end(CodecKind::Zlib, 0) && !end(CodecKind::None, 1));
}

/// Frames of two databases: the rows of both, then what comes behind them.
fn combined(frames: &[(Section, Option<&str>, u64)]) -> cadangkan_core::Result<Index> {
    let mut builder = IndexBuilder::new(CodecKind::Zstd);
    for (section, database, raw_len) in frames {
        let object = &ObjectName { database: database.map(str::to_owned), ..ObjectName::new("t") };
        let entry = NewEntry {
            section: *section,
            object,
            part: 0,
            rows: 1,
            raw_len: *raw_len,
            hash: FrameHash::of(b""),
        };
        builder.push(entry, *raw_len)?;
    }
    let stored_bytes = builder.stored_bytes();
    builder.finish(stored_bytes)
}

const TWO: &[(Section, Option<&str>, u64)] = &[
    (Section::Header, Some("a"), 1),
    (Section::Data, Some("a"), 2),
    (Section::Header, Some("b"), 3),
    (Section::Data, Some("b"), 4),
    (Section::PostData, Some("a"), 5),
    (Section::PostData, Some("b"), 6),
    (Section::Trailer, None, 7),
];

#[test]
fn sections_of_each_database_are_in_order() {
    let index = combined(TWO).unwrap();
    assert_eq!(read(&lines(&index)).unwrap(), index);
    // Whether another one stands between them or not.
    for (place, section) in [(1, Section::Trailer), (4, Section::Header), (3, Section::Trailer)] {
        let mut frames = TWO.to_vec();
        frames[place].0 = section;
        assert!(combined(&frames).is_err(), "{place} {section}");
    }
}

#[test]
fn one_of_several_databases_is_where_it_was() {
    let of_b = combined(TWO).unwrap().of_database("b");
    let seen: Vec<_> =
        of_b.entries().iter().map(|entry| (entry.section, entry.offset, entry.raw_len)).collect();
    assert_eq!(seen, [(Section::Header, 3, 3), (Section::Data, 6, 4), (Section::PostData, 15, 6)]);
    assert!(of_b.entries().iter().all(|entry| *entry.object == ObjectName::new("t")));
    assert_eq!((of_b.stored_bytes(), of_b.raw_bytes(), of_b.frames()), (13, 13, 3));
    assert_eq!(combined(TWO).unwrap().of_database("c").frames(), 0);
}
