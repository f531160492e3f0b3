use std::path::Path;

use cadangkan_archive::{KeyFile, Recipient, Recipients};
use cadangkan_core::settings::SettingsError;
use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_ops::encrypt::Encryption;
use zeroize::Zeroizing;

use super::settings::{EncryptionSettings, FIELDS, Raw, read};
use crate::environment::environment;
use crate::secrets::{Keyring, Owner, PASSPHRASE_VARIABLE, read_file};

/// The fewest characters of a passphrase that is taken without further words.
const SHORTEST: usize = 12;

/// Fetches the secrets and makes what encrypts backups; `None` where they are not to be encrypted.
pub(crate) fn encryption(
    settings: &EncryptionSettings,
    owner: Owner<'_>,
    keyring: &Keyring,
) -> Result<Option<Encryption>> {
    if !settings.is_enabled() {
        // What cannot be read is no wish for backups that anybody can read.
        return settings.raw().map(|_| None).map_err(wrong);
    }
    let raw = read(&keyring.open(owner, FIELDS, &settings.0)?).map_err(wrong)?;
    let mut recipients: Vec<Recipient> =
        raw.public_keys().map_err(wrong)?.into_iter().map(Recipient::PublicKey).collect();
    if let Some(path) = &raw.key_file {
        recipients.push(Recipient::KeyFile(read_key_file(Path::new(path))?));
    }
    if let Some(passphrase) = passphrase(&raw) {
        refuse_weak(&passphrase, raw.weak_passphrase)?;
        recipients.push(Recipient::Passphrase(passphrase, raw.kdf().map_err(wrong)?));
    }
    Ok(Some(Encryption {
        cipher: raw.cipher().map_err(wrong)?,
        recipients: Recipients::new(&recipients)?,
        hide_names: raw.hide_names,
    }))
}

impl EncryptionSettings {
    /// Fetches what opens the backups, each with what it is.
    pub(crate) fn opening_secrets(
        &self,
        owner: Owner<'_>,
        keyring: &Keyring,
    ) -> Result<Vec<(&'static str, Zeroizing<String>)>> {
        let raw = read(&keyring.open(owner, FIELDS, &self.0)?).map_err(wrong)?;
        let mut secrets = Vec::new();
        for (what, path) in [("the private key", &raw.identity_file), ("the key file", &raw.key_file)] {
            if let Some(path) = path {
                secrets.push((what, Zeroizing::new(read_file(Path::new(path))?)));
            }
        }
        secrets.extend(passphrase(&raw).map(|passphrase| ("the passphrase", passphrase)));
        if secrets.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "nothing that opens the backups is on this machine")
                .hint("leave out --with-secrets, and keep the private key with the kit"));
        }
        Ok(secrets)
    }
}

/// The passphrase: the one that is given, or where nobody else is named that of the environment.
fn passphrase(raw: &Raw) -> Option<Zeroizing<String>> {
    let of_environment = || raw.names_nobody_else().then(|| environment(PASSPHRASE_VARIABLE)).flatten();
    let given = raw.passphrase.clone().or_else(of_environment);
    given.filter(|text| !text.is_empty()).map(Zeroizing::new)
}

/// Reads a key that encrypts and opens.
pub(crate) fn read_key_file(path: &Path) -> Result<KeyFile> {
    let text = Zeroizing::new(read_file(path)?);
    text.parse().map_err(|error: Error| error.context("path", path.display()))
}

fn refuse_weak(passphrase: &str, is_allowed: bool) -> Result<()> {
    if is_allowed || passphrase.chars().count() >= SHORTEST {
        return Ok(());
    }
    let message = format!("the passphrase has fewer than {SHORTEST} characters");
    Err(Error::new(ErrorKind::Configuration, message).hint(
        "take a longer one, such as five random words, or a key: `cadangkan key generate`\n`--weak-passphrase`, or `weak_passphrase: true`, takes it all the same",
    ))
}

pub(super) fn wrong(error: SettingsError) -> Error {
    let key = error.path.join(".");
    let message = if key.is_empty() { error.message } else { format!("`{key}`: {}", error.message) };
    Error::new(ErrorKind::Configuration, message).context("in", "encryption")
}
