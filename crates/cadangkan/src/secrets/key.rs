//! The master key.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cadangkan_core::{Error, ErrorKind, Result};
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::{KEY_VARIABLE, private};

/// A key of AES-256. Never shown.
pub(super) struct Key(pub(super) Zeroizing<[u8; 32]>);

impl Key {
    /// A new key.
    pub(super) fn random() -> Result<Key> {
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new()
            .fill(bytes.as_mut())
            .map_err(|_| Error::new(ErrorKind::Internal, "the system gives no random numbers"))?;
        Ok(Key(bytes))
    }

    /// Reads what a person gave, in base64 or hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Key> {
        let text = text.trim();
        let bytes = if text.len() == 64 { from_hex(text)? } else { STANDARD.decode(text).ok()? };
        Zeroizing::new(bytes).as_slice().try_into().ok().map(|bytes| Key(Zeroizing::new(bytes)))
    }

    /// A short name for the key, that tells nothing of it: the begin of a hash.
    pub(super) fn id(&self) -> String {
        let mut context = Context::new(&SHA256);
        context.update(b"cadangkan master key id\0");
        context.update(self.0.as_slice());
        context.finish().as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Reads the keys that are there: the first one seals, each of them opens. The file has more than one while the key is
/// rotated, and one to a line.
pub(super) fn read(home: &Path, variable: Option<&str>) -> Result<Vec<Key>> {
    if let Some(text) = variable {
        let key = Key::parse(text)
            .ok_or_else(|| wrong(KEY_VARIABLE).hint("write 32 bytes as base64, or as 64 hexadecimal digits"));
        return Ok(vec![key?]);
    }
    let path = home.join(FILE_NAME);
    match private::read(&path) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            let keys: Option<Vec<Key>> = text.lines().map(Key::parse).collect();
            keys.ok_or_else(|| {
                wrong("master.key").context("path", path.display()).hint("bring it back from a backup")
            })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Reads the keys, and makes one where there is none.
pub(super) fn read_or_make(home: &Path, variable: Option<&str>) -> Result<Vec<Key>> {
    let keys = read(home, variable)?;
    if !keys.is_empty() {
        return Ok(keys);
    }
    make(home)?;
    // Another process may have made it first: then that one is the key.
    read(home, variable)
}

/// Puts keys in the place of those in the file: whole and on the disk before they have its name.
pub(super) fn replace(home: &Path, keys: &[&Key]) -> Result<()> {
    let file = write(home, keys)?;
    file.persist(home.join(FILE_NAME)).map_err(|lost| failed(home, lost.error))?;
    keep(home)
}

const FILE_NAME: &str = "master.key";

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| pair.iter().try_fold(0_u8, |sum, byte| Some(sum * 16 + digit(byte)?));
    text.as_bytes().chunks(2).map(pair).collect()
}

/// Makes a key that is whole and on the disk before it has its name.
fn make(home: &Path) -> Result<()> {
    let file = write(home, &[&Key::random()?])?;
    match file.persist_noclobber(home.join(FILE_NAME)) {
        Err(lost) if lost.error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(other) => return Err(failed(home, other.error)),
        Ok(_) => {}
    }
    keep(home)
}

/// Made with O_EXCL and mode 0600.
fn write(home: &Path, keys: &[&Key]) -> Result<NamedTempFile> {
    let failed = |error| failed(home, error);
    let mut file = tempfile::Builder::new().prefix(".master-key-").tempfile_in(home).map_err(failed)?;
    let lines = keys.iter().map(|key| STANDARD.encode(key.0.as_slice()) + "\n");
    let text = Zeroizing::new(lines.collect::<String>());
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    Ok(file)
}

fn keep(home: &Path) -> Result<()> {
    File::open(home).and_then(|folder| folder.sync_all()).map_err(|error| failed(home, error))
}

fn failed(home: &Path, error: std::io::Error) -> Error {
    Error::io("cannot write the master key", error).context("folder", home.display())
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("{what} is not a key"))
}
