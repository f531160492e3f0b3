//! What is fuzzed: each function takes any bytes, and must neither panic nor hang nor use more memory than the
//! format allows. The crate `cadangkan-archive` runs the same functions in its tests.

use cadangkan_archive::{
    Checksum, CodecKind, FrameHash, Index, Manifest, PIECE, SequentialReader, rebuild_index,
};
use cadangkan_core::{BackupId, Fingerprint, Name, ObjectName, Section};

/// Reads a manifest; one that is read can be written and read again.
pub fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::from_bytes(bytes) {
        let written = manifest.to_bytes().expect("what was read can be written");
        let again = Manifest::from_bytes(&written).expect("what was written can be read");
        assert_eq!(again.to_bytes().expect("and written again"), written);
    }
}

/// Reads an index; one that is read can be written and read again.
pub fn index(bytes: &[u8]) {
    if let Ok(index) = Index::read(bytes) {
        let written = index.to_bytes().expect("what was read can be written");
        assert_eq!(Index::read(&written[..]).expect("what was written can be read"), index);
    }
}

/// Reads an archive from start to end, and then makes its index, which must agree with what was read.
pub fn sequential(kind: CodecKind, bytes: &[u8]) {
    /// Small inputs may stand for gigabytes; this much is enough to see.
    const ENOUGH: u64 = 64 << 20;
    let mut reader = SequentialReader::new(kind, bytes).expect("a reader needs no input");
    let (mut piece, mut total) = (Vec::new(), 0);
    let whole = loop {
        match reader.next(&mut piece) {
            Ok(Some(info)) => {
                assert!(!piece.is_empty() && piece.len() <= PIECE && piece.capacity() <= PIECE + 1);
                assert_eq!(info.raw_offset, total);
                total += piece.len() as u64;
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
        if total > ENOUGH {
            return;
        }
    };
    if let Ok(index) = rebuild_index(kind, bytes, ObjectName::new("x"), Section::Data) {
        assert!(whole && index.raw_bytes() == total && index.stored_bytes() == bytes.len() as u64);
    }
}

/// Reads a zstd archive.
pub fn sequential_zstd(bytes: &[u8]) {
    sequential(CodecKind::Zstd, bytes);
}

/// Reads a gzip archive.
pub fn sequential_gzip(bytes: &[u8]) {
    sequential(CodecKind::Gzip, bytes);
}

/// Reads an xz archive.
pub fn sequential_xz(bytes: &[u8]) {
    sequential(CodecKind::Xz, bytes);
}

/// Reads a zlib archive.
pub fn sequential_zlib(bytes: &[u8]) {
    sequential(CodecKind::Zlib, bytes);
}

/// Reads an uncompressed archive.
pub fn sequential_none(bytes: &[u8]) {
    sequential(CodecKind::None, bytes);
}

/// Decodes one frame of each codec: two bytes say how long it should be, the rest is the frame.
pub fn frame(bytes: &[u8]) {
    let Some(([low, high], stored)) = bytes.split_first_chunk::<2>() else { return };
    let raw_len = u64::from(u16::from_le_bytes([*low, *high]));
    let cut = rebuild_index(CodecKind::None, &b"x"[..], ObjectName::new("x"), Section::Data);
    let mut entry = cut.expect("one byte is an archive").entries()[0].clone();
    (entry.stored_len, entry.raw_len) = (stored.len() as u64, raw_len);
    let mut out = Vec::new();
    for kind in CodecKind::ALL {
        let mut decoder = kind.decoder().expect("a decoder needs no input");
        let result = decoder.decode(&entry, stored, &mut out);
        assert!(out.capacity() as u64 <= u64::from(u16::MAX) + 1);
        assert!(result.is_ok() || out.is_empty());
    }
}

/// Reads the small values that are kept as text; each that is read has one spelling.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let spellings = [
        text.parse::<Checksum>().ok().map(|value| value.to_string()),
        text.parse::<FrameHash>().ok().map(|value| value.to_string()),
        text.parse::<BackupId>().ok().map(|value| value.to_string()),
        text.parse::<Name>().ok().map(|value| value.to_string()),
    ];
    for spelling in spellings.into_iter().flatten() {
        assert_eq!(spelling, text);
    }
    if let Ok(fingerprint) = text.parse::<Fingerprint>() {
        assert_eq!(fingerprint.to_string().parse::<Fingerprint>().expect("its own text"), fingerprint);
    }
    let _known = text.parse::<CodecKind>();
}
