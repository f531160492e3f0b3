use cadangkan_archive::{Checksum, Codec, CodecKind, FrameHash, QuickHasher, rebuild_index};
use cadangkan_core::{ErrorKind, Frame, ObjectName, Section};
use proptest::prelude::*;

use crate::support::{Built, Numbers, build, build_from, codec, read_by_index, read_pieces, sample_frames};

fn any_codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(CodecKind::ALL.to_vec())
        .prop_flat_map(|kind| (Just(kind), kind.levels()))
        .prop_map(|(kind, level)| Codec::new(kind, Some(level)).unwrap())
}

/// Frames that compress well, badly, and not at all.
fn any_frames() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let noise = prop::collection::vec(any::<u8>(), 1..600);
    let repeats = (prop::collection::vec(any::<u8>(), 1..20), 1..400_usize)
        .prop_map(|(unit, times)| unit.repeat(times));
    let rows = (any::<u64>(), 1..5000_usize).prop_map(|(seed, length)| Numbers(seed).rows(length));
    prop::collection::vec(prop_oneof![noise, repeats, rows], 0..8)
}

fn check(built: &Built) {
    let kind = built.codec.kind();
    assert_eq!(built.summary.checksum, Checksum::of(&built.archive));
    assert_eq!(built.summary.quick_hash, QuickHasher::of(&built.archive));
    assert_eq!(built.summary.stored_bytes, built.archive.len() as u64);
    assert_eq!(built.summary.raw_bytes, built.raw.len() as u64);
    assert_eq!(built.index.stored_bytes(), built.summary.stored_bytes);
    assert_eq!(built.index.frames(), built.summary.frames);
    assert!(read_by_index(&built.index, &built.archive).unwrap() == built.raw);
    let (raw, pieces) = read_pieces(kind, &built.archive).unwrap();
    assert!(raw == built.raw);
    if !matches!(kind, CodecKind::Zlib | CodecKind::None) {
        assert_eq!(pieces.iter().filter(|piece| piece.ends_frame).count() as u64, built.index.frames());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_in_comes_out(codec in any_codec(), frames in any_frames()) {
        check(&build(codec, &frames));
    }

    #[test]
    fn a_scan_finds_what_the_index_said(codec in any_codec(), frames in any_frames()) {
        let built = build(codec, &frames);
        let scan = || rebuild_index(codec.kind(), &built.archive[..], ObjectName::new("shop"), Section::Data);
        match codec.kind() {
            CodecKind::Zlib => prop_assert_eq!(scan().unwrap_err().kind(), ErrorKind::Unsupported),
            CodecKind::None => prop_assert!(read_by_index(&scan().unwrap(), &built.archive).unwrap() == built.raw),
            _ => {
                let scanned = scan().unwrap();
                prop_assert_eq!(scanned.stored_bytes(), built.index.stored_bytes());
                prop_assert_eq!(scanned.frames(), built.index.frames());
                for (found, said) in scanned.entries().iter().zip(built.index.entries()) {
                    let mut found = found.clone();
                    prop_assert_eq!(found.rows, 0);
                    found.rows = said.rows;
                    prop_assert_eq!(&found, said);
                }
            }
        }
    }
}

#[test]
fn every_level_works() {
    for kind in CodecKind::ALL {
        for level in kind.levels() {
            check(&build(
                Codec::new(kind, Some(level)).unwrap(),
                &[Numbers(3).rows(50_000), Numbers(4).noise(5_000)],
            ));
        }
    }
}

#[test]
fn the_default_is_not_the_largest() {
    for kind in [CodecKind::Zstd, CodecKind::Gzip, CodecKind::Xz, CodecKind::Zlib] {
        let built = build(codec(kind), &[Numbers(5).rows(500_000)]);
        assert!(built.archive.len() < 250_000, "{kind}: {}", built.archive.len());
    }
}

#[test]
fn an_encoder_gives_the_same_bytes_whatever_came_before() {
    for kind in CodecKind::ALL {
        let fresh = build(codec(kind), &sample_frames());
        let mut encoder = codec(kind).encoder().unwrap();
        let mut buffer = b"old content".to_vec();
        for _round in 0..2 {
            for (entry, data) in fresh.index.entries().iter().zip(sample_frames()).rev() {
                let frame =
                    Frame { section: Section::Data, object: ObjectName::new("x"), part: 0, rows: 0, data };
                let encoded = encoder.encode(&frame, buffer).unwrap();
                let range = entry.stored_range();
                assert!(encoded.stored == fresh.archive[range.start as usize..range.end as usize], "{kind}");
                assert_eq!(encoded.hash, FrameHash::of(&frame.data));
                buffer = encoded.stored;
            }
        }
    }
}

#[test]
fn reads_a_range_by_its_frames_alone() {
    for kind in CodecKind::ALL {
        let built = build(codec(kind), &sample_frames());
        let (from, to) = (8_500_u64, 12_500_u64);
        let mut decoder = kind.decoder().unwrap();
        let (mut raw, mut frame) = (Vec::new(), Vec::new());
        for entry in built.index.covering(from..to) {
            let stored = entry.stored_range();
            decoder
                .decode(entry, &built.archive[stored.start as usize..stored.end as usize], &mut frame)
                .unwrap();
            let begin = from.saturating_sub(entry.raw_offset) as usize;
            let end = (to.min(entry.raw_range().end) - entry.raw_offset) as usize;
            raw.extend_from_slice(&frame[begin..end]);
        }
        assert!(raw == built.raw[8_500..12_500], "{kind}");
        assert_eq!(built.index.covering(from..to).len(), 3);
    }
}

#[test]
fn adds_up_each_object() {
    let frame = |section, name: &str, part, rows, length| Frame {
        section,
        object: ObjectName { schema: Some("public".into()), ..ObjectName::new(name) },
        part,
        rows,
        data: Numbers(6).rows(length),
    };
    let frames = [
        frame(Section::PreData, "orders", 0, 0, 100),
        frame(Section::Data, "users", 0, 3, 200),
        frame(Section::Data, "orders", 1, 5, 300),
        frame(Section::Data, "users", 1, 7, 400),
    ];
    let built = build_from(codec(CodecKind::Gzip), &frames);
    check(&built);
    let [orders, users] = &built.summary.objects[..] else { panic!("two objects") };
    assert_eq!((orders.name.to_string().as_str(), orders.rows, orders.raw_bytes), ("public.orders", 5, 400));
    assert_eq!((users.name.to_string().as_str(), users.rows, users.raw_bytes), ("public.users", 10, 600));
    assert_eq!(orders.stored_bytes + users.stored_bytes, built.summary.stored_bytes);
}
