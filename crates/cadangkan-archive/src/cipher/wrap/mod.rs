//! Wraps: the data key, sealed for whoever may open the backup.

mod agreement;
mod identities;
mod kdf;
mod keys;
mod recipients;
mod stanza;

use std::fmt;

use cadangkan_core::{Error, ErrorKind, Result};
use ring::aead::{Aad, NONCE_LEN, Nonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use identities::{Identities, WrongKey};
pub use kdf::Kdf;
pub(super) use kdf::pbkdf2;
pub use keys::{KeyFile, PrivateKey, PublicKey};
pub use recipients::{Recipient, Recipients};

use super::DataKey;
use super::data_key::{KEY_BYTES, aead_key, random};

/// What a wrap is bound to, so that nothing else that is sealed under the same key can stand in its place.
const PURPOSE: &[u8] = b"cadangkan data key";

/// The data key of a backup, sealed for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrap {
    /// Whom it is for.
    #[serde(flatten)]
    pub kind: WrapKind,
    /// Nonce, sealed key, tag; of a stanza of age without the nonce, which is zero.
    #[serde(with = "base64_text")]
    sealed: Vec<u8>,
}

/// Whom a wrap is for, and what must be known besides the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum WrapKind {
    /// Who knows the passphrase.
    Passphrase {
        /// How a key is made of it.
        #[serde(flatten)]
        kdf: Kdf,
        /// Goes into that; 22 letters and digits, so that it can be given to programs as text.
        salt: String,
    },
    /// Who has the private key to this public one.
    X25519 {
        /// The public key.
        key: PublicKey,
        /// The other public key, whose private one was forgotten.
        ephemeral: PublicKey,
    },
    /// Who has the key file.
    KeyFile {
        /// The key's id.
        key: String,
    },
    /// Who has the private key, in the header of a file of age.
    #[serde(skip)]
    AgeX25519 {
        /// The other public key.
        share: [u8; KEY_BYTES],
    },
    /// Who knows the passphrase, in the header of a file of age.
    #[serde(skip)]
    AgeScrypt {
        /// Goes into the key.
        salt: [u8; 16],
        /// What that costs, as a power of two.
        work: u8,
    },
    /// Somebody of a kind that a newer program knows; kept as it is.
    #[serde(untagged)]
    Other(serde_json::Map<String, serde_json::Value>),
}

impl WrapKind {
    /// Tells whether it is for who knows a passphrase.
    pub fn is_passphrase(&self) -> bool {
        matches!(self, WrapKind::Passphrase { .. } | WrapKind::AgeScrypt { .. })
    }

    /// Says whom it is for, for people: `a passphrase`, `the key age1…`.
    pub fn describe(&self) -> String {
        match self {
            WrapKind::Passphrase { .. } => "a passphrase".to_owned(),
            WrapKind::X25519 { key, .. } => format!("the private key to {key}"),
            WrapKind::KeyFile { key } => format!("the key file with id {}", key.escape_debug()),
            WrapKind::AgeX25519 { .. } => "a private key of age".to_owned(),
            WrapKind::AgeScrypt { .. } => "a passphrase".to_owned(),
            WrapKind::Other(_) => "a key of a kind that this version does not know".to_owned(),
        }
    }
}

impl Wrap {
    /// Seals the data key under the recipient's key.
    fn make(kind: WrapKind, key: &[u8; KEY_BYTES], data_key: &DataKey) -> Result<Self> {
        let failed = |_| Error::new(ErrorKind::Internal, "the data key cannot be sealed");
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut body = Zeroizing::new(*data_key.bytes());
        let tag = aead_key(key)?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(PURPOSE),
                body.as_mut_slice(),
            )
            .map_err(failed)?;
        Ok(Wrap { kind, sealed: [nonce.as_slice(), body.as_slice(), tag.as_ref()].concat() })
    }

    /// A stanza of age.
    pub(in crate::cipher) fn of_stanza(kind: WrapKind, sealed: Vec<u8>) -> Self {
        Wrap { kind, sealed }
    }

    /// The sealed bytes.
    pub(in crate::cipher) fn sealed(&self) -> &[u8] {
        &self.sealed
    }

    /// Opens it; `None` when the key is another one.
    fn open(&self, key: &[u8; KEY_BYTES]) -> Result<Option<DataKey>> {
        let Some((nonce, body)) = self.sealed.split_first_chunk() else { return Ok(None) };
        let mut body = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = aead_key(key)?.open_in_place(nonce, Aad::from(PURPOSE), &mut body);
        let opened = opened.ok().and_then(|key| <[u8; KEY_BYTES]>::try_from(&*key).ok());
        Ok(opened.map(|key| DataKey::new(Zeroizing::new(key))))
    }
}

/// Bytes of a fixed length as base64.
pub(in crate::cipher) mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    pub(in crate::cipher) fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(in crate::cipher) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        let bytes = super::base64_text::deserialize(deserializer)?.try_into();
        bytes.map_err(|_| D::Error::custom(format!("not {N} bytes as base64")))
    }
}

/// Bytes as base64.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(|_| D::Error::custom("not base64"))
    }
}

/// A secret that is never shown.
fn hidden(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    f.debug_struct(name).finish_non_exhaustive()
}
