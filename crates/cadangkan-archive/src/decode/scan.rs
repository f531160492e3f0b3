use std::io::Read;

use cadangkan_core::{Error, ErrorKind, ObjectName, Result, Section};

use super::sequential::SequentialReader;
use crate::index::{Index, IndexBuilder, NewEntry};
use crate::{CodecKind, FrameHash, MAX_FRAME, PIECE};

/// Makes the index again by reading a whole archive, for archives whose frames all belong to one object.
///
/// For our own zstd, gzip and xz archives it has the same offsets, lengths and hashes as the one that was lost;
/// parts are counted on, and rows are not known and are 0. An uncompressed archive has no borders that could be
/// found, and is cut every [`PIECE`] bytes.
///
/// Fails with `DamagedBackup` as [`SequentialReader::next`] does, and with `Unsupported` for what can only be
/// read from start to end: zlib, and foreign files with a frame longer than [`MAX_FRAME`], with gaps, or with a
/// zstd frame that does not say how long it is.
pub fn rebuild_index(
    kind: CodecKind,
    reader: impl Read,
    object: ObjectName,
    section: Section,
) -> Result<Index> {
    if kind == CodecKind::Zlib {
        return Err(unsupported("a zlib archive has no index but the stored one"));
    }
    let mut reader = SequentialReader::new(kind, reader)?;
    let mut builder = IndexBuilder::new(kind);
    let (mut hasher, mut raw_len, mut part) = (blake3::Hasher::new(), 0_u64, 0);
    let mut piece = Vec::new();
    while let Some(info) = reader.next(&mut piece)? {
        hasher.update(&piece);
        raw_len += piece.len() as u64;
        if raw_len > MAX_FRAME as u64 {
            return Err(unsupported("the archive has a frame that is too long for an index"));
        }
        if !info.ends_frame && kind != CodecKind::None {
            continue;
        }
        if !reader.says_length() {
            return Err(unsupported("the archive has a frame that does not say how long it is"));
        }
        let stored = match kind {
            CodecKind::None => info.raw_offset..info.raw_offset + raw_len,
            _ => reader.stored_range(),
        };
        if stored.start != builder.stored_bytes() {
            return Err(unsupported("the archive has bytes between its frames"));
        }
        let hash = FrameHash(*hasher.finalize().as_bytes());
        let entry = NewEntry { section, object: &object, part, rows: 0, raw_len, hash };
        builder.push(entry, stored.end - stored.start)?;
        hasher.reset();
        (raw_len, part) = (0, part + 1);
    }
    let stored_bytes = reader.stored_bytes();
    if part > 0 && stored_bytes != builder.stored_bytes() {
        return Err(unsupported("the archive has bytes between its frames"));
    }
    builder.finish(stored_bytes)
}

fn unsupported(message: &'static str) -> Error {
    const { assert!(PIECE <= MAX_FRAME) };
    Error::new(ErrorKind::Unsupported, message).hint("read the archive from start to end, without an index")
}
