use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use cadangkan_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::super::header::damaged;
use super::recipients::AGREED;
use super::{DataKey, KEY_BYTES, Kdf, KeyFile, PrivateKey, Wrap, WrapKind, agreement, hidden, stanza};
use crate::limits::MAX_PASSPHRASES;

/// The secrets that somebody has, to open backups with.
#[derive(Default)]
pub struct Identities {
    passphrases: Vec<Zeroizing<String>>,
    private_keys: Vec<PrivateKey>,
    key_files: Vec<KeyFile>,
    /// What passphrases gave before: one that is spent on ten thousand manifests costs once where they share its salt.
    derived: Mutex<HashMap<Derivation, Zeroizing<[u8; KEY_BYTES]>>>,
}

/// Which passphrase, in the order in which they were added; how; the salt.
type Derivation = (usize, Kdf, String);

/// The most keys kept in memory.
const MOST_DERIVED: usize = 1024;

/// The source of a `WrongKey` error: whom the backup is for.
#[derive(Debug)]
pub struct WrongKey(pub Vec<WrapKind>);

impl fmt::Display for WrongKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom: Vec<_> = self.0.iter().map(WrapKind::describe).collect();
        write!(f, "it opens with {}", whom.join(", or with "))
    }
}

impl std::error::Error for WrongKey {}

impl Identities {
    /// Adds a passphrase.
    pub fn add_passphrase(&mut self, passphrase: Zeroizing<String>) {
        self.passphrases.push(passphrase);
    }

    /// Adds what stands in a file of keys: lines of private keys, or one key of 32 bytes; lines that begin with `#`
    /// are remarks, as age-keygen writes them.
    pub fn add_file(&mut self, text: &str) -> Result<()> {
        let lines: Vec<_> =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        if let ([only], Some(Ok(key))) = (lines.as_slice(), lines.first().map(|line| line.parse())) {
            let _ = only;
            self.key_files.push(key);
            return Ok(());
        }
        if lines.is_empty() {
            return Err(Error::new(ErrorKind::Configuration, "no key is in the file"));
        }
        for line in lines {
            self.private_keys.push(line.parse()?);
        }
        Ok(())
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.passphrases.is_empty() && self.private_keys.is_empty() && self.key_files.is_empty()
    }

    /// Opens the first wrap that one of the secrets fits.
    ///
    /// Fails with `WrongKey` when none does, with whom it is for as the cause, and with `DamagedBackup` when there are
    /// more passphrases than 16.
    pub fn unwrap(&self, wraps: &[Wrap]) -> Result<DataKey> {
        // What costs nothing comes first.
        let (passphrases, keys): (Vec<_>, Vec<_>) = wraps.iter().partition(|wrap| wrap.kind.is_passphrase());
        if passphrases.len() > MAX_PASSPHRASES {
            return Err(damaged("the backup is said to open with more passphrases than one can have"));
        }
        for wrap in keys.into_iter().chain(passphrases) {
            if let Some(data_key) = self.open(wrap)? {
                return Ok(data_key);
            }
        }
        let message = match self.is_empty() {
            true => "the backup is encrypted, and no passphrase or key was given",
            false => "the backup is encrypted, and none of the given passphrases and keys opens it",
        };
        let kinds = wraps.iter().map(|wrap| wrap.kind.clone()).collect();
        Err(Error::new(ErrorKind::WrongKey, message).source(WrongKey(kinds)))
    }

    fn open(&self, wrap: &Wrap) -> Result<Option<DataKey>> {
        match &wrap.kind {
            WrapKind::KeyFile { key: id } => {
                let fitting = self.key_files.iter().filter(|key| key.id() == *id);
                first(fitting, |key| wrap.open(&*key.sealing_key()?))
            }
            WrapKind::X25519 { key, ephemeral } => {
                let fitting = self.private_keys.iter().filter(|private| private.public() == *key);
                first(fitting, |private| match agreement::for_private_key(private, ephemeral, AGREED)? {
                    Some(sealing) => wrap.open(&sealing),
                    None => Ok(None),
                })
            }
            WrapKind::AgeX25519 { share } => {
                first(self.private_keys.iter(), |private| stanza::open_x25519(wrap, share, private))
            }
            WrapKind::AgeScrypt { salt, work } => {
                first(self.passphrases.iter(), |text| stanza::open_scrypt(wrap, text, salt, *work))
            }
            WrapKind::Other(_) => Ok(None),
            WrapKind::Passphrase { kdf, salt } => {
                first(self.passphrases.iter().enumerate(), |(number, passphrase)| {
                    wrap.open(&*self.derived(number, passphrase, *kdf, salt)?)
                })
            }
        }
    }

    fn derived(
        &self,
        number: usize,
        passphrase: &str,
        kdf: Kdf,
        salt: &str,
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>> {
        let derivation = (number, kdf, salt.to_owned());
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = derived.get(&derivation) {
            return Ok(key.clone());
        }
        let key = kdf.derive(passphrase, salt)?;
        if derived.len() >= MOST_DERIVED {
            derived.clear();
        }
        derived.insert(derivation, key.clone());
        Ok(key)
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hidden(f, "Identities")
    }
}

fn first<T>(
    candidates: impl Iterator<Item = T>,
    open: impl Fn(T) -> Result<Option<DataKey>>,
) -> Result<Option<DataKey>> {
    for candidate in candidates {
        if let Some(data_key) = open(candidate)? {
            return Ok(Some(data_key));
        }
    }
    Ok(None)
}
