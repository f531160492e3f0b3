//! Encryption: between the archive's bytes and their checksum.
//!
//! A backup has one random data key. Every file of it is sealed in chunks of 64 KiB under a key of its own that is
//! derived from that one; the data key itself is kept wrapped, once for each passphrase and key that may open the
//! backup. `FORMAT.md` says every byte.

mod cbc;
mod chunk;
mod data_key;
mod header;
mod kind;
mod open;
mod seal;
mod wrap;

pub(crate) use cbc::FileKey;
pub use data_key::DataKey;
pub use header::FileRole;
pub use kind::CipherKind;
pub use open::{PlainReader, SealedFile};
pub use seal::{Envelope, Sealer, seal_bytes};
pub use wrap::{
    Identities, Kdf, KeyFile, PrivateKey, PublicKey, Recipient, Recipients, Wrap, WrapKind, WrongKey,
};
