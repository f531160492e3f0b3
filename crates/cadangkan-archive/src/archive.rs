use std::collections::HashMap;
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, ObjectName, Result};

use crate::index::{Index, IndexBuilder, IndexEntry, NewEntry};
use crate::{Checksum, ChecksumHasher, Codec, CodecKind, EncodedFrame, QuickHasher, Sealer, adler};

/// Puts encoded frames one behind the other, and writes down where each lies.
///
/// Frames come with their sections in order, from encoders of the same codec. Memory: about 130 bytes a frame.
pub struct ArchiveWriter<F: FnMut(&[u8]) -> Result<()>> {
    codec: Codec,
    output: Output<F>,
    index: IndexBuilder,
    adler: u32,
}

/// What is known once an archive is complete.
#[derive(Clone, Debug)]
pub struct ArchiveSummary {
    /// Length of the archive, encrypted where it is.
    pub stored_bytes: u64,
    /// Length of the archive before encryption.
    pub plain_bytes: u64,
    /// Length of all frames before compression.
    pub raw_bytes: u64,
    /// Number of frames.
    pub frames: u64,
    /// SHA-256 of the archive.
    pub checksum: Checksum,
    /// XXH3, 128 bits, of the archive: for reading it back at once.
    pub quick_hash: u128,
    /// The same of the archive before encryption: what must come back once it is decrypted.
    pub plain_hash: u128,
    /// The index as a file, compressed, not encrypted.
    pub index: Vec<u8>,
    /// The objects, in order of their first frames.
    pub objects: Vec<ObjectTotals>,
}

/// What all frames of one object add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectTotals {
    /// The object.
    pub name: ObjectName,
    /// Its rows.
    pub rows: u64,
    /// Its bytes before compression.
    pub raw_bytes: u64,
    /// Its bytes as stored.
    pub stored_bytes: u64,
}

impl<F: FnMut(&[u8]) -> Result<()>> ArchiveWriter<F> {
    /// Begins an archive whose bytes go to `sink`, in order, through a sealer where there is one. Writes nothing yet.
    pub fn new(codec: Codec, sealer: Option<Sealer>, sink: F) -> Self {
        let plain = sealer.is_some().then(Measured::default);
        let (stored, checksum) = (Measured::default(), ChecksumHasher::new());
        let output = Output { plain, sealer, stored, checksum, sink, failed: false };
        ArchiveWriter { codec, output, index: IndexBuilder::new(codec.kind()), adler: adler::EMPTY }
    }

    /// Appends one frame.
    ///
    /// Fails with whatever the sink fails with, after which this writer takes no more; with `Internal` when a
    /// section comes too late; with `Unsupported` at one frame more than [`MAX_FRAMES`](crate::MAX_FRAMES).
    pub fn append(&mut self, frame: &EncodedFrame) -> Result<()> {
        let EncodedFrame { section, object, part, rows, raw_len, hash, .. } = frame;
        let entry =
            NewEntry { section: *section, object, part: *part, rows: *rows, raw_len: *raw_len, hash: *hash };
        self.index.push(entry, frame.stored.len() as u64)?;
        self.begin()?;
        self.adler = adler::combine(self.adler, frame.adler, *raw_len);
        self.output.write(&frame.stored)
    }

    /// Writes what belongs behind the last frame, and gives totals and index. The sink's owner makes it durable.
    pub fn finish(mut self) -> Result<ArchiveSummary> {
        self.begin()?;
        if self.codec.kind() == CodecKind::Zlib {
            // An empty final block with fixed codes (RFC 1951, 3.2.6), then the checksum of the whole stream.
            self.output.write(&[0x03, 0x00])?;
            self.output.write(&self.adler.to_be_bytes())?;
        } else if self.index.is_empty() {
            // Stock tools refuse a file of nothing, but take a frame of nothing.
            let mut stored = Vec::new();
            self.codec.encoder()?.compress(&[], &mut stored)?;
            self.output.write(&stored)?;
        }
        let Output { plain, stored, checksum, .. } = self.output.finish()?;
        let plain = plain.unwrap_or_else(|| stored.clone());
        let index = self.index.finish(plain.bytes)?;
        Ok(ArchiveSummary {
            stored_bytes: stored.bytes,
            plain_bytes: plain.bytes,
            raw_bytes: index.raw_bytes(),
            frames: index.frames(),
            checksum: checksum.finish(),
            quick_hash: stored.hash.finish(),
            plain_hash: plain.hash.finish(),
            objects: totals(&index),
            index: index.to_bytes()?,
        })
    }

    /// Writes what belongs before the first frame: only zlib has such a thing.
    fn begin(&mut self) -> Result<()> {
        if self.codec.kind() != CodecKind::Zlib || self.output.is_begun() {
            return self.output.check();
        }
        // Deflate with a window of 32 KiB, the level as a remark, and a check value (RFC 1950, section 2.2).
        let flags = match self.codec.level() {
            ..=1 => 0x01,
            2..=5 => 0x5e,
            6 => 0x9c,
            7.. => 0xda,
        };
        self.output.write(&[0x78, flags])
    }
}

impl<F: FnMut(&[u8]) -> Result<()>> std::fmt::Debug for ArchiveWriter<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArchiveWriter").field("codec", &self.codec).finish_non_exhaustive()
    }
}

/// The archive's bytes on their way out: encrypted where they are to be, hashed, counted, handed on.
struct Output<F> {
    /// Before encryption, where there is one.
    plain: Option<Measured>,
    sealer: Option<Sealer>,
    stored: Measured,
    checksum: ChecksumHasher,
    sink: F,
    failed: bool,
}

#[derive(Clone, Default)]
struct Measured {
    hash: QuickHasher,
    bytes: u64,
}

impl Measured {
    fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<F: FnMut(&[u8]) -> Result<()>> Output<F> {
    fn check(&self) -> Result<()> {
        if self.failed {
            return Err(Error::new(ErrorKind::Internal, "an archive that failed was written to again"));
        }
        Ok(())
    }

    fn is_begun(&self) -> bool {
        self.plain.as_ref().unwrap_or(&self.stored).bytes > 0
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.check()?;
        let Some(mut sealer) = self.sealer.take() else { return self.store(bytes) };
        self.plain.iter_mut().for_each(|plain| plain.update(bytes));
        let stored = sealer.update(bytes).and_then(|sealed| self.store(sealed));
        self.failed |= stored.is_err();
        self.sealer = Some(sealer);
        stored
    }

    fn store(&mut self, bytes: &[u8]) -> Result<()> {
        self.checksum.update(bytes);
        self.stored.update(bytes);
        let result = (self.sink)(bytes);
        self.failed = result.is_err();
        result
    }

    /// Writes what the cipher puts behind the last byte.
    fn finish(mut self) -> Result<Self> {
        self.check()?;
        if let Some(sealer) = self.sealer.take() {
            self.store(&sealer.finish()?)?;
        }
        Ok(self)
    }
}

fn totals(index: &Index) -> Vec<ObjectTotals> {
    let mut totals: Vec<ObjectTotals> = Vec::new();
    let mut places: HashMap<Arc<ObjectName>, usize> = HashMap::new();
    for IndexEntry { object, rows, raw_len, stored_len, .. } in index.entries() {
        let place = *places.entry(Arc::clone(object)).or_insert(totals.len());
        if place == totals.len() {
            let name = ObjectName::clone(object);
            totals.push(ObjectTotals { name, rows: 0, raw_bytes: 0, stored_bytes: 0 });
        }
        if let Some(total) = totals.get_mut(place) {
            total.rows = total.rows.saturating_add(*rows);
            total.raw_bytes += raw_len;
            total.stored_bytes += stored_len;
        }
    }
    totals
}
