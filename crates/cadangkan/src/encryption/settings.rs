use std::fmt;

use cadangkan_archive::{CipherKind, Kdf, PublicKey};
use cadangkan_core::settings::{Field, FieldKind, SettingsError, mistake, parse};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use crate::config::parse_bytes;
use crate::secrets::{keys_of, without_fetching};

const fn field(
    name: &'static str,
    kind: FieldKind,
    default: Option<&'static str>,
    help: &'static str,
) -> Field {
    Field { name, kind, required: false, default, help }
}

/// What can be set under `encryption`.
pub(crate) static FIELDS: &[Field] = &[
    field("enabled", FieldKind::Boolean, Some("true"), "whether backups are encrypted"),
    field("cipher", FieldKind::Text, Some("aes-256-gcm"), "the cipher"),
    PASSPHRASE,
    field(
        "weak_passphrase",
        FieldKind::Boolean,
        Some("false"),
        "take a passphrase of fewer than 12 characters",
    ),
    field(
        "recipients",
        FieldKind::Text,
        None,
        "public keys, age1…: who has the private key can open the backups",
    ),
    field("key_file", FieldKind::Path, None, "a file with a key of 32 bytes, that encrypts and opens"),
    field(
        "identity_file",
        FieldKind::Path,
        None,
        "a file with private keys, to open backups with on this machine",
    ),
    field(
        "kdf",
        FieldKind::Text,
        Some("argon2id"),
        "how a key is made of the passphrase: argon2id or pbkdf2",
    ),
    field("kdf_memory", FieldKind::Text, Some("64MiB"), "memory that argon2id takes"),
    field("kdf_passes", FieldKind::Integer, Some("3"), "passes of argon2id"),
    field("kdf_iterations", FieldKind::Integer, Some("600000"), "rounds of pbkdf2"),
    field("hide_names", FieldKind::Boolean, Some("false"), "hide names of tables in the manifest, too"),
];

/// The passphrase.
pub(crate) const PASSPHRASE: Field =
    field("passphrase", FieldKind::Secret, None, "the passphrase that encrypts and opens backups");

/// What stands under `encryption`, for a database or as the default. Secrets are where they were put: as they are,
/// sealed, in files, or printed by commands.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct EncryptionSettings(pub(crate) Value);

/// `encryption` as it stands in the file.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) enabled: bool,
    cipher: Option<String>,
    pub(super) passphrase: Option<String>,
    pub(super) weak_passphrase: bool,
    pub(super) recipients: Vec<String>,
    pub(super) key_file: Option<String>,
    pub(super) identity_file: Option<String>,
    kdf: Option<String>,
    kdf_memory: Option<String>,
    kdf_passes: Option<u32>,
    kdf_iterations: Option<u32>,
    pub(super) hide_names: bool,
}

impl Default for Raw {
    fn default() -> Self {
        Raw {
            enabled: true,
            cipher: None,
            passphrase: None,
            weak_passphrase: false,
            recipients: Vec::new(),
            key_file: None,
            identity_file: None,
            kdf: None,
            kdf_memory: None,
            kdf_passes: None,
            kdf_iterations: None,
            hide_names: false,
        }
    }
}

impl EncryptionSettings {
    /// Reads the settings, without fetching secrets.
    pub(super) fn raw(&self) -> Result<Raw, SettingsError> {
        read(&without_fetching(FIELDS, &self.0))
    }

    /// Whether backups are encrypted.
    pub(crate) fn is_enabled(&self) -> bool {
        self.raw().is_ok_and(|raw| raw.enabled)
    }

    /// What encrypts, without secrets: `aes-256-gcm, for a passphrase and age1…`.
    pub(crate) fn describe(&self) -> String {
        let Ok(raw) = self.raw() else { return "not readable".to_owned() };
        if !raw.enabled {
            return "none".to_owned();
        }
        let whom = self.opens_with(&raw);
        format!("{}, for {}", raw.cipher().unwrap_or_default(), whom.join(" and "))
    }

    fn opens_with(&self, raw: &Raw) -> Vec<String> {
        let has_passphrase = keys_of(&PASSPHRASE).iter().any(|key| self.0.get(key).is_some());
        let mut whom = Vec::new();
        whom.extend((has_passphrase || raw.names_nobody_else()).then(|| "a passphrase".to_owned()));
        whom.extend(raw.key_file.is_some().then(|| "a key file".to_owned()));
        whom.extend(raw.recipients.iter().cloned());
        whom
    }
}

/// For people and programs that look at what counts: no secret, and no place of one.
impl Serialize for EncryptionSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = match self.raw() {
            Ok(raw) if raw.enabled => {
                json!({ "cipher": raw.cipher().unwrap_or_default().as_str(), "for": self.opens_with(&raw) })
            }
            _ => Value::Null,
        };
        shown.serialize(serializer)
    }
}

/// Without secrets.
impl fmt::Debug for EncryptionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EncryptionSettings").field(&self.describe()).finish()
    }
}

impl Raw {
    /// Whether no public key and no key file is given, so that there has to be a passphrase.
    pub(super) fn names_nobody_else(&self) -> bool {
        self.recipients.is_empty() && self.key_file.is_none()
    }

    pub(super) fn cipher(&self) -> Result<CipherKind, SettingsError> {
        let kind = self.cipher.as_deref().map(str::parse).transpose();
        kind.map(Option::unwrap_or_default).map_err(|error: cadangkan_core::Error| {
            mistake("cipher", &format!("{}; {}", error.message(), error.advice().unwrap_or_default()))
        })
    }

    pub(super) fn public_keys(&self) -> Result<Vec<PublicKey>, SettingsError> {
        let key = |(index, text): (usize, &String)| {
            text.parse().map_err(|error: cadangkan_core::Error| SettingsError {
                path: vec!["recipients".to_owned(), index.to_string()],
                message: error.to_string(),
            })
        };
        self.recipients.iter().enumerate().map(key).collect()
    }

    /// How a key is made of the passphrase.
    pub(super) fn kdf(&self) -> Result<Kdf, SettingsError> {
        let kdf = match self.kdf.as_deref() {
            // `openssl enc` knows no other.
            None if self.cipher()? == CipherKind::OpenSsl => self.pbkdf2(),
            None | Some("argon2id") => {
                let Kdf::Argon2id { memory_kib, passes, lanes } = Kdf::default() else {
                    return Ok(Kdf::default());
                };
                let given = self.kdf_memory.as_deref().map(|text| {
                    parse_bytes(text)
                        .and_then(|bytes| u32::try_from(bytes / 1024).ok())
                        .ok_or_else(|| mistake("kdf_memory", "a size such as 64MiB is needed"))
                });
                let memory_kib = given.transpose()?.unwrap_or(memory_kib);
                Kdf::Argon2id { memory_kib, passes: self.kdf_passes.unwrap_or(passes), lanes }
            }
            Some("pbkdf2") => self.pbkdf2(),
            Some(_) => return Err(mistake("kdf", "argon2id or pbkdf2 is needed")),
        };
        kdf.check().map_err(|error| mistake("kdf", error.message()))?;
        Ok(kdf)
    }

    fn pbkdf2(&self) -> Kdf {
        self.kdf_iterations.map_or(Kdf::PBKDF2, |iterations| Kdf::Pbkdf2Sha256 { iterations })
    }
}

/// Reads settings whose secrets are in their places, or are stood in for.
pub(super) fn read(settings: &Value) -> Result<Raw, SettingsError> {
    parse(settings)
}

/// Says what is wrong with settings.
pub(crate) fn check(settings: &Value) -> Result<(), SettingsError> {
    let raw = read(settings)?;
    raw.cipher()?;
    raw.public_keys()?;
    raw.kdf().map(drop)
}
