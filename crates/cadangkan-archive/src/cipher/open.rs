use std::io::{self, Read};
use std::ops::Range;

use cadangkan_core::{Error, Result};

use super::DataKey;
use super::cbc::BLOCK;
use super::chunk::{CHUNK, SEALED_CHUNK, TAG};
use super::header::{BodyKey, FileRole, Header, damaged};
use super::wrap::Wrap;

/// An encrypted file whose key is known: tells where its plain bytes lie, and decrypts them.
#[derive(Clone)]
pub struct SealedFile {
    key: BodyKey,
    header: u64,
    plain: u64,
    stored: u64,
}

impl SealedFile {
    /// The most bytes before the first chunk.
    pub const LONGEST_HEADER: u64 = Header::LONGEST as u64;

    /// Tells whether a file that begins with these 16 bytes or more is encrypted in our way.
    pub fn is_one(first_bytes: &[u8]) -> bool {
        Header::is_begun(first_bytes)
    }

    /// Reads the header from the begin of a file of `stored_bytes`, and asks for the data key, which the given wraps
    /// have.
    ///
    /// Fails with `DamagedBackup` when the header is not what was written, or the length cannot be, and with whatever
    /// `unlock` fails with.
    pub fn open(
        mut reader: impl Read,
        stored_bytes: u64,
        role: FileRole<'_>,
        unlock: impl FnOnce(&[Wrap]) -> Result<DataKey>,
    ) -> Result<Self> {
        let header = Header::read(&mut reader)?;
        let data_key = unlock(header.keys())?;
        let key = header.body_key(&data_key, role)?;
        let length = header.length() as u64;
        let plain = match &key {
            BodyKey::Chunks(_) => plain_length(length, stored_bytes),
            BodyKey::OpenSsl(file) => {
                Some(file.plain_bytes).filter(|_| file.stored_bytes() == Some(stored_bytes))
            }
        };
        let plain = plain.ok_or_else(|| damaged("an encrypted file has a length that it cannot have"))?;
        Ok(SealedFile { key, header: length, plain, stored: stored_bytes })
    }

    /// Tells whether bytes of it that were changed do not decrypt. Where not, its checksum has to be compared.
    pub fn proves_itself(&self) -> bool {
        matches!(self.key, BodyKey::Chunks(_))
    }

    /// Its plain bytes.
    pub fn plain_bytes(&self) -> u64 {
        self.plain
    }

    /// Where the stored bytes lie that hold these plain ones: whole chunks.
    pub fn stored(&self, plain: &Range<u64>) -> Range<u64> {
        let (first, behind) = self.chunks(plain);
        let at = |chunk: u64| self.header + chunk * self.sealed_chunk() as u64;
        let end = if behind == self.count() { self.stored } else { at(behind) };
        at(first) - self.before(first) as u64..end
    }

    /// Decrypts a range of plain bytes from a reader that gives the [`stored`](Self::stored) ones. A range beyond the
    /// end is cut at the end.
    pub fn reader<R: Read>(&self, stored: R, plain: &Range<u64>) -> PlainReader<R> {
        let (next, behind) = self.chunks(plain);
        let skipped = usize::try_from(plain.start.saturating_sub(next * CHUNK as u64)).unwrap_or(CHUNK);
        let left = plain.end.min(self.plain).saturating_sub(plain.start);
        let file = self.clone();
        PlainReader {
            stored,
            file,
            next,
            behind,
            previous: None,
            buffer: Vec::new(),
            start: skipped,
            end: 0,
            skipped,
            left,
        }
    }

    /// Decrypts a whole file that is in memory, after its header was read from it.
    pub fn open_bytes(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        let whole = 0..self.plain;
        let stored = usize::try_from(self.header).ok().and_then(|header| bytes.get(header..));
        self.reader(stored.unwrap_or_default(), &whole).read_to_end(&mut plain).map_err(unreadable)?;
        Ok(plain)
    }

    /// Reads over the header, to the first chunk.
    pub fn skip_header(&self, reader: &mut impl Read) -> Result<()> {
        let skipped = io::copy(&mut reader.take(self.header), &mut io::sink()).map_err(unreadable)?;
        if skipped == self.header { Ok(()) } else { Err(damaged("an encrypted file ends in its header")) }
    }

    /// Bytes of each stored chunk but the last.
    fn sealed_chunk(&self) -> usize {
        match self.key {
            BodyKey::Chunks(_) => SEALED_CHUNK,
            BodyKey::OpenSsl(_) => CHUNK,
        }
    }

    /// Bytes before a chunk that are needed to open it.
    fn before(&self, chunk: u64) -> usize {
        match self.key {
            BodyKey::OpenSsl(_) if chunk > 0 => BLOCK,
            _ => 0,
        }
    }

    fn count(&self) -> u64 {
        self.plain.div_ceil(CHUNK as u64).max(1)
    }

    /// The chunks that hold a range: the first one, and the one behind the last. The only chunk of an empty file
    /// belongs to every range, so that it is looked at.
    fn chunks(&self, plain: &Range<u64>) -> (u64, u64) {
        let first = (plain.start / CHUNK as u64).min(self.count() - 1);
        (first, plain.end.min(self.plain).div_ceil(CHUNK as u64).max(first + 1))
    }
}

impl std::fmt::Debug for SealedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedFile").field("plain", &self.plain).finish_non_exhaustive()
    }
}

/// Plain bytes between the header and the end of a file, if its length can be one.
fn plain_length(header: u64, stored: u64) -> Option<u64> {
    let sealed = stored.checked_sub(header)?;
    let (whole, rest) = (sealed / SEALED_CHUNK as u64, sealed % SEALED_CHUNK as u64);
    let last = match rest {
        // Only the whole chunks are there; a file of nothing has one that is empty.
        0 if whole > 0 => 0,
        // A last chunk that is empty stands alone.
        rest if rest == TAG as u64 && whole > 0 => return None,
        rest => rest.checked_sub(TAG as u64)?,
    };
    Some(whole * CHUNK as u64 + last)
}

/// Gives plain bytes, each checked before it is given.
pub struct PlainReader<R> {
    stored: R,
    file: SealedFile,
    next: u64,
    behind: u64,
    /// The stored block before the next chunk, where that is needed.
    previous: Option<[u8; BLOCK]>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the first chunk that were not asked for.
    skipped: usize,
    left: u64,
}

impl<R: Read> PlainReader<R> {
    /// Gives back where the stored bytes come from.
    pub fn into_inner(self) -> R {
        self.stored
    }

    fn fill(&mut self) -> Result<()> {
        let last = self.file.count() - 1;
        let is_last = self.next == last;
        let sealed_chunk = self.file.sealed_chunk();
        let length = match is_last {
            true => self.file.stored - self.file.header - last * sealed_chunk as u64,
            false => sealed_chunk as u64,
        };
        if self.previous.is_none() && self.file.before(self.next) > 0 {
            let mut block = [0; BLOCK];
            self.stored.read_exact(&mut block).map_err(ended)?;
            self.previous = Some(block);
        }
        self.buffer.resize(usize::try_from(length).unwrap_or(SEALED_CHUNK), 0);
        self.stored.read_exact(&mut self.buffer).map_err(ended)?;
        let plain = match &self.file.key {
            BodyKey::Chunks(key) => key.open(self.next, is_last, &mut self.buffer)?,
            BodyKey::OpenSsl(key) => {
                let last_block = self.buffer.last_chunk().copied();
                let previous = std::mem::replace(&mut self.previous, last_block);
                key.open(previous.as_ref(), is_last, &mut self.buffer)?
            }
        };
        let skipped = std::mem::take(&mut self.skipped);
        (self.start, self.end) = (skipped.min(plain.len()), plain.len());
        self.next += 1;
        Ok(())
    }
}

impl<R: Read> Read for PlainReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.start >= self.end && self.next < self.behind {
            self.fill().map_err(io::Error::other)?;
        }
        let here = self.buffer.get(self.start..self.end).unwrap_or_default();
        let count = here.len().min(buffer.len()).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let (Some(from), Some(to)) = (here.get(..count), buffer.get_mut(..count)) else { return Ok(0) };
        to.copy_from_slice(from);
        self.start += count;
        self.left -= count as u64;
        Ok(count)
    }
}

impl<R> std::fmt::Debug for PlainReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlainReader").field("chunk", &self.next).finish_non_exhaustive()
    }
}

fn ended(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("an encrypted file ends too early"),
        _ => unreadable(error),
    }
}

fn unreadable(error: io::Error) -> Error {
    Error::io("cannot read an encrypted file", error)
}
