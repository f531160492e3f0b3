use cadangkan_archive::{
    ArchiveSummary, ArchiveWriter, Codec, CodecKind, Index, PieceInfo, SequentialReader,
};
use cadangkan_core::{Frame, ObjectName, Result, Section};

/// An archive in memory, with the bytes that it must give.
pub(crate) struct Built {
    pub(crate) codec: Codec,
    pub(crate) archive: Vec<u8>,
    pub(crate) raw: Vec<u8>,
    pub(crate) summary: ArchiveSummary,
    pub(crate) index: Index,
}

pub(crate) fn codec(kind: CodecKind) -> Codec {
    Codec::new(kind, None).unwrap()
}

/// Makes an archive of one object from the raw bytes of its frames.
pub(crate) fn build(codec: Codec, frames: &[Vec<u8>]) -> Built {
    let frame = |(part, data): (u64, &Vec<u8>)| Frame {
        section: Section::Data,
        object: ObjectName::new("shop"),
        part,
        rows: 1 + part,
        data: data.clone(),
    };
    build_from(codec, &(0..).zip(frames).map(frame).collect::<Vec<_>>())
}

pub(crate) fn build_from(codec: Codec, frames: &[Frame]) -> Built {
    let mut archive = Vec::new();
    let mut encoder = codec.encoder().unwrap();
    let mut writer = ArchiveWriter::new(codec, None, |bytes: &[u8]| {
        archive.extend_from_slice(bytes);
        Ok(())
    });
    let mut buffer = Vec::new();
    for frame in frames {
        let encoded = encoder.encode(frame, buffer).unwrap();
        writer.append(&encoded).unwrap();
        buffer = encoded.stored;
    }
    let summary = writer.finish().unwrap();
    let raw = frames.iter().flat_map(|frame| frame.data.iter().copied()).collect();
    let index = Index::read(&summary.index[..]).unwrap();
    Built { codec, archive, raw, summary, index }
}

/// Reads from start to end.
pub(crate) fn read_sequentially(kind: CodecKind, archive: &[u8]) -> Result<Vec<u8>> {
    Ok(read_pieces(kind, archive)?.0)
}

pub(crate) fn read_pieces(kind: CodecKind, archive: &[u8]) -> Result<(Vec<u8>, Vec<PieceInfo>)> {
    let mut reader = SequentialReader::new(kind, archive)?;
    let (mut raw, mut pieces, mut piece) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(info) = reader.next(&mut piece)? {
        assert!(!piece.is_empty() && piece.len() <= cadangkan_archive::PIECE);
        assert_eq!(info.raw_offset, raw.len() as u64);
        raw.extend_from_slice(&piece);
        pieces.push(info);
    }
    assert!(piece.is_empty() && reader.next(&mut piece)?.is_none(), "the end stays the end");
    Ok((raw, pieces))
}

/// Reads frame by frame, where the index says; a frame cut off by the archive's end is as short as it is.
pub(crate) fn read_by_index(index: &Index, archive: &[u8]) -> Result<Vec<u8>> {
    let mut decoder = index.codec().decoder()?;
    let (mut raw, mut frame) = (Vec::new(), Vec::new());
    for entry in index.entries() {
        let range = entry.stored_range();
        let end = archive.len().min(range.end as usize);
        decoder.decode(entry, &archive[end.min(range.start as usize)..end], &mut frame)?;
        raw.extend_from_slice(&frame);
    }
    Ok(raw)
}

/// Numbers that look random and are always the same.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// SplitMix64.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// Bytes that compress to about a third, like rows of text and numbers.
    pub(crate) fn rows(&mut self, length: usize) -> Vec<u8> {
        const WORDS: [&str; 8] =
            ["order", "Jakarta", "größe", "客户", "shipped", "NULL", "cancelled", "2026-01-15"];
        let mut bytes = Vec::with_capacity(length + 64);
        while bytes.len() < length {
            let number = self.next();
            bytes.extend_from_slice(WORDS[(number % 8) as usize].as_bytes());
            bytes.extend_from_slice(format!("\t{}\n", number >> 40).as_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    pub(crate) fn noise(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// A few frames of all kinds: rows, noise, zeros, one byte.
pub(crate) fn sample_frames() -> Vec<Vec<u8>> {
    let mut numbers = Numbers(1);
    vec![numbers.rows(9000), numbers.noise(3000), vec![0; 20_000], vec![b'x'], numbers.rows(12_345)]
}
