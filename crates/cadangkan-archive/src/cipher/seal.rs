use cadangkan_core::Result;

use super::DataKey;
use super::chunk::{CHUNK, ChunkKey};
use super::header::{FileRole, Header};
use super::wrap::Wrap;

/// Encrypts one file from its begin to its end, in 64 KiB of memory and what it was last given.
pub struct Sealer {
    key: ChunkKey,
    number: u64,
    /// Plain bytes that are not sealed yet: a whole chunk waits until it is known not to be the last one.
    pending: Vec<u8>,
    /// Sealed bytes on their way out; the header first.
    sealed: Vec<u8>,
    /// Whether those were given out.
    given: bool,
}

impl Sealer {
    /// Begins a file that the data key opens, which `keys` have.
    pub fn new(data_key: &DataKey, role: FileRole<'_>, keys: &[Wrap]) -> Result<Self> {
        let (header, sealed) = Header::make(keys)?;
        let key = header.chunk_key(data_key, role)?;
        Ok(Sealer { key, number: 0, pending: Vec::with_capacity(CHUNK), sealed, given: false })
    }

    /// Takes plain bytes, and gives the sealed ones that come next; none at times.
    pub fn update(&mut self, mut plain: &[u8]) -> Result<&[u8]> {
        self.begin();
        while !plain.is_empty() {
            if self.pending.len() == CHUNK {
                self.flush(false)?;
            }
            let room = CHUNK.saturating_sub(self.pending.len()).min(plain.len());
            let (now, later) = plain.split_at_checked(room).unwrap_or((plain, &[]));
            self.pending.extend_from_slice(now);
            plain = later;
        }
        self.given = true;
        Ok(&self.sealed)
    }

    /// Gives the last sealed bytes.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.begin();
        self.flush(true)?;
        Ok(self.sealed)
    }

    fn begin(&mut self) {
        if self.given {
            self.sealed.clear();
        }
    }

    fn flush(&mut self, is_last: bool) -> Result<()> {
        let from = self.sealed.len();
        self.sealed.extend_from_slice(&self.pending);
        self.key.seal(self.number, is_last, &mut self.sealed, from)?;
        self.pending.clear();
        self.number += 1;
        Ok(())
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("chunk", &self.number).finish_non_exhaustive()
    }
}

/// Encrypts a small file at once.
pub fn seal_bytes(data_key: &DataKey, role: FileRole<'_>, keys: &[Wrap], plain: &[u8]) -> Result<Vec<u8>> {
    let mut sealer = Sealer::new(data_key, role, keys)?;
    let mut sealed = sealer.update(plain)?.to_vec();
    sealed.append(&mut sealer.finish()?);
    Ok(sealed)
}
