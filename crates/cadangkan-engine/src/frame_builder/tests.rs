use std::sync::Mutex;

use cadangkan_core::{Error, ErrorKind};
use proptest::prelude::*;

use super::*;

#[derive(Default)]
struct Frames(Mutex<Vec<Frame>>);

impl FrameSink for Frames {
    fn buffer(&self, capacity: usize) -> Result<Vec<u8>> {
        Ok(Vec::with_capacity(capacity))
    }

    fn send(&self, frame: Frame) -> Result<()> {
        self.0.lock().unwrap().push(frame);
        Ok(())
    }
}

const SIZES: FrameSizes = FrameSizes { min: 200, max: 2000 };

fn build(rows: &[Vec<u8>]) -> (Vec<Frame>, UnitReport) {
    let frames = Frames::default();
    let mut builder =
        FrameBuilder::new(Section::Data, ObjectName::new("t"), SIZES, &frames).wrapped("begin\n", "end\n");
    for row in rows {
        builder.row(row).unwrap();
    }
    let report = builder.finish().unwrap();
    (frames.0.into_inner().unwrap(), report)
}

fn rows() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..400)
}

proptest! {
    #[test]
    fn frames_hold_all_rows_in_order(rows in rows()) {
        let (frames, report) = build(&rows);
        prop_assert_eq!(report.rows, rows.len() as u64);
        prop_assert_eq!(frames.iter().map(|frame| frame.rows).sum::<u64>(), rows.len() as u64);
        let mut all = Vec::new();
        for (part, frame) in frames.iter().enumerate() {
            prop_assert_eq!(frame.part, part as u64);
            prop_assert!(frame.data.len() <= SIZES.max);
            prop_assert!(frame.data.len() >= SIZES.min || part == frames.len() - 1);
            let rows = frame.data.strip_prefix(b"begin\n").and_then(|rest| rest.strip_suffix(b"end\n"));
            all.extend_from_slice(rows.unwrap());
        }
        prop_assert_eq!(all, rows.concat());
        prop_assert_eq!(build(&rows), (frames, report));
    }

    #[test]
    fn one_row_more_changes_frames_near_it_only(rows in rows(), row: Vec<u8>, place: prop::sample::Index) {
        let at = place.index(rows.len() + 1);
        let mut more = rows.clone();
        more.insert(at, row);
        let (before, after) = (build(&rows).0, build(&more).0);
        let mut end = 0;
        let untouched = before.iter().take_while(|frame| {
            end += frame.rows;
            end < at as u64
        });
        for (old, new) in untouched.zip(&after) {
            prop_assert_eq!(old, new);
        }
    }
}

/// Builds frames of statements of at most 300 bytes, of rows without blanks and brackets.
fn build_statements(rows: &[Vec<u8>]) -> (Vec<Frame>, UnitReport) {
    let frames = Frames::default();
    let mut builder = FrameBuilder::new(Section::Data, ObjectName::new("t"), SIZES, &frames)
        .wrapped("INSERT ", ";\n")
        .statements(",\n", 300);
    for row in rows {
        builder.row(row).unwrap();
    }
    let report = builder.finish().unwrap();
    (frames.0.into_inner().unwrap(), report)
}

fn literal_rows() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec("[a-z]{1,350}".prop_map(String::into_bytes), 0..200)
}

proptest! {
    #[test]
    fn statements_hold_all_rows_in_order_and_are_bounded(rows in literal_rows()) {
        let (frames, report) = build_statements(&rows);
        prop_assert_eq!(report.rows, rows.len() as u64);
        let mut all = Vec::new();
        for frame in &frames {
            prop_assert!(frame.data.len() <= SIZES.max);
            let text = String::from_utf8(frame.data.clone()).unwrap();
            let mut count = 0;
            for statement in text.split_inclusive(";\n") {
                let inner = statement.strip_prefix("INSERT ").and_then(|rest| rest.strip_suffix(";\n")).unwrap();
                let rows: Vec<_> = inner.split(",\n").map(|row| row.as_bytes().to_vec()).collect();
                prop_assert!(statement.len() <= 300 || rows.len() == 1, "{}", statement);
                count += rows.len() as u64;
                all.extend(rows);
            }
            prop_assert_eq!(count, frame.rows);
        }
        prop_assert_eq!(all, rows.clone());
        prop_assert_eq!(build_statements(&rows), (frames, report));
    }
}

#[test]
fn statements_are_as_long_as_they_may_be() {
    let rows: Vec<Vec<u8>> = (0..100).map(|_| vec![b'x'; 8]).collect();
    let (frames, _) = build_statements(&rows);
    let longest = |frame: &Frame| frame.data.split(|byte| *byte == b';').map(<[u8]>::len).max().unwrap();
    assert!(frames.iter().any(|frame| longest(frame) > 280), "no statement comes near the limit");
}

#[test]
fn borders_come_back_after_a_change() {
    let rows: Vec<Vec<u8>> = (0..20_000_u32)
        .map(|number| format!("row {number} {}\n", number.wrapping_mul(2_654_435_761)).into_bytes())
        .collect();
    let mut changed = rows.clone();
    changed.remove(100);
    changed.insert(9000, b"a new row\n".to_vec());
    let (before, after) = (build(&rows).0, build(&changed).0);
    let known: std::collections::HashSet<&[u8]> = before.iter().map(|frame| frame.data.as_slice()).collect();
    let new = after.iter().filter(|frame| !known.contains(frame.data.as_slice())).count();
    assert!(before.len() > 300, "{}", before.len());
    assert!(new <= 12, "{new} of {} frames are new", after.len());
}

#[test]
fn most_frames_end_by_content_whatever_the_row_length() {
    for length in [10, 60, 300] {
        let rows: Vec<Vec<u8>> = (0..200_000 / length as u64)
            .map(|number| {
                let mut row = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes().to_vec();
                row.resize(length, b'x');
                row
            })
            .collect();
        let (frames, _) = build(&rows);
        let full = frames.iter().filter(|frame| frame.data.len() + length > SIZES.max).count();
        assert!(full * 10 < frames.len(), "{length}: {full} of {}", frames.len());
    }
}

#[test]
fn a_row_longer_than_a_frame_stands_alone_and_errors_pass() {
    let rows = [b"a".to_vec(), vec![b'b'; 5000], b"c".to_vec()];
    let (frames, _) = build(&rows);
    assert_eq!(frames.iter().map(|frame| frame.rows).collect::<Vec<_>>(), [1, 1, 1]);

    struct Full;
    impl FrameSink for Full {
        fn buffer(&self, _: usize) -> Result<Vec<u8>> {
            Ok(Vec::new())
        }
        fn send(&self, _: Frame) -> Result<()> {
            Err(Error::new(ErrorKind::NoSpace, "full"))
        }
    }
    let mut builder = FrameBuilder::new(Section::Data, ObjectName::new("t"), SIZES, &Full).first_part(7);
    builder.row(b"x").unwrap();
    assert_eq!(builder.finish().unwrap_err().kind(), ErrorKind::NoSpace);
}

#[test]
fn no_rows_no_frames() {
    let (frames, report) = build(&[]);
    assert!(frames.is_empty());
    assert_eq!(report, UnitReport { rows: 0, fingerprint: Some(Fingerprint::default()) });
}
