use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cadangkan_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::super::cbc::Password;
use super::super::data_key::random;
use super::{DataKey, KEY_BYTES, Kdf, KeyFile, PublicKey, Wrap, WrapKind, agreement, hidden, stanza};
use crate::limits::MAX_PASSPHRASES;

/// What keys that are agreed on are for, in our own wraps.
pub(super) const AGREED: &str = "cadangkan x25519";

/// OpenSSL reads a passphrase into 1024 bytes.
const LONGEST_OF_OPENSSL: usize = 1000;

/// Somebody who may open a backup.
#[derive(Clone)]
pub enum Recipient {
    /// Who knows a passphrase.
    Passphrase(Zeroizing<String>, Kdf),
    /// Who has the private key to a public one.
    PublicKey(PublicKey),
    /// Who has a key file.
    KeyFile(KeyFile),
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recipient::PublicKey(key) => fmt::Debug::fmt(key, f),
            Recipient::Passphrase(..) => hidden(f, "Passphrase"),
            Recipient::KeyFile(key) => fmt::Debug::fmt(key, f),
        }
    }
}

/// Everybody who may open the backups of one run. What a passphrase costs is spent once, when it is first needed.
#[derive(Clone, Debug)]
pub struct Recipients(Vec<Prepared>);

#[derive(Clone)]
enum Prepared {
    Passphrase { passphrase: Zeroizing<String>, kdf: Kdf, salt: String, key: Derived },
    Public(PublicKey),
    KeyFile(KeyFile),
}

/// The key that was made of a passphrase, once it was; clones share it.
type Derived = Arc<Mutex<Option<Zeroizing<[u8; KEY_BYTES]>>>>;

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Prepared::Passphrase { .. } => hidden(f, "Passphrase"),
            Prepared::Public(key) => fmt::Debug::fmt(key, f),
            Prepared::KeyFile(key) => fmt::Debug::fmt(key, f),
        }
    }
}

impl Recipients {
    /// Prepares the recipients.
    ///
    /// Fails with `Configuration` when there is none, there are more passphrases than 16, or a cost of one is
    /// out of bounds.
    pub fn new(recipients: &[Recipient]) -> Result<Self> {
        if recipients.is_empty() {
            return Err(Error::new(ErrorKind::Configuration, "nobody could open the backup again")
                .hint("give a passphrase, a public key or a key file under `encryption:`"));
        }
        let passphrases = recipients.iter().filter(|one| matches!(one, Recipient::Passphrase(..)));
        check_number(passphrases.count())?;
        recipients.iter().map(prepare).collect::<Result<_>>().map(Recipients)
    }

    /// Wraps a data key for each of them.
    pub fn wrap(&self, data_key: &DataKey) -> Result<Vec<Wrap>> {
        let wrap = |prepared: &Prepared| match prepared {
            Prepared::Passphrase { passphrase, kdf, salt, key } => {
                let mut key = key.lock().unwrap_or_else(PoisonError::into_inner);
                let derived = key.take().map_or_else(|| kdf.derive(passphrase, salt), Ok)?;
                let kind = WrapKind::Passphrase { kdf: *kdf, salt: salt.clone() };
                Wrap::make(kind, key.insert(derived), data_key)
            }
            Prepared::Public(key) => wrap_for(key, data_key),
            Prepared::KeyFile(key) => {
                Wrap::make(WrapKind::KeyFile { key: key.id() }, &*key.sealing_key()?, data_key)
            }
        };
        self.0.iter().map(wrap).collect()
    }

    /// Wraps a data key for each of them beside those who may open it already.
    ///
    /// Fails with `Configuration` when these are more passphrases than 16, all together.
    pub fn wrap_beside(&self, others: Vec<Wrap>, data_key: &DataKey) -> Result<Vec<Wrap>> {
        let all = [others, self.wrap(data_key)?].concat();
        check_number(all.iter().filter(|wrap| wrap.kind.is_passphrase()).count())?;
        Ok(all)
    }

    /// Wraps a data key as age does, in the header of a file.
    ///
    /// Fails with `Configuration` where age cannot: it knows no key files, and a passphrase stands alone.
    pub(in crate::cipher) fn stanzas(&self, data_key: &DataKey) -> Result<Vec<Wrap>> {
        let refused = |message: &str, hint: &str| {
            Err(Error::new(ErrorKind::Configuration, message).hint(hint.to_owned()))
        };
        let stanza = |prepared: &Prepared| match prepared {
            Prepared::Passphrase { .. } if self.0.len() > 1 => refused(
                "a file of age has one passphrase, and then no other recipient",
                "take the passphrase or the public keys, or the cipher aes-256-gcm",
            ),
            Prepared::Passphrase { passphrase, .. } => stanza::for_passphrase(passphrase, data_key),
            Prepared::Public(key) => stanza::for_public_key(key, data_key),
            Prepared::KeyFile(_) => refused(
                "age knows no key files",
                "take a key pair, `cadangkan key generate`, or the cipher aes-256-gcm",
            ),
        };
        self.0.iter().map(stanza).collect()
    }

    /// The one passphrase that OpenSSL is to take.
    ///
    /// Fails with `Configuration` where it cannot: it knows neither keys nor other ways to make one of a passphrase.
    pub(in crate::cipher) fn password(&self) -> Result<Password> {
        let refused = |message: &str, hint: &str| {
            Err(Error::new(ErrorKind::Configuration, message).hint(hint.to_owned()))
        };
        let [Prepared::Passphrase { passphrase, kdf, .. }] = self.0.as_slice() else {
            return refused(
                "`openssl enc` opens a file with one passphrase, and knows no public keys and no key files",
                "take one passphrase, or the cipher aes-256-gcm, or age",
            );
        };
        let Kdf::Pbkdf2Sha256 { iterations } = *kdf else {
            return refused(
                "`openssl enc` makes a key of a passphrase by PBKDF2 alone",
                "leave out `kdf`, or set it to pbkdf2",
            );
        };
        if passphrase.len() > LONGEST_OF_OPENSSL || passphrase.contains(['\n', '\r', '\0']) {
            return refused(
                "`openssl enc` takes a passphrase of one line, of 1000 bytes at most",
                "take another passphrase, or the cipher aes-256-gcm",
            );
        }
        Ok(Password { passphrase: passphrase.clone(), iterations })
    }

    /// Tells whether each of them has one of these wraps. A passphrase costs what it costs to open each of its wraps.
    pub fn are_among(&self, wraps: &[Wrap]) -> Result<bool> {
        for prepared in &self.0 {
            let mut found = false;
            for wrap in wraps {
                found |= prepared.fits(wrap)?;
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells whether wraps are for these, for each of them and nobody else.
    pub fn are_those_of(&self, wraps: &[Wrap]) -> Result<bool> {
        Ok(self.0.len() == wraps.len() && self.are_among(wraps)?)
    }

    /// Tells whether a wrap is for one of these.
    pub fn have(&self, wrap: &Wrap) -> Result<bool> {
        for prepared in &self.0 {
            if prepared.fits(wrap)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Prepared {
    fn fits(&self, wrap: &Wrap) -> Result<bool> {
        Ok(match (self, &wrap.kind) {
            (Prepared::Public(own), WrapKind::X25519 { key, .. }) => own == key,
            (Prepared::KeyFile(own), WrapKind::KeyFile { key }) => own.id() == *key,
            (Prepared::Passphrase { passphrase, kdf: own, .. }, WrapKind::Passphrase { kdf, salt }) => {
                own == kdf && wrap.open(&*kdf.derive(passphrase, salt)?)?.is_some()
            }
            _ => false,
        })
    }
}

fn check_number(passphrases: usize) -> Result<()> {
    if passphrases <= MAX_PASSPHRASES {
        return Ok(());
    }
    let message = format!("a backup opens with {MAX_PASSPHRASES} passphrases at most");
    Err(Error::new(ErrorKind::Configuration, message).hint("take public keys, of which there may be many"))
}

fn prepare(recipient: &Recipient) -> Result<Prepared> {
    Ok(match recipient {
        Recipient::Passphrase(passphrase, kdf) => {
            kdf.check()?;
            let key = Derived::default();
            Prepared::Passphrase { passphrase: passphrase.clone(), kdf: *kdf, salt: salt()?, key }
        }
        Recipient::PublicKey(key) => Prepared::Public(*key),
        Recipient::KeyFile(file) => Prepared::KeyFile(file.clone()),
    })
}

fn wrap_for(key: &PublicKey, data_key: &DataKey) -> Result<Wrap> {
    let (ephemeral, sealing) = agreement::for_public_key(key, AGREED)?;
    Wrap::make(WrapKind::X25519 { key: *key, ephemeral }, &sealing, data_key)
}

/// 22 letters and digits, that hold 128 random bits.
fn salt() -> Result<String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bytes: [u8; 22] = random()?;
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 64)).copied().map_or('A', char::from);
    Ok(bytes.iter().map(letter).collect())
}
