use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cadangkan_core::{Error, ErrorKind, Result};
use ring::aead::{AES_256_GCM, CHACHA20_POLY1305, LessSafeKey, UnboundKey};

use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::cbc::FileKey;

/// Length of a file key of age, in bytes.
pub(super) const AGE_KEY_BYTES: usize = 16;
/// Length of every other symmetric key, in bytes.
pub(super) const KEY_BYTES: usize = 32;

/// The random 256-bit key of one backup. Never shown; cleared from memory when it is dropped.
///
/// For files in OpenSSL's form, whose keys come from a passphrase, it knows those once they were written, or the manifest
/// was revealed.
#[derive(Clone)]
pub struct DataKey {
    key: Zeroizing<[u8; KEY_BYTES]>,
    files: Arc<Mutex<Vec<FileKey>>>,
}

impl DataKey {
    pub(super) fn new(key: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        DataKey { key, files: Arc::default() }
    }

    /// Takes a new one from the system's random numbers.
    pub fn generate() -> Result<Self> {
        Ok(DataKey::new(Zeroizing::new(random()?)))
    }

    /// Takes a new one that age can keep: its keys have 128 bits.
    pub(super) fn generate_for_age() -> Result<Self> {
        Ok(DataKey::of_age(&random()?))
    }

    /// The one that stands in the header of a file of age; the rest is zeros.
    pub(super) fn of_age(file_key: &[u8; AGE_KEY_BYTES]) -> Self {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let [begin @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = &mut *key;
        *begin = *file_key;
        DataKey::new(key)
    }

    /// The key as age has it.
    pub(super) fn age_file_key(&self) -> &[u8] {
        self.key.first_chunk::<AGE_KEY_BYTES>().map_or(&[], <[u8; AGE_KEY_BYTES]>::as_slice)
    }

    /// The bytes themselves.
    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }

    /// Keeps the key of a file in OpenSSL's form.
    pub(crate) fn learn(&self, file: FileKey) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).push(file);
    }

    /// The keys of files in OpenSSL's form that it knows.
    pub(crate) fn files(&self) -> Vec<FileKey> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Derives the key of one file of the backup. The salt is random and stands in the file's header, so that no two
    /// files, and no two attempts at one, are sealed under one key.
    pub(super) fn of_file(&self, salt: &[u8; KEY_BYTES], role: &str) -> Result<LessSafeKey> {
        aead_key(&*derive(salt, self.key.as_slice(), &format!("cadangkan file {role}"))?)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey")
    }
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Error::new(ErrorKind::Internal, "the system gives no random numbers"))?;
    Ok(bytes)
}

/// HKDF with SHA-256 (RFC 5869).
pub(super) fn derive(salt: &[u8], secret: &[u8], info: &str) -> Result<Zeroizing<[u8; KEY_BYTES]>> {
    let failed = |_| Error::new(ErrorKind::Internal, "a key cannot be derived");
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let pseudorandom = Salt::new(HKDF_SHA256, salt).extract(secret);
    let info = [info.as_bytes()];
    let output = pseudorandom.expand(&info, HKDF_SHA256).map_err(failed)?;
    output.fill(key.as_mut_slice()).map_err(failed)?;
    Ok(key)
}

/// A key of AES-256-GCM.
pub(super) fn aead_key(bytes: &[u8; KEY_BYTES]) -> Result<LessSafeKey> {
    key(UnboundKey::new(&AES_256_GCM, bytes))
}

/// A key of ChaCha20-Poly1305 (RFC 8439), which age uses.
pub(super) fn chacha_key(bytes: &[u8; KEY_BYTES]) -> Result<LessSafeKey> {
    key(UnboundKey::new(&CHACHA20_POLY1305, bytes))
}

fn key(key: Result<UnboundKey, ring::error::Unspecified>) -> Result<LessSafeKey> {
    key.map(LessSafeKey::new).map_err(|_| Error::new(ErrorKind::Internal, "a key cannot be used"))
}

#[cfg(test)]
mod tests {
    use ring::aead::{Aad, Nonce};

    use super::*;
    use crate::text;

    #[test]
    fn keys_are_derived_as_in_rfc_5869() {
        // Appendix A.3; a longer output begins with the same bytes.
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d";
        assert_eq!(*derive(&[], &[0x0b; 22], "").unwrap(), text::parse_hex(expected).unwrap());
    }

    #[test]
    fn aes_256_gcm_is_that_of_its_specification() {
        // McGrew and Viega, "The Galois/Counter Mode of Operation", test case 14: cipher text, then tag.
        let (key, mut bytes) = (aead_key(&[0; KEY_BYTES]).unwrap(), vec![0; 16]);
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        key.seal_in_place_append_tag(nonce, Aad::empty(), &mut bytes).unwrap();
        let expected = "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919";
        assert_eq!(bytes, text::parse_hex(expected).unwrap());
    }
}
