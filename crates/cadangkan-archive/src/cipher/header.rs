//! The header of an encrypted file.

use cadangkan_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::data_key::KEY_BYTES;
use super::wrap::{Wrap, base64_bytes};
use super::{CipherKind, DataKey};
use crate::cipher::chunk::ChunkKey;

/// The first bytes of an encrypted file.
const MAGIC: &[u8; 16] = b"cadangkan-enc-1\n";
/// Bytes of the magic and of the length behind it.
const PREFIX: usize = MAGIC.len() + 4;
/// The most bytes of the text between: some hundred recipients.
const LONGEST_TEXT: usize = 256 << 10;
/// Bytes of the hash behind the text.
const HASH: usize = 32;

/// What a file is in its backup. A file that is put in the place of another does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole<'a> {
    /// The archive.
    Archive,
    /// Its index.
    Index,
    /// A side file, by its kind: `users`.
    Side(&'a str),
    /// What the manifest keeps to itself.
    Manifest,
}

impl FileRole<'_> {
    fn word(self) -> String {
        match self {
            FileRole::Archive => "archive".to_owned(),
            FileRole::Index => "index".to_owned(),
            FileRole::Side(kind) => format!("side {kind}"),
            FileRole::Manifest => "manifest".to_owned(),
        }
    }
}

/// The header, read or to be written.
pub(super) struct Header {
    pub(super) text: Text,
    /// Bytes before the first chunk.
    pub(super) length: usize,
    hash: [u8; HASH],
}

#[derive(Serialize, Deserialize)]
pub(super) struct Text {
    cipher: String,
    #[serde(with = "base64_bytes")]
    salt: [u8; KEY_BYTES],
    pub(super) keys: Vec<Wrap>,
}

impl Header {
    /// The most bytes that it has.
    pub(super) const LONGEST: usize = PREFIX + LONGEST_TEXT + HASH;

    /// Makes the header of a new file, and its bytes.
    pub(super) fn make(keys: &[Wrap]) -> Result<(Self, Vec<u8>)> {
        let text = Text {
            cipher: CipherKind::Aes256Gcm.as_str().to_owned(),
            salt: super::data_key::random()?,
            keys: keys.to_vec(),
        };
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
        Ok((Header { text, length: bytes.len(), hash }, bytes))
    }

    /// Tells whether a file that begins like this is an encrypted one.
    pub(super) fn is_begun(first_bytes: &[u8]) -> bool {
        first_bytes.starts_with(MAGIC)
    }

    /// Reads the header from a file's begin.
    ///
    /// Fails with `DamagedBackup` when a bit of it is another one, and with `Unsupported` at a cipher that this program
    /// does not have.
    pub(super) fn read(reader: &mut dyn std::io::Read) -> Result<Self> {
        let mut bytes = take(reader, PREFIX)?;
        if !Header::is_begun(&bytes) {
            return Err(damaged("a file is not encrypted, but should be"));
        }
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
        Ok(Header { text, length: bytes.len() + HASH, hash })
    }

    /// What seals or opens the chunks behind it.
    pub(super) fn chunk_key(&self, data_key: &DataKey, role: FileRole<'_>) -> Result<ChunkKey> {
        Ok(ChunkKey::new(data_key.of_file(&self.text.salt, &role.word())?, self.hash))
    }
}

fn take(reader: &mut dyn std::io::Read, count: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    reader.read_exact(&mut bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged("an encrypted file ends in its header"),
        _ => Error::io("cannot read an encrypted file", error),
    })?;
    Ok(bytes)
}

pub(super) fn damaged(message: &str) -> Error {
    Error::new(ErrorKind::DamagedBackup, message)
        .hint("restore from another storage's copy, or from another backup")
}
