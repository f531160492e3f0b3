//! The header of an encrypted file: who can open it, and what its chunks are bound to.

mod age;
mod own;

use std::io::Read;

use cadangkan_core::{Error, ErrorKind, Result};

pub(super) use age::Age;
pub(super) use own::Own;

use super::DataKey;
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
    fn word(self) -> String {
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
}

impl Header {
    /// The most bytes that it has.
    pub(super) const LONGEST: usize = Own::LONGEST;

    /// Tells whether a file that begins like this is an encrypted one.
    pub(super) fn is_begun(first_bytes: &[u8]) -> bool {
        first_bytes.starts_with(own::MAGIC) || first_bytes.starts_with(&age::MAGIC)
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
        Err(damaged("a file is not encrypted, but should be"))
    }

    /// The wraps of the data key.
    pub(super) fn keys(&self) -> &[Wrap] {
        match self {
            Header::Own(own) => &own.text.keys,
            Header::Age(age) => &age.keys,
        }
    }

    /// Bytes before the first chunk.
    pub(super) fn length(&self) -> usize {
        match self {
            Header::Own(own) => own.length,
            Header::Age(age) => age.length,
        }
    }

    /// What opens the chunks behind it. Fails with `DamagedBackup` when the header is not that of this data key.
    pub(super) fn chunk_key(&self, data_key: &DataKey, role: FileRole<'_>) -> Result<ChunkKey> {
        match self {
            Header::Own(own) => own.chunk_key(data_key, role),
            Header::Age(age) => age.chunk_key(data_key),
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
