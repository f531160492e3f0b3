use cadangkan_archive::{CodecKind, Index};
use cadangkan_core::{ErrorKind, Result};

use crate::support::{Built, Numbers, build, codec, read_by_index, read_sequentially, sample_frames};

fn samples() -> impl Iterator<Item = Built> {
    CodecKind::ALL.into_iter().map(|kind| build(codec(kind), &sample_frames()))
}

/// Damage is reported as such, or it hit a bit that says nothing about the content.
fn seen_or_harmless(read: Result<Vec<u8>>, built: &Built, place: &str) -> bool {
    match read {
        Ok(raw) => {
            assert!(raw == built.raw, "{}: wrong bytes without an error, {place}", built.codec.kind());
            false
        }
        Err(error) => {
            // A damaged header may ask for a feature or for memory that is refused as such.
            let kinds = [ErrorKind::DamagedBackup, ErrorKind::Unsupported];
            assert!(kinds.contains(&error.kind()), "{error:?}, {place}");
            true
        }
    }
}

#[test]
fn a_flipped_bit_of_an_archive_never_gives_wrong_bytes() {
    for mut built in samples() {
        let mut numbers = Numbers(11);
        let (mut seen_by_index, mut seen_in_order) = (0, 0);
        for _ in 0..1000 {
            let (position, bit) = (numbers.below(built.archive.len()), numbers.below(8));
            let place = format!("bit {bit} of byte {position}");
            built.archive[position] ^= 1 << bit;
            let read = read_by_index(&built.index, &built.archive);
            seen_by_index += usize::from(seen_or_harmless(read, &built, &place));
            // Without compression there is nothing to compare with but the hashes of the index.
            if built.codec.kind() != CodecKind::None {
                let read = read_sequentially(built.codec.kind(), &built.archive);
                seen_in_order += usize::from(seen_or_harmless(read, &built, &place));
            }
            built.archive[position] ^= 1 << bit;
        }
        // Harmless are only a few bytes of headers, and what closes a zlib stream.
        let kind = built.codec.kind();
        assert!(seen_by_index > 980, "{kind}: {seen_by_index} by index");
        assert!(seen_in_order > 980 || kind == CodecKind::None, "{kind}: {seen_in_order} in order");
    }
}

#[test]
fn an_archive_cut_off_is_seen() {
    for built in samples() {
        let kind = built.codec.kind();
        let borders: Vec<usize> = built.index.entries().iter().map(|entry| entry.offset as usize).collect();
        let mut numbers = Numbers(12);
        let random: Vec<usize> = (0..100).map(|_| numbers.below(built.archive.len())).collect();
        for length in borders.iter().chain(&random).copied() {
            let cut = &built.archive[..length];
            // Within what closes a zlib stream all frames are still whole.
            let inside = built.index.entries().last().unwrap().stored_range().end as usize > length;
            assert_eq!(read_by_index(&built.index, cut).is_err(), inside, "{kind}: {length} by index");
            match read_sequentially(kind, cut) {
                Err(error) => assert_eq!(error.kind(), ErrorKind::DamagedBackup),
                // Whole frames are a whole file: it is the index or the manifest that knows better.
                Ok(raw) => {
                    let border = borders.contains(&length) && length > 0 && kind != CodecKind::Zlib;
                    assert!(border || kind == CodecKind::None, "{kind}: {length} in order");
                    assert!(built.raw.starts_with(&raw) && raw.len() < built.raw.len());
                }
            }
        }
    }
}

#[test]
fn what_follows_an_archive_is_seen() {
    for built in samples().filter(|built| built.codec.kind() != CodecKind::None) {
        for more in [&b"x"[..], b"\n", &[0; 3], &[0xff; 300], b"-- PostgreSQL database dump complete"] {
            let longer = [&built.archive[..], more].concat();
            let error = read_sequentially(built.codec.kind(), &longer).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{}: {more:?}", built.codec.kind());
        }
    }
}

#[test]
fn swapped_frames_are_seen_by_index() {
    for built in samples() {
        let mut decoder = built.codec.kind().decoder().unwrap();
        let entries = built.index.entries();
        let stored = entries[0].stored_range();
        let stored = &built.archive[stored.start as usize..stored.end as usize];
        let mut out = b"old".to_vec();
        assert!(decoder.decode(&entries[4], stored, &mut out).is_err());
        let mut lying = entries[4].clone();
        lying.stored_len = stored.len() as u64;
        let error = decoder.decode(&lying, stored, &mut out).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DamagedBackup);
        assert!(out.is_empty(), "nothing is left of what was wrong");
        decoder.decode(&entries[0], stored, &mut out).unwrap();
        assert!(out == sample_frames()[0], "and the decoder goes on");
    }
}

#[test]
fn a_flipped_bit_of_an_index_is_seen() {
    for built in samples() {
        let mut bytes = built.summary.index.clone();
        let mut seen = 0;
        for position in 0..bytes.len() {
            for bit in 0..8 {
                bytes[position] ^= 1 << bit;
                match Index::read(&bytes[..]) {
                    Ok(index) => assert_eq!(index, built.index, "bit {bit} of byte {position}"),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{error:?}");
                        seen += 1;
                    }
                }
                bytes[position] ^= 1 << bit;
            }
        }
        assert!(seen > bytes.len() * 8 - 20, "{seen} of {} bits", bytes.len() * 8);
    }
}

#[test]
fn an_index_cut_off_or_added_to_is_seen() {
    let built = build(codec(CodecKind::Zstd), &sample_frames());
    let bytes = &built.summary.index;
    for length in 0..bytes.len() {
        assert_eq!(Index::read(&bytes[..length]).unwrap_err().kind(), ErrorKind::DamagedBackup, "{length}");
    }
    for more in [&b"x"[..], &[0; 4], bytes] {
        assert!(Index::read(&[bytes, more].concat()[..]).is_err());
    }
}
