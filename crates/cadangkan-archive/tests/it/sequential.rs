use cadangkan_archive::{Codec, CodecKind, MAX_FRAME, PIECE, PieceInfo, SequentialReader, rebuild_index};
use cadangkan_core::{ErrorKind, ObjectName, Section};

use crate::support::{Numbers, build, codec, read_pieces, read_sequentially, sample_frames};

#[test]
fn pieces_end_where_frames_end() {
    let sizes = [PIECE, 1, PIECE + 1, PIECE - 1, 2 * PIECE, 2 * PIECE + 1, 5];
    let frames: Vec<Vec<u8>> = sizes.iter().map(|size| Numbers(*size as u64).rows(*size)).collect();
    let cut = |size: usize| (0..size.div_ceil(PIECE)).map(move |piece| (piece + 1) * PIECE >= size);
    let expected: Vec<(u64, bool)> =
        (0..).zip(sizes).flat_map(|(frame, size)| cut(size).map(move |ends| (frame, ends))).collect();
    for kind in [CodecKind::Zstd, CodecKind::Gzip] {
        let built = build(Codec::new(kind, Some(1)).unwrap(), &frames);
        let (raw, pieces) = read_pieces(kind, &built.archive).unwrap();
        assert!(raw == built.raw);
        let found: Vec<(u64, bool)> = pieces.iter().map(|piece| (piece.frame, piece.ends_frame)).collect();
        assert_eq!(found, expected, "{kind}");
    }
}

#[test]
fn zlib_and_plain_files_are_one_frame() {
    for kind in [CodecKind::Zlib, CodecKind::None] {
        let built = build(codec(kind), &[Numbers(1).rows(PIECE), Numbers(2).rows(PIECE)]);
        let piece = |raw_offset, ends_frame| PieceInfo { raw_offset, frame: 0, ends_frame };
        let (_raw, pieces) = read_pieces(kind, &built.archive).unwrap();
        assert_eq!(pieces, [piece(0, false), piece(PIECE as u64, true)]);
    }
}

#[test]
fn joined_files_are_one_file() {
    for kind in [CodecKind::Zstd, CodecKind::Gzip, CodecKind::Xz, CodecKind::None] {
        let (first, second) = (build(codec(kind), &sample_frames()), build(codec(kind), &[vec![1, 2, 3]]));
        let joined = [first.archive, second.archive].concat();
        assert!(read_sequentially(kind, &joined).unwrap() == [first.raw, second.raw].concat(), "{kind}");
    }
}

#[test]
fn readers_that_give_little_at_a_time_are_waited_for() {
    struct Drops<'a>(&'a [u8], bool);
    impl std::io::Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            let length = buffer.len().min(1).min(self.0.len());
            let (now, later) = self.0.split_at(length);
            buffer[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }
    for kind in CodecKind::ALL {
        let built = build(codec(kind), &sample_frames());
        let mut reader = SequentialReader::new(kind, Drops(&built.archive, false)).unwrap();
        let (mut raw, mut piece) = (Vec::new(), Vec::new());
        while reader.next(&mut piece).unwrap().is_some() {
            raw.extend_from_slice(&piece);
        }
        assert!(raw == built.raw, "{kind}");
    }
}

#[test]
fn a_reader_that_fails_is_not_a_damaged_archive() {
    struct Fails;
    impl std::io::Read for Fails {
        fn read(&mut self, _buffer: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::TimedOut.into())
        }
    }
    for kind in CodecKind::ALL {
        let mut reader = SequentialReader::new(kind, Fails).unwrap();
        assert_eq!(reader.next(&mut Vec::new()).unwrap_err().kind(), ErrorKind::Timeout);
        assert!(reader.next(&mut Vec::new()).is_err(), "and stays failed");
    }
}

#[test]
fn the_wrong_codec_is_refused() {
    for kind in CodecKind::ALL {
        let built = build(codec(kind), &sample_frames());
        for other in CodecKind::ALL.into_iter().filter(|other| ![kind, CodecKind::None].contains(other)) {
            assert_eq!(
                read_sequentially(other, &built.archive).unwrap_err().kind(),
                ErrorKind::DamagedBackup
            );
        }
    }
}

#[test]
fn zeros_between_xz_streams_are_allowed_and_nowhere_else() {
    let frames = sample_frames();
    for (kind, zeros, good) in [
        (CodecKind::Xz, 4, true),
        (CodecKind::Xz, 400_000, true),
        (CodecKind::Xz, 3, false),
        (CodecKind::Xz, 6, false),
        (CodecKind::Zstd, 4, false),
        (CodecKind::Gzip, 1, false),
        (CodecKind::Gzip, 512, false),
        (CodecKind::Zlib, 4, false),
    ] {
        let built = build(codec(kind), &frames);
        let padded = [&built.archive[..], &vec![0; zeros]].concat();
        let read = read_sequentially(kind, &padded);
        assert_eq!(read.as_ref().is_ok_and(|raw| *raw == built.raw), good, "{kind} and {zeros} zeros");
        assert_eq!(read.is_err(), !good);
        if good {
            let twice = [&padded[..], &built.archive[..]].concat();
            assert!(read_sequentially(kind, &twice).unwrap() == built.raw.repeat(2));
            let scan = rebuild_index(kind, &twice[..], ObjectName::new("x"), Section::Data);
            assert_eq!(scan.unwrap_err().kind(), ErrorKind::Unsupported, "an index has no gaps");
        }
    }
}

#[test]
fn a_scan_refuses_what_no_index_can_say() {
    let scan = |archive: &[u8]| rebuild_index(CodecKind::Zstd, archive, ObjectName::new("x"), Section::Data);
    let built = build(codec(CodecKind::Zstd), &sample_frames());
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    for parts in [[&skippable[..], &built.archive], [&built.archive, &skippable[..]]] {
        let archive = parts.concat();
        assert!(read_sequentially(CodecKind::Zstd, &archive).unwrap() == built.raw);
        assert_eq!(scan(&archive).unwrap_err().kind(), ErrorKind::Unsupported);
    }
    let long =
        zstd::encode_all(std::io::Read::take(std::io::repeat(1), MAX_FRAME as u64 + (3 << 20)), 1).unwrap();
    assert_eq!(scan(&long).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(scan(&long[..long.len() - 1]).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(scan(&built.archive[..100]).unwrap_err().kind(), ErrorKind::DamagedBackup);
}
