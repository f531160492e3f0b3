use std::io::{ErrorKind, Read};

use cadangkan_core::{Error, Result};

/// Buffers a reader, and knows how many of its bytes were used up.
pub(super) struct Source<R> {
    reader: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    offset: u64,
}

impl<R: Read> Source<R> {
    const BUFFER: usize = 128 << 10;

    pub(super) fn new(reader: R) -> Self {
        let buffer = vec![0; Source::<R>::BUFFER].into_boxed_slice();
        Source { reader, buffer, start: 0, end: 0, offset: 0 }
    }

    /// Where in the file the next unused byte lies.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Gives bytes not used yet, at least one; none at the end of the file.
    pub(super) fn fill(&mut self) -> Result<&[u8]> {
        if self.start == self.end {
            (self.start, self.end) = (0, read(&mut self.reader, &mut self.buffer)?);
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    /// Gives at least `wanted` bytes not used yet, or all up to the end of the file when it is nearer.
    pub(super) fn fill_at_least(&mut self, wanted: usize) -> Result<&[u8]> {
        while self.end - self.start < wanted {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match read(&mut self.reader, room)? {
                0 => break,
                length => self.end += length,
            }
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    /// Marks bytes as used.
    pub(super) fn consume(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.offset += length as u64;
    }
}

fn read(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    loop {
        match reader.read(buffer) {
            Ok(length) => return Ok(length.min(buffer.len())),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("cannot read the archive", error)),
        }
    }
}
