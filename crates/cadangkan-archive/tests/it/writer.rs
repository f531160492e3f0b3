use cadangkan_archive::{ArchiveWriter, CodecKind, FrameDecoder, FrameEncoder, MAX_FRAME, SequentialReader};
use cadangkan_core::{Error, ErrorKind, Frame, ObjectName, Section};

use crate::support::{build, codec, read_sequentially};

fn frame(section: Section, data: Vec<u8>) -> Frame {
    Frame { section, object: ObjectName::new("x"), part: 0, rows: 0, data }
}

#[test]
fn refuses_frames_of_nothing_and_frames_too_long() {
    let mut encoder = codec(CodecKind::None).encoder().unwrap();
    for length in [0, MAX_FRAME + 1] {
        let error = encoder.encode(&frame(Section::Data, vec![0; length]), Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
    }
}

#[test]
fn takes_a_frame_of_one_long_row() {
    const LONG: usize = 200 << 20;
    let built = build(codec(CodecKind::Zstd), &[vec![7; LONG]]);
    let mut decoder = CodecKind::Zstd.decoder().unwrap();
    let mut out = Vec::new();
    decoder.decode(&built.index.entries()[0], &built.archive, &mut out).unwrap();
    assert!(out == built.raw && out.capacity() == LONG + 1);
}

#[test]
fn refuses_a_section_that_is_over() {
    let mut encoder = codec(CodecKind::Zstd).encoder().unwrap();
    let mut writer = ArchiveWriter::new(codec(CodecKind::Zstd), None, |_| Ok(()));
    writer.append(&encoder.encode(&frame(Section::PostData, vec![1]), Vec::new()).unwrap()).unwrap();
    let late = encoder.encode(&frame(Section::Data, vec![1]), Vec::new()).unwrap();
    assert_eq!(writer.append(&late).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn after_a_failed_write_there_is_no_archive() {
    for kind in CodecKind::ALL {
        for failing in 0..3 {
            let mut writes = 0;
            let mut writer = ArchiveWriter::new(codec(kind), None, |_| {
                writes += 1;
                if writes == failing + 1 { Err(Error::new(ErrorKind::NoSpace, "full")) } else { Ok(()) }
            });
            let encoded =
                codec(kind).encoder().unwrap().encode(&frame(Section::Data, vec![1]), Vec::new()).unwrap();
            let results = [writer.append(&encoded), writer.append(&encoded), writer.append(&encoded)];
            let first = results.iter().position(Result::is_err).unwrap();
            assert_eq!(results[first].as_ref().unwrap_err().kind(), ErrorKind::NoSpace);
            assert!(results[first..].iter().all(Result::is_err), "{kind}: nothing may follow what failed");
            assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::Internal);
        }
    }
}

#[test]
fn an_archive_of_no_frames_is_a_file_like_any_other() {
    for kind in CodecKind::ALL {
        let built = build(codec(kind), &[]);
        assert_eq!((built.summary.frames, built.summary.raw_bytes), (0, 0));
        assert!(read_sequentially(kind, &built.archive).unwrap().is_empty());
        assert_eq!(built.archive.is_empty(), kind == CodecKind::None);
        if kind != CodecKind::None {
            assert_eq!(read_sequentially(kind, &[]).unwrap_err().kind(), ErrorKind::DamagedBackup);
        }
    }
}

#[test]
fn the_first_bytes_tell_the_codec() {
    for kind in CodecKind::ALL {
        for level in kind.levels() {
            let codec = cadangkan_archive::Codec::new(kind, Some(level)).unwrap();
            assert_eq!(CodecKind::detect(&build(codec, &[b"row".to_vec()]).archive), kind);
            assert_eq!(CodecKind::detect(&build(codec, &[]).archive), kind);
        }
    }
}

#[test]
fn workers_may_be_moved_between_threads() {
    fn check<T: Send>() {}
    check::<FrameEncoder>();
    check::<FrameDecoder>();
    check::<SequentialReader<std::fs::File>>();
    check::<ArchiveWriter<fn(&[u8]) -> cadangkan_core::Result<()>>>();
}
