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
pub(super) fn read(file: &Path, variable: Option<&str>) -> Result<Vec<Key>> {
    if let Some(text) = variable {
        let key = Key::parse(text)
            .ok_or_else(|| wrong(KEY_VARIABLE).hint("write 32 bytes as base64, or as 64 hexadecimal digits"));
        return Ok(vec![key?]);
    }
    match private::read(file) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            let keys: Option<Vec<Key>> = text.lines().map(Key::parse).collect();
            keys.ok_or_else(|| {
                wrong("what is in the file")
                    .context("path", file.display())
                    .hint("bring it back from a backup")
            })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Reads the keys, and makes one where there is none.
pub(super) fn read_or_make(file: &Path, variable: Option<&str>) -> Result<Vec<Key>> {
    let keys = read(file, variable)?;
    if !keys.is_empty() {
        return Ok(keys);
    }
    make(file)?;
    // Another process may have made it first: then that one is the key.
    read(file, variable)
}

/// Puts keys in the place of those in the file: whole and on the disk before they have its name.
pub(super) fn replace(file: &Path, keys: &[&Key]) -> Result<()> {
    write(file, keys)?.persist(file).map_err(|lost| failed(file, lost.error))?;
    keep(file)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| pair.iter().try_fold(0_u8, |sum, byte| Some(sum * 16 + digit(byte)?));
    text.as_bytes().chunks(2).map(pair).collect()
}

/// Makes a key that is whole and on the disk before it has its name.
fn make(file: &Path) -> Result<()> {
    match write(file, &[&Key::random()?])?.persist_noclobber(file) {
        Err(lost) if lost.error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(other) => return Err(failed(file, other.error)),
        Ok(_) => {}
    }
    keep(file)
}

/// Made with O_EXCL and mode 0600, under another name in the same folder.
fn write(file: &Path, keys: &[&Key]) -> Result<NamedTempFile> {
    let failed = |error| failed(file, error);
    let mut made =
        tempfile::Builder::new().prefix(".master-key-").tempfile_in(folder_of(file)).map_err(failed)?;
    let lines = keys.iter().map(|key| STANDARD.encode(key.0.as_slice()) + "\n");
    let text = Zeroizing::new(lines.collect::<String>());
    made.write_all(text.as_bytes()).map_err(failed)?;
    made.as_file().sync_all().map_err(failed)?;
    Ok(made)
}

fn keep(file: &Path) -> Result<()> {
    File::open(folder_of(file)).and_then(|folder| folder.sync_all()).map_err(|error| failed(file, error))
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

fn failed(file: &Path, error: std::io::Error) -> Error {
    Error::io("cannot write the master key", error).context("path", file.display())
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("{what} is not a key"))
}
