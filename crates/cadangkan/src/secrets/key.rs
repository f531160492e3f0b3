//! The master key, and its file: a key to a line, or where the system's keyring has it, `keyring:` and the key's id.
//!
//! The file names what is in the keyring from before it is put there until after it is gone from there. So whatever stops
//! a change, nothing stays in the keyring that nobody knows of.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cadangkan_core::{Error, ErrorKind, Result, ResultExt};
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::{KEY_VARIABLE, private, system};

/// Begins the line of a key that the keyring has.
const IN_KEYRING: &str = "keyring:";

/// Where the master key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// The keyring of the system: the Secret Service on Linux, the Keychain on macOS
    Keyring,
    /// The file master.key
    File,
}

/// A key of AES-256, and where it is kept. Never shown.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) bytes: Zeroizing<[u8; 32]>,
    pub(super) place: Place,
}

impl Key {
    /// A new key.
    pub(super) fn random() -> Result<Key> {
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new()
            .fill(bytes.as_mut())
            .map_err(|_| Error::new(ErrorKind::Internal, "the system gives no random numbers"))?;
        Ok(Key { bytes, place: Place::File })
    }

    /// Reads what a person gave, in base64 or hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Key> {
        let text = text.trim();
        let bytes = if text.len() == 64 { from_hex(text)? } else { STANDARD.decode(text).ok()? };
        let bytes = Zeroizing::new(bytes).as_slice().try_into().ok().map(Zeroizing::new)?;
        Some(Key { bytes, place: Place::File })
    }

    /// The same key elsewhere.
    pub(super) fn in_place(&self, place: Place) -> Key {
        Key { bytes: self.bytes.clone(), place }
    }

    /// A short name for the key, that tells nothing of it: the begin of a hash.
    pub(super) fn id(&self) -> String {
        let mut context = Context::new(&SHA256);
        context.update(b"cadangkan master key id\0");
        context.update(self.bytes.as_slice());
        context.finish().as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Puts it into the keyring, and reads it back.
    pub(super) fn store(&self) -> Result<()> {
        system::store(&account(&self.id()), &self.text())
    }

    /// Fails where the keyring is of no use.
    pub(super) fn look_into_keyring(&self) -> Result<()> {
        match system::lookup(&account(&self.id())) {
            // There is nothing in it yet, or what a change that was stopped left: that is put right.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Configuration) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Takes it out of the keyring, if it is there.
    pub(super) fn clear(&self) -> Result<()> {
        system::clear(&account(&self.id()))
    }

    fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.bytes.as_slice()))
    }

    fn line(&self) -> Zeroizing<String> {
        match self.place {
            Place::File => self.text(),
            Place::Keyring => Zeroizing::new(format!("{IN_KEYRING}{}", self.id())),
        }
    }

    /// Reads a line of the file.
    fn of_line(line: &str) -> Result<Key> {
        let Some(id) = line.trim().strip_prefix(IN_KEYRING) else {
            return Key::parse(line)
                .ok_or_else(|| wrong("what is in the file").hint("bring it back from a backup"));
        };
        let text = Zeroizing::new(system::lookup(&account(id)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(ErrorKind::NotFound, "the master key is not in the keyring")
                .context("keyring", account(id))
                .hint(format!("it is in that of the person who moved it there, on that machine; or put a copy of it into {KEY_VARIABLE}")),
            _ => error,
        })?);
        let key = Key::parse(&text).filter(|key| key.id() == id).map(|key| key.in_place(Place::Keyring));
        key.ok_or_else(|| wrong("what is in the keyring").context("keyring", account(id)))
    }
}

/// The name of a key in the keyring.
fn account(id: &str) -> String {
    format!("master-key-{id}")
}

/// Reads the keys that are there: the first one seals, each of them opens. The file has more than one while the key is
/// rotated, and one to a line.
pub(super) fn read(file: &Path, variable: Option<&str>) -> Result<Vec<Key>> {
    if let Some(text) = variable {
        let key = Key::parse(text)
            .ok_or_else(|| wrong(KEY_VARIABLE).hint("write 32 bytes as base64, or as 64 hexadecimal digits"));
        return Ok(vec![key?]);
    }
    let (mut text, mut known) = (text(file)?, Zeroizing::default());
    loop {
        match keys(&text) {
            // It may have been moved out of the keyring meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound && text != known => {
                known = std::mem::replace(&mut text, self::text(file)?);
            }
            keys => return keys.context("path", file.display()),
        }
    }
}

fn text(file: &Path) -> Result<Zeroizing<String>> {
    match private::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Zeroizing::default()),
        text => text.map(Zeroizing::new),
    }
}

fn keys(text: &str) -> Result<Vec<Key>> {
    let mut keys = Vec::new();
    for line in text.lines() {
        match Key::of_line(line) {
            Ok(key) => keys.push(key),
            // One that is not whole in the keyring yet, or not there any more, stands behind the one that counts.
            Err(_) if line.starts_with(IN_KEYRING) && !keys.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(keys)
}

/// Takes out of the keyring what the file names there and is none of the keys: what a change that was stopped left.
pub(super) fn clear_unfinished(file: &Path, keys: &[Key]) -> Result<()> {
    let text = text(file)?;
    let mut named = text.lines().filter_map(|line| line.strip_prefix(IN_KEYRING));
    let is_read = |id: &str| keys.iter().any(|key| key.place == Place::Keyring && key.id() == id);
    named.try_for_each(|id| match is_read(id) {
        true => Ok(()),
        false => system::clear(&account(id)),
    })
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

/// Reads hexadecimal digits.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
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
    // A change that goes on where one was stopped has some of them twice.
    let mut lines: Vec<Zeroizing<String>> = Vec::new();
    for line in keys.iter().map(|key| key.line()) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let mut text = Zeroizing::new(String::with_capacity(lines.len() * 64));
    lines.iter().for_each(|line| text.extend([line.as_str(), "\n"]));
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
