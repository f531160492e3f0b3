//! The header of a file in our own form.

use cadangkan_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FileRole, damaged, take};
use crate::cipher::chunk::ChunkKey;
use crate::cipher::data_key::{KEY_BYTES, random};
use crate::cipher::wrap::{Wrap, base64_bytes};
use crate::cipher::{CipherKind, DataKey};

/// The first bytes of an encrypted file.
pub(super) const MAGIC: &[u8; 16] = b"cadangkan-enc-1\n";
/// Bytes of the magic and of the length behind it.
const PREFIX: usize = MAGIC.len() + 4;
/// The most bytes of the text between: some hundred recipients.
const LONGEST_TEXT: usize = 256 << 10;
/// Bytes of the hash behind the text.
const HASH: usize = 32;

/// The header, read or to be written.
pub(in crate::cipher) struct Own {
    pub(super) text: Text,
    /// Bytes before the first chunk.
    pub(in crate::cipher) length: usize,
    hash: [u8; HASH],
}

#[derive(Serialize, Deserialize)]
pub(super) struct Text {
    cipher: String,
    #[serde(with = "base64_bytes")]
    salt: [u8; KEY_BYTES],
    pub(super) keys: Vec<Wrap>,
}

impl Own {
    /// The most bytes that it has.
    pub(super) const LONGEST: usize = PREFIX + LONGEST_TEXT + HASH;

    /// Makes the header of a new file, and its bytes.
    pub(in crate::cipher) fn make(keys: &[Wrap]) -> Result<(Self, Vec<u8>)> {
        let text =
            Text { cipher: CipherKind::Aes256Gcm.as_str().to_owned(), salt: random()?, keys: keys.to_vec() };
        let failed = || Error::new(ErrorKind::Internal, "cannot write the header of an encrypted file");
        let json = serde_json::to_vec(&text).map_err(|error| failed().source(error))?;
        if json.len() > LONGEST_TEXT {
            return Err(Error::new(ErrorKind::Configuration, "a backup is encrypted for too many keys")
                .context("keys", keys.len()));
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&u32::try_from(json.len()).map_err(|_| failed())?.to_be_bytes());
        bytes.extend_from_slice(&json);
        let hash: [u8; HASH] = Sha256::digest(&bytes).into();
        bytes.extend_from_slice(&hash);
        Ok((Own { text, length: bytes.len(), hash }, bytes))
    }

    /// Reads the header from behind its magic.
    ///
    /// Fails with `DamagedBackup` when a bit of it is another one, and with `Unsupported` at a cipher that this program
    /// does not have.
    pub(super) fn read(reader: &mut dyn std::io::Read) -> Result<Self> {
        let mut bytes = MAGIC.to_vec();
        bytes.append(&mut take(reader, PREFIX - MAGIC.len())?);
        let length = bytes.last_chunk().map_or(0, |length| u32::from_be_bytes(*length)) as usize;
        if length > LONGEST_TEXT {
            return Err(damaged("the header of an encrypted file is too long"));
        }
        let rest = take(reader, length + HASH)?;
        let (json, found) = rest.split_at_checked(length).unwrap_or_default();
        bytes.extend_from_slice(json);
        let hash: [u8; HASH] = Sha256::digest(&bytes).into();
        if found != hash {
            return Err(damaged("the header of an encrypted file was changed"));
        }
        let text: Text = serde_json::from_slice(json)
            .map_err(|error| damaged("the header of an encrypted file cannot be read").source(error))?;
        if text.cipher != CipherKind::Aes256Gcm.as_str() {
            return Err(Error::new(ErrorKind::Unsupported, "a backup is encrypted in another way")
                .context("cipher", text.cipher.escape_debug())
                .hint("update this program"));
        }
        Ok(Own { text, length: bytes.len() + HASH, hash })
    }

    /// What seals or opens the chunks behind it.
    pub(in crate::cipher) fn chunk_key(&self, data_key: &DataKey, role: FileRole<'_>) -> Result<ChunkKey> {
        Ok(ChunkKey::new(data_key.of_file(&self.text.salt, &role.word())?, self.hash.to_vec()))
    }
}
