//! The master key.

use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cadangkan_core::{Error, ErrorKind, Result};
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};

use super::{KEY_VARIABLE, private};

/// A key of AES-256. Never shown.
pub(super) struct Key(pub(super) [u8; 32]);

impl Key {
    /// A short name for the key, that tells nothing of it: the begin of a hash.
    pub(super) fn id(&self) -> String {
        let mut context = Context::new(&SHA256);
        context.update(b"cadangkan master key id\0");
        context.update(&self.0);
        context.finish().as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Reads the key; `None` when there is none.
pub(super) fn read(home: &Path, variable: Option<&str>) -> Result<Option<Key>> {
    if let Some(text) = variable {
        let wrong = || wrong(KEY_VARIABLE).hint("write 32 bytes as base64, or as 64 hexadecimal digits");
        return parse(text).map(Some).ok_or_else(wrong);
    }
    let path = home.join(FILE_NAME);
    match private::read(&path) {
        Ok(text) => {
            let wrong =
                || wrong("master.key").context("path", path.display()).hint("bring it back from a backup");
            parse(&text).map(Some).ok_or_else(wrong)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the key, and makes one where there is none.
pub(super) fn read_or_make(home: &Path, variable: Option<&str>) -> Result<Key> {
    if let Some(key) = read(home, variable)? {
        return Ok(key);
    }
    make(home)?;
    // Another process may have made it first: then that one is the key.
    read(home, variable)?.ok_or_else(|| Error::new(ErrorKind::Internal, "the new master key is not there"))
}

const FILE_NAME: &str = "master.key";

fn parse(text: &str) -> Option<Key> {
    let text = text.trim();
    let bytes = if text.len() == 64 { from_hex(text)? } else { STANDARD.decode(text).ok()? };
    bytes.try_into().ok().map(Key)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| pair.iter().try_fold(0_u8, |sum, byte| Some(sum * 16 + digit(byte)?));
    text.as_bytes().chunks(2).map(pair).collect()
}

/// Makes a key that is whole and on the disk before it has its name.
fn make(home: &Path) -> Result<()> {
    let failed = |error| Error::io("cannot make the master key", error).context("folder", home.display());
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::new(ErrorKind::Internal, "the system gives no random numbers"))?;
    // Made with O_EXCL and mode 0600.
    let mut file = tempfile::Builder::new().prefix(".master-key-").tempfile_in(home).map_err(failed)?;
    writeln!(file, "{}", STANDARD.encode(bytes)).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(home.join(FILE_NAME)) {
        Err(lost) if lost.error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(other) => return Err(failed(other.error)),
        Ok(_) => {}
    }
    std::fs::File::open(home).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("{what} is not a key"))
}
