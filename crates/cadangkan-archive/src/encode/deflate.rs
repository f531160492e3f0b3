use cadangkan_core::Result;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::failed;

/// Makes gzip members and pieces of a zlib stream, both around raw deflate (RFC 1951).
pub(super) struct Encoder(Compress);

impl Encoder {
    /// No name, no time and no system: the same bytes give the same member (RFC 1952, section 2.3.1).
    const MEMBER_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

    pub(super) fn new(level: i32) -> Self {
        Encoder(Compress::new(Compression::new(level.unsigned_abs()), false))
    }

    /// Appends a gzip member.
    pub(super) fn member(&mut self, raw: &[u8], stored: &mut Vec<u8>) -> Result<()> {
        stored.extend_from_slice(&Encoder::MEMBER_HEADER);
        self.deflate(raw, stored, FlushCompress::Finish)?;
        let mut checksum = Crc::new();
        checksum.update(raw);
        stored.extend_from_slice(&checksum.sum().to_le_bytes());
        stored.extend_from_slice(&checksum.amount().to_le_bytes());
        Ok(())
    }

    /// Appends blocks that refer to nothing before them and end at a byte border, none of them marked as final.
    pub(super) fn piece(&mut self, raw: &[u8], stored: &mut Vec<u8>) -> Result<()> {
        self.deflate(raw, stored, FlushCompress::Full)
    }

    fn deflate(&mut self, mut raw: &[u8], stored: &mut Vec<u8>, flush: FlushCompress) -> Result<()> {
        self.0.reset();
        // What the worst level makes of random bytes; room that is not written to costs nothing.
        stored.reserve(raw.len() + raw.len() / 8 + 64);
        loop {
            if stored.len() == stored.capacity() {
                stored.reserve(4096);
            }
            let before = self.0.total_in();
            let status = self
                .0
                .compress_vec(raw, stored, flush)
                .map_err(|error| failed("cannot compress a frame", error))?;
            let taken = usize::try_from(self.0.total_in() - before).unwrap_or(usize::MAX);
            raw = raw.get(taken..).unwrap_or_default();
            // A flush is over when it leaves room in the output (zlib.h on `deflate`).
            let flushed = raw.is_empty() && stored.len() < stored.capacity();
            if status == Status::StreamEnd || (flushed && matches!(flush, FlushCompress::Full)) {
                return Ok(());
            }
        }
    }
}
