use std::io::Read;

use cadangkan_archive::{ChecksumHasher, QuickHasher};

/// A reader whose bytes are counted and hashed as they pass.
pub(crate) struct Measured<R, H> {
    reader: R,
    pub(crate) hasher: H,
    pub(crate) bytes: u64,
}

/// What bytes are hashed by.
pub(crate) trait Hasher {
    fn update(&mut self, bytes: &[u8]);
}

impl Hasher for ChecksumHasher {
    fn update(&mut self, bytes: &[u8]) {
        ChecksumHasher::update(self, bytes);
    }
}

impl Hasher for QuickHasher {
    fn update(&mut self, bytes: &[u8]) {
        QuickHasher::update(self, bytes);
    }
}

impl<R: Read, H: Hasher> Measured<R, H> {
    pub(crate) fn new(reader: R, hasher: H) -> Self {
        Measured { reader, hasher, bytes: 0 }
    }
}

impl<R: Read, H: Hasher> Read for Measured<R, H> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        Ok(count)
    }
}
