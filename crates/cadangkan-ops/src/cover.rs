//! What is around the bytes of an archive: nothing, or encryption.

use std::io::Read;

use cadangkan_archive::{ChecksumHasher, CipherKind, DataKey, FileRole, PlainReader, SealedFile};
use cadangkan_core::{Error, ErrorKind, Result};

use crate::measured::Measured;

/// Stored bytes, hashed as they pass.
pub(crate) type StoredBytes = Measured<Box<dyn Read + Send>, ChecksumHasher>;

/// What is around the archive.
#[derive(Clone)]
pub(crate) enum Cover {
    /// Nothing.
    Plain,
    /// It is encrypted, and this opens it.
    Opened { file: SealedFile, data_key: DataKey },
    /// It is encrypted, and was not opened: only stored bytes can be read.
    Closed,
}

/// The stored bytes of an archive on their way through the cipher, where there is one.
pub(crate) enum HashedArchive {
    Plain(StoredBytes),
    Sealed(PlainReader<StoredBytes>),
}

impl HashedArchive {
    /// The stored bytes, to read what was not asked for.
    pub(crate) fn into_stored(self) -> StoredBytes {
        match self {
            HashedArchive::Plain(stored) => stored,
            HashedArchive::Sealed(reader) => reader.into_inner(),
        }
    }
}

impl Read for HashedArchive {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            HashedArchive::Plain(stored) => stored.read(buffer),
            HashedArchive::Sealed(reader) => reader.read(buffer),
        }
    }
}

/// Decrypts a small file that lies beside the archive.
pub(crate) fn open_beside(bytes: &[u8], role: FileRole<'_>, data_key: &DataKey) -> Result<Vec<u8>> {
    SealedFile::open(bytes, bytes.len() as u64, role, |_| Ok(data_key.clone()))?.open_bytes(bytes)
}

/// Makes sure that this program has a cipher.
pub(crate) fn known_cipher(cipher: &str) -> Result<()> {
    cipher.parse::<CipherKind>().map(drop).map_err(|_| {
        let message = "the backup is encrypted by a cipher that this version does not have";
        Error::new(ErrorKind::Unsupported, message)
            .context("cipher", cipher.escape_debug())
            .hint("update this program")
    })
}

/// Refuses a file that does not say who opens it: one in OpenSSL's form is nothing without its manifest.
pub(crate) fn manifest_is_missing() -> Error {
    let message =
        "a file in OpenSSL's form says neither who opens it nor whether it was changed: its manifest does";
    Error::new(ErrorKind::Unsupported, message).hint(
        "put its manifest, ….meta.json, beside it; or decrypt it with `openssl enc -d -aes-256-cbc -pbkdf2 -iter 600000 -in <file>`, and give what comes out to --file",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cipher_of_a_later_version_is_told() {
        for known in ["aes-256-gcm", "age", "openssl"] {
            known_cipher(known).unwrap();
        }
        let error = known_cipher("kyber\n").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("cipher: kyber\\n"), "{error}");
    }
}
