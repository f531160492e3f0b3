use std::path::PathBuf;

use cadangkan_archive::{CipherKind, PublicKey};
use cadangkan_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

use super::EncryptionSettings;
use crate::app::{App, Session};
use crate::environment::environment;
use crate::secrets::PASSPHRASE_VARIABLE;

/// What opens an encrypted backup, besides what is configured for its database.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Encryption")]
pub(crate) struct KeyFlags {
    /// A file with the passphrase of an encrypted backup [default: as configured, CADANGKAN_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// A file with the key of an encrypted backup: a private key, or 32 bytes as base64; may be given more than once
    #[arg(long, value_name = "FILE")]
    key_file: Vec<PathBuf>,
}

impl KeyFlags {
    /// Lends what they name to a session, and what the environment has.
    pub(crate) fn lend(&self, session: &Session) -> Result<()> {
        self.passphrase_file.iter().try_for_each(|path| session.keys.lend_passphrase_of(path))?;
        self.key_file.iter().try_for_each(|path| session.keys.lend_file(path))
    }
}

/// How a backup is encrypted, this once.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(
    next_help_heading = "Encryption",
    group = clap::ArgGroup::new("encrypts").multiple(true).args(["encrypt", "passphrase_file", "recipient", "key_file"])
)]
pub(crate) struct EncryptFlags {
    /// Encrypt with a passphrase: that of --passphrase-file, of CADANGKAN_PASSPHRASE, or one that is asked for
    #[arg(long)]
    encrypt: bool,
    /// Encrypt with the passphrase in this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Take a passphrase of fewer than 12 characters
    #[arg(long, requires = "encrypts")]
    weak_passphrase: bool,
    /// Encrypt for who has the private key to this public one: age1…; may be given more than once
    #[arg(long, value_name = "KEY")]
    recipient: Vec<PublicKey>,
    /// Encrypt with the key of 32 bytes in this file
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The cipher: aes-256-gcm; or age or openssl, whose own tools open it [default: aes-256-gcm]
    #[arg(long, value_name = "NAME", requires = "encrypts")]
    cipher: Option<String>,
    /// Hide names of tables in the manifest, too
    #[arg(long, requires = "encrypts")]
    hide_names: bool,
    /// Do not encrypt, whatever is configured
    #[arg(long, conflicts_with = "encrypts")]
    no_encrypt: bool,
}

impl EncryptFlags {
    /// The settings that take the place of what is configured; `None` where nothing was said.
    pub(crate) fn settings(&self, app: &App) -> Result<Option<EncryptionSettings>> {
        if self.no_encrypt {
            return Ok(Some(EncryptionSettings(json!({ "enabled": false }))));
        }
        let names_somebody =
            self.passphrase_file.is_some() || !self.recipient.is_empty() || self.key_file.is_some();
        if !self.encrypt && !names_somebody {
            return Ok(None);
        }
        let mut map = Map::new();
        if let Some(cipher) = &self.cipher {
            cipher.parse::<CipherKind>()?;
            map.insert("cipher".to_owned(), Value::from(cipher.as_str()));
        }
        if !self.recipient.is_empty() {
            let keys: Vec<_> = self.recipient.iter().map(ToString::to_string).collect();
            map.insert("recipients".to_owned(), json!(keys));
        }
        if let Some(path) = &self.passphrase_file {
            map.insert("passphrase_file".to_owned(), Value::from(path.display().to_string()));
        } else if self.encrypt && environment(PASSPHRASE_VARIABLE).is_none_or(|text| text.is_empty()) {
            map.insert("passphrase".to_owned(), Value::from(ask_twice(app)?));
        }
        if let Some(path) = &self.key_file {
            map.insert("key_file".to_owned(), Value::from(path.display().to_string()));
        }
        map.insert("weak_passphrase".to_owned(), Value::from(self.weak_passphrase));
        map.insert("hide_names".to_owned(), Value::from(self.hide_names));
        app.absolute_paths(super::FIELDS, Value::Object(map)).map(|value| Some(EncryptionSettings(value)))
    }
}

fn ask_twice(app: &App) -> Result<String> {
    if !app.process.can_ask {
        return Err(Error::new(ErrorKind::Usage, "there is no passphrase to encrypt with")
            .hint("give it in CADANGKAN_PASSPHRASE or with --passphrase-file, or configure `encryption:`"));
    }
    app.with_prompter(|prompter| {
        let first = prompter.ask_hidden("The passphrase for this backup")?;
        let again = prompter.ask_hidden("The same again")?;
        if first == again {
            return Ok(first);
        }
        Err(Error::new(ErrorKind::Usage, "the two passphrases differ")
            .hint("nothing was backed up; try again"))
    })
}
