//! AES-256-CBC in the form of `openssl enc -aes-256-cbc -pbkdf2`: a salt, then blocks, the last one padded.
//!
//! Nothing in such a file tells whether it was changed. So the manifest keeps its checksum, and what opens it, sealed under
//! the backup's data key.

use aes::Aes256;
use aes::cipher::array::Array;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use cadangkan_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::DataKey;
use super::data_key::random;
use super::header::{FileRole, damaged};
use super::wrap::{base64_bytes, pbkdf2};

/// The first bytes of a file; eight of salt follow.
pub(super) const MAGIC: &[u8; 8] = b"Salted__";
/// Bytes of a block, which are those before the first one, too.
pub(super) const BLOCK: usize = 16;
const SALT: usize = 8;
/// Bytes of the key, and of what the first block is mixed with.
const SECRET: usize = 48;

/// A passphrase that files are encrypted with, as OpenSSL does.
#[derive(Clone)]
pub(super) struct Password {
    pub(super) passphrase: Zeroizing<String>,
    /// Rounds of PBKDF2.
    pub(super) iterations: u32,
}

/// What opens one file, made of the passphrase and the file's salt.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct FileKey {
    /// What the file is in its backup.
    pub(crate) role: String,
    #[serde(with = "base64_bytes")]
    salt: [u8; SALT],
    #[serde(with = "base64_bytes")]
    secret: [u8; SECRET],
    /// Length of the file before encryption.
    pub(super) plain_bytes: u64,
}

impl FileKey {
    fn of(password: &Password, role: FileRole<'_>) -> Result<Self> {
        let salt = random()?;
        let mut secret = [0; SECRET];
        pbkdf2(password.iterations, password.passphrase.as_bytes(), &salt, &mut secret);
        Ok(FileKey { role: role.word(), salt, secret, plain_bytes: 0 })
    }

    /// Tells whether it is that of a file with this salt, in this place.
    pub(super) fn fits(&self, salt: &[u8], role: FileRole<'_>) -> bool {
        self.salt == *salt && self.role == role.word()
    }

    /// Bytes of the file as it is stored.
    pub(super) fn stored_bytes(&self) -> Option<u64> {
        let blocks = self.plain_bytes / BLOCK as u64 + 2;
        blocks.checked_mul(BLOCK as u64)
    }

    /// Decrypts blocks in their place, of which `previous` is the stored one before, or none at the file's begin; takes
    /// the padding off the last one.
    pub(super) fn open<'a>(
        &self,
        previous: Option<&[u8; BLOCK]>,
        is_last: bool,
        blocks: &'a mut [u8],
    ) -> Result<&'a [u8]> {
        let (key, begin) = self.secret.split_at(SECRET - BLOCK);
        let previous = previous.map_or(begin, |block| block.as_slice());
        let mut mode = cbc::Decryptor::<Aes256>::new_from_slices(key, previous).map_err(|_| unusable())?;
        mode.decrypt_blocks(Array::slice_as_chunks_mut(blocks).0);
        if !is_last {
            return Ok(blocks);
        }
        let padding = padding(self.plain_bytes);
        let plain = blocks.len().checked_sub(padding).and_then(|length| blocks.split_at_checked(length));
        match plain {
            Some((plain, filled)) if filled.iter().all(|byte| usize::from(*byte) == padding) => Ok(plain),
            _ => Err(damaged("an encrypted file was changed or cut")),
        }
    }
}

impl Drop for FileKey {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// Encrypts one file.
pub(super) struct FileSealing {
    key: FileKey,
    mode: cbc::Encryptor<Aes256>,
    /// Learns the key once the file is complete.
    owner: DataKey,
}

impl FileSealing {
    /// Begins with the first bytes of the file.
    pub(super) fn begin(password: &Password, role: FileRole<'_>, owner: &DataKey) -> Result<(Self, Vec<u8>)> {
        let key = FileKey::of(password, role)?;
        let (aes, begin) = key.secret.split_at(SECRET - BLOCK);
        let mode = cbc::Encryptor::new_from_slices(aes, begin).map_err(|_| unusable())?;
        let header = [MAGIC.as_slice(), &key.salt].concat();
        Ok((FileSealing { key, mode, owner: owner.clone() }, header))
    }

    /// Encrypts in its place what begins at `from`: whole blocks, or the last bytes of all.
    pub(super) fn seal(&mut self, is_last: bool, bytes: &mut Vec<u8>, from: usize) {
        let plain = bytes.len().saturating_sub(from);
        self.key.plain_bytes += plain as u64;
        if is_last {
            let padding = padding(self.key.plain_bytes);
            bytes.extend(std::iter::repeat_n(u8::try_from(padding).unwrap_or_default(), padding));
        }
        let blocks = bytes.get_mut(from..).unwrap_or_default();
        self.mode.encrypt_blocks(Array::slice_as_chunks_mut(blocks).0);
        if is_last {
            self.owner.learn(self.key.clone());
        }
    }
}

/// How many bytes fill the last block, each of which says so (RFC 5652, section 6.3): one at least.
fn padding(plain_bytes: u64) -> usize {
    BLOCK - usize::try_from(plain_bytes % BLOCK as u64).unwrap_or_default()
}

fn unusable() -> Error {
    Error::new(ErrorKind::Internal, "a key cannot be used")
}
