//! A key that two pairs of X25519 make together, bound to both public keys: the same in our own wraps and in age.

use cadangkan_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::super::data_key::derive;
use super::{KEY_BYTES, PrivateKey, PublicKey};

type Secret = Zeroizing<[u8; KEY_BYTES]>;

/// Makes a pair that is forgotten again: gives its public key, and what it and `key` make together.
pub(super) fn for_public_key(key: &PublicKey, purpose: &str) -> Result<(PublicKey, Secret)> {
    let private = PrivateKey::generate()?;
    let ephemeral = private.public();
    let agreed = agree(&private, key, &ephemeral, key, purpose)?
        .ok_or_else(|| Error::new(ErrorKind::Configuration, "not a usable public key").context("key", key))?;
    Ok((ephemeral, agreed))
}

/// What the private key and a public key whose pair was forgotten make together; `None` where that is no proper key.
pub(super) fn for_private_key(
    private: &PrivateKey,
    ephemeral: &PublicKey,
    purpose: &str,
) -> Result<Option<Secret>> {
    agree(private, ephemeral, ephemeral, &private.public(), purpose)
}

fn agree(
    private: &PrivateKey,
    other: &PublicKey,
    ephemeral: &PublicKey,
    key: &PublicKey,
    purpose: &str,
) -> Result<Option<Secret>> {
    let Some(shared) = private.agree(other) else { return Ok(None) };
    derive(&[ephemeral.0, key.0].concat(), shared.as_slice(), purpose).map(Some)
}
