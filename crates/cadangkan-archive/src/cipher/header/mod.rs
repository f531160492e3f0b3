//! The header of an encrypted file: who can open it, and what its chunks are bound to.

mod age;
mod own;

use std::io::Read;
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Result};

pub(super) use age::Age;
pub(super) use own::Own;

use super::DataKey;
use super::cbc::{self, FileKey};
use super::chunk::ChunkKey;
use super::wrap::Wrap;

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
    /// The word that stands for it in a backup.
    pub(crate) fn word(self) -> String {
        match self {
            FileRole::Archive => "archive".to_owned(),
            FileRole::Index => "index".to_owned(),
            FileRole::Side(kind) => format!("side {kind}"),
            FileRole::Manifest => "manifest".to_owned(),
        }
    }
}

/// A header that was read.
pub(super) enum Header {
    Own(Own),
    Age(Age),
    /// OpenSSL's form has nothing in it but the salt.
    OpenSsl(Vec<u8>),
}

/// What opens the bytes behind a header.
#[derive(Clone)]
pub(super) enum BodyKey {
    Chunks(Arc<ChunkKey>),
    OpenSsl(Arc<FileKey>),
}

impl Header {
    /// The most bytes that it has.
    pub(super) const LONGEST: usize = Own::LONGEST;

    /// Tells whether a file that begins like this is an encrypted one.
    pub(super) fn is_begun(first_bytes: &[u8]) -> bool {
        first_bytes.starts_with(own::MAGIC)
            || first_bytes.starts_with(&age::MAGIC)
            || first_bytes.starts_with(cbc::MAGIC)
    }

    /// Reads the header from a file's begin, and not a byte more.
    ///
    /// Fails with `DamagedBackup` when it is none, or a bit of it is another one where that can be told without a key,
    /// and with `Unsupported` at a cipher that this program does not have.
    pub(super) fn read(reader: &mut dyn Read) -> Result<Self> {
        let magic = take(reader, own::MAGIC.len())?;
        if magic == own::MAGIC {
            return Own::read(reader).map(Header::Own);
        }
        if magic == age::MAGIC {
            return Age::read(reader).map(Header::Age);
        }
        if let Some(salt) = magic.strip_prefix(cbc::MAGIC) {
            return Ok(Header::OpenSsl(salt.to_vec()));
        }
        Err(damaged("a file is not encrypted, but should be"))
    }

    /// The wraps of the data key.
    pub(super) fn keys(&self) -> &[Wrap] {
        match self {
            Header::Own(own) => &own.text.keys,
            Header::Age(age) => &age.keys,
            Header::OpenSsl(_) => &[],
        }
    }

    /// Bytes before the first chunk.
    pub(super) fn length(&self) -> usize {
        match self {
            Header::Own(own) => own.length,
            Header::Age(age) => age.length,
            Header::OpenSsl(salt) => cbc::MAGIC.len() + salt.len(),
        }
    }

    /// What opens the bytes behind it. Fails with `DamagedBackup` when the header is not that of this data key.
    pub(super) fn body_key(&self, data_key: &DataKey, role: FileRole<'_>) -> Result<BodyKey> {
        match self {
            Header::Own(own) => Ok(BodyKey::Chunks(Arc::new(own.chunk_key(data_key, role)?))),
            Header::Age(age) => Ok(BodyKey::Chunks(Arc::new(age.chunk_key(data_key)?))),
            Header::OpenSsl(salt) => {
                let key = data_key.files().into_iter().find(|key| key.fits(salt, role));
                let unknown = || damaged("an encrypted file is not one that its manifest knows");
                key.map(|key| BodyKey::OpenSsl(Arc::new(key))).ok_or_else(unknown)
            }
        }
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
