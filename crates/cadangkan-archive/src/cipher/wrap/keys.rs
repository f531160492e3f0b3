//! Keys as people keep them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bech32::{Bech32, Hrp};
use cadangkan_core::{Error, ErrorKind, Result};
use curve25519_dalek::MontgomeryPoint;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::super::data_key::{derive, random};
use super::{KEY_BYTES, hidden};
use crate::text;

const PUBLIC: &str = "age";
const PRIVATE: &str = "AGE-SECRET-KEY-";

/// A public key of X25519 (RFC 7748), written as age does: `age1…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub(super) [u8; KEY_BYTES]);

/// A private key of X25519, written as age does: `AGE-SECRET-KEY-1…`. Never shown but by [`to_text`](Self::to_text).
#[derive(Clone)]
pub struct PrivateKey(Zeroizing<[u8; KEY_BYTES]>);

/// A secret of 32 random bytes that stands in a file: as base64, or as 64 hexadecimal digits.
#[derive(Clone)]
pub struct KeyFile(Zeroizing<[u8; KEY_BYTES]>);

impl PrivateKey {
    /// Makes a new one.
    pub fn generate() -> Result<Self> {
        Ok(PrivateKey(Zeroizing::new(random()?)))
    }

    /// The public key that belongs to it.
    pub fn public(&self) -> PublicKey {
        PublicKey(MontgomeryPoint::mul_base_clamped(*self.0).to_bytes())
    }

    /// What this and another key make together; `None` where the other one is no proper key.
    pub(super) fn agree(&self, other: &PublicKey) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
        let shared = MontgomeryPoint(other.0).mul_clamped(*self.0).to_bytes();
        // All zeros is what every private key makes of a point of low order (RFC 7748, section 6.1).
        (shared != [0; KEY_BYTES]).then(|| Zeroizing::new(shared))
    }

    /// Its text, for the file that keeps it.
    pub fn to_text(&self) -> Result<Zeroizing<String>> {
        let text = Hrp::parse(PRIVATE)
            .ok()
            .and_then(|hrp| bech32::encode_upper::<Bech32>(hrp, self.0.as_slice()).ok());
        text.map(Zeroizing::new).ok_or_else(|| Error::new(ErrorKind::Internal, "cannot write a private key"))
    }
}

impl FromStr for PrivateKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let key = decode(text.trim(), PRIVATE).map(|key| PrivateKey(Zeroizing::new(key)));
        key.ok_or_else(|| {
            wrong("not a private key", "one begins with AGE-SECRET-KEY-1: `cadangkan key generate` makes it")
        })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hidden(f, "PrivateKey")
    }
}

impl KeyFile {
    /// Makes a new one.
    pub fn generate() -> Result<Self> {
        Ok(KeyFile(Zeroizing::new(random()?)))
    }

    /// A short name for it, that tells nothing of it.
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"cadangkan key file id\0");
        hash.update(self.0.as_slice());
        hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The key that seals data keys.
    pub(super) fn sealing_key(&self) -> Result<Zeroizing<[u8; KEY_BYTES]>> {
        derive(&[], self.0.as_slice(), "cadangkan key file")
    }

    /// Its text, for the file that keeps it.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice()))
    }
}

impl FromStr for KeyFile {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let hex = || text::parse_hex(&text.to_ascii_lowercase());
        let base64 = || {
            let mut bytes = STANDARD.decode(text).ok()?;
            let key = bytes.as_slice().try_into().ok();
            bytes.zeroize();
            key
        };
        hex().or_else(base64).map(|key| KeyFile(Zeroizing::new(key))).ok_or_else(|| {
            wrong(
                "not a key",
                "write 32 random bytes as base64: `cadangkan key generate --symmetric` makes them",
            )
        })
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hidden(f, "KeyFile")
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Hrp::parse(PUBLIC).ok().and_then(|hrp| bech32::encode::<Bech32>(hrp, &self.0).ok());
        f.pad(&text.ok_or(fmt::Error)?)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        decode(text.trim(), PUBLIC).map(PublicKey).ok_or_else(|| {
            wrong("not a public key", "one begins with age1: `cadangkan key generate` prints it")
        })
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

/// Reads bech32 (BIP 173) with this word before the `1`.
fn decode(text: &str, word: &str) -> Option<[u8; KEY_BYTES]> {
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32>(text).ok()?;
    if !checked.hrp().as_str().eq_ignore_ascii_case(word) {
        return None;
    }
    let bytes = Zeroizing::new(checked.byte_iter().collect::<Vec<_>>());
    bytes.as_slice().try_into().ok()
}

/// The text itself may be a secret, so that it is not shown.
fn wrong(message: &str, hint: &str) -> Error {
    Error::new(ErrorKind::Configuration, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by age-keygen 1.1.1.
    const PAIR: (&str, &str) = (
        "AGE-SECRET-KEY-16CT45CKLFEPV9YXP84TGUDNT2JUYLQ2VYDJEKA3E3XRGGAMK43NSNMDTQ6",
        "age1sy3pfza80d3uw627fdmp57hamqznn7zs8e5tdjwswkyzzq8fyp9qkamcjg",
    );

    #[test]
    fn keys_are_those_of_age() {
        let private: PrivateKey = PAIR.0.parse().unwrap();
        assert_eq!(private.public().to_string(), PAIR.1);
        assert_eq!(*private.to_text().unwrap(), PAIR.0);
        assert_eq!(PAIR.1.parse::<PublicKey>().unwrap(), private.public());
    }

    #[test]
    fn agreement_is_that_of_rfc_7748() {
        // Section 5.2, the first vector.
        let key = |hex| text::parse_hex(hex).unwrap();
        let private = PrivateKey(Zeroizing::new(key(
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        )));
        let other = PublicKey(key("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"));
        let shared = key("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
        assert_eq!(*private.agree(&other).unwrap(), shared);
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for bad in ["", "age1", "AGE-SECRET-KEY-1QQQ", "secret", &"a".repeat(63), &"ab".repeat(40)] {
            for error in [
                bad.parse::<PublicKey>().unwrap_err(),
                bad.parse::<PrivateKey>().unwrap_err(),
                bad.parse::<KeyFile>().unwrap_err(),
            ] {
                assert!(bad.is_empty() || !error.chain().concat().contains(bad), "{bad}");
            }
        }
        let private = PrivateKey::generate().unwrap();
        assert!(private.to_text().unwrap().parse::<PublicKey>().is_err());
        assert!(private.public().to_string().parse::<PrivateKey>().is_err());
    }

    #[test]
    fn a_point_of_low_order_agrees_with_nobody() {
        let private = PrivateKey::generate().unwrap();
        assert!(private.agree(&PublicKey([0; KEY_BYTES])).is_none());
    }
}
