//! Chunks: the pieces in which a file is sealed, each by itself.

use cadangkan_core::{Error, ErrorKind, Result};
use ring::aead::{Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce};

/// Plain bytes of a chunk; only the last one has fewer.
pub(super) const CHUNK: usize = 64 << 10;
/// Bytes of the tag behind each chunk.
pub(super) const TAG: usize = MAX_TAG_LEN;
/// A whole chunk as it is stored.
pub(super) const SEALED_CHUNK: usize = CHUNK + TAG;

/// Seals and opens the chunks of one file.
pub(super) struct ChunkKey {
    key: LessSafeKey,
    /// What each chunk is bound to besides: the hash of the file's header, in our own form.
    bound_to: Vec<u8>,
}

impl ChunkKey {
    pub(super) fn new(key: LessSafeKey, bound_to: Vec<u8>) -> Self {
        ChunkKey { key, bound_to }
    }

    /// Seals a chunk in its place, and puts the tag behind it.
    pub(super) fn seal(&self, number: u64, is_last: bool, chunk: &mut Vec<u8>, from: usize) -> Result<()> {
        let failed = |_| Error::new(ErrorKind::Internal, "a chunk cannot be encrypted");
        let plain = chunk.get_mut(from..).unwrap_or_default();
        let aad = Aad::from(self.bound_to.as_slice());
        let tag = self.key.seal_in_place_separate_tag(nonce(number, is_last), aad, plain).map_err(failed)?;
        chunk.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens a chunk in its place, and returns its plain bytes.
    ///
    /// Fails with `DamagedBackup` unless it is that chunk of that file, bit by bit.
    pub(super) fn open<'a>(&self, number: u64, is_last: bool, chunk: &'a mut [u8]) -> Result<&'a [u8]> {
        let opened =
            self.key.open_in_place(nonce(number, is_last), Aad::from(self.bound_to.as_slice()), chunk);
        match opened {
            Ok(plain) => Ok(plain),
            Err(_) => Err(Error::new(ErrorKind::DamagedBackup, "an encrypted file was changed or cut")
                .context("chunk", number)
                .hint("restore from another storage's copy, or from another backup")),
        }
    }
}

/// The number of the chunk, 11 bytes big-endian, and whether it is the last one. A key seals each number once, since each file has
/// a key of its own.
fn nonce(number: u64, is_last: bool) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    let [_, _, _, count @ .., last] = &mut nonce;
    *count = number.to_be_bytes();
    *last = u8::from(is_last);
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_two_chunks_share_a_nonce(one: (u64, bool), other: (u64, bool)) {
            let same = nonce(one.0, one.1).as_ref() == nonce(other.0, other.1).as_ref();
            prop_assert_eq!(same, one == other);
        }
    }
}
