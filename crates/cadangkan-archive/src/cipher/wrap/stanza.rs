//! The stanzas of age: its own way to wrap a key of 128 bits (C2SP, age-encryption.org/v1).

use cadangkan_core::{Error, ErrorKind, Result};
use ring::aead::{Aad, MAX_TAG_LEN, NONCE_LEN, Nonce};
use zeroize::Zeroizing;

use super::super::data_key::{AGE_KEY_BYTES, chacha_key, random};
use super::{DataKey, KEY_BYTES, PrivateKey, PublicKey, Wrap, WrapKind, agreement};

/// What keys that are agreed on are for.
const AGREED: &str = "age-encryption.org/v1/X25519";
/// What a new passphrase costs: 2^17 (OWASP, Password Storage), with blocks of 8: 128 MiB.
const WORK: u8 = 17;
/// The most that is spent on a file of somebody else: 1 GiB.
const MOST_WORK: u8 = 20;

/// Wraps a key for who has the private key.
pub(super) fn for_public_key(key: &PublicKey, data_key: &DataKey) -> Result<Wrap> {
    let (share, sealing) = agreement::for_public_key(key, AGREED)?;
    seal(WrapKind::AgeX25519 { share: share.0 }, &sealing, data_key)
}

/// Wraps a key for who knows the passphrase.
pub(super) fn for_passphrase(passphrase: &str, data_key: &DataKey) -> Result<Wrap> {
    let salt = random()?;
    seal(WrapKind::AgeScrypt { salt, work: WORK }, &*scrypt_key(passphrase, &salt, WORK)?, data_key)
}

/// Opens what is for this private key; `None` when it is for another.
pub(super) fn open_x25519(
    wrap: &Wrap,
    share: &[u8; KEY_BYTES],
    private: &PrivateKey,
) -> Result<Option<DataKey>> {
    match agreement::for_private_key(private, &PublicKey(*share), AGREED)? {
        Some(sealing) => open(wrap, &sealing),
        None => Ok(None),
    }
}

/// Opens what is for this passphrase; `None` when it is for another.
pub(super) fn open_scrypt(
    wrap: &Wrap,
    passphrase: &str,
    salt: &[u8; 16],
    work: u8,
) -> Result<Option<DataKey>> {
    open(wrap, &*scrypt_key(passphrase, salt, work)?)
}

fn scrypt_key(passphrase: &str, salt: &[u8; 16], work: u8) -> Result<Zeroizing<[u8; KEY_BYTES]>> {
    let failed = || {
        Error::new(ErrorKind::Unsupported, "a passphrase of this file costs more than is spent")
            .context("work", work)
    };
    let params = Some(work).filter(|work| (1..=MOST_WORK).contains(work));
    let params = params.and_then(|work| scrypt::Params::new(work, 8, 1).ok()).ok_or_else(failed)?;
    let salt = [b"age-encryption.org/v1/scrypt", salt.as_slice()].concat();
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    scrypt::scrypt(passphrase.as_bytes(), &salt, &params, key.as_mut_slice()).map_err(|_| failed())?;
    Ok(key)
}

fn seal(kind: WrapKind, key: &[u8; KEY_BYTES], data_key: &DataKey) -> Result<Wrap> {
    // With room for the tag: what grows leaves a copy of the key behind.
    let mut sealed = Vec::with_capacity(AGE_KEY_BYTES + MAX_TAG_LEN);
    sealed.extend_from_slice(data_key.age_file_key());
    chacha_key(key)?
        .seal_in_place_append_tag(zero(), Aad::empty(), &mut sealed)
        .map_err(|_| Error::new(ErrorKind::Internal, "the data key cannot be sealed"))?;
    Ok(Wrap::of_stanza(kind, sealed))
}

fn open(wrap: &Wrap, key: &[u8; KEY_BYTES]) -> Result<Option<DataKey>> {
    let mut sealed = Zeroizing::new(wrap.sealed().to_vec());
    let opened = chacha_key(key)?.open_in_place(zero(), Aad::empty(), &mut sealed).ok();
    let key = opened.and_then(|key| <&[u8; AGE_KEY_BYTES]>::try_from(&*key).ok());
    Ok(key.map(DataKey::of_age))
}

/// Each key seals once.
fn zero() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}
