//! Secrets: where they come from, and how the catalog keeps them.
//!
//! For a field `password`, settings hold the secret itself (the file, with a variable filled in), `password_file`,
//! `password_command`, `password_keyring`, or, in the catalog, the sealed secret: `{"sealed": "v1:…"}`. It is fetched
//! when something connects, and not before.

mod cut_out;
mod key;
mod private;
mod program;
mod relocate;
mod rotate;
mod seal;
mod system;

pub(crate) use cut_out::cut_out;
pub(crate) use key::Place;
pub(crate) use private::read as read_file;
pub(crate) use rotate::Rotation;

use std::fs::File;
use std::path::{Path, PathBuf};

use cadangkan_core::settings::{Field, FieldKind};
use cadangkan_core::{Error, ErrorKind, Name, Result, ResultExt};
use serde_json::{Value, json};

use crate::config::ENCRYPTION;
use crate::encryption;
use crate::environment::environment;
use key::Key;

/// The most bytes that a secret may have.
pub(crate) const LONGEST: usize = 64 * 1024;

/// The variable that holds the key, where no file does.
pub(crate) const KEY_VARIABLE: &str = "CADANGKAN_MASTER_KEY";

/// The variable that names the file with the key, where it is not that of the home folder.
const KEY_FILE_VARIABLE: &str = "CADANGKAN_MASTER_KEY_FILE";

/// The variable with the passphrase of backups, where no other one is given.
pub(crate) const PASSPHRASE_VARIABLE: &str = "CADANGKAN_PASSPHRASE";

/// Ends the key of the file that a secret is read from.
const FILE: &str = "_file";
/// Ends the key of the command that prints a secret.
const COMMAND: &str = "_command";
/// Ends the key of the name under which the system's keyring has a secret.
const KEYRING: &str = "_keyring";
/// The key under which a sealed secret stands.
const SEALED: &str = "sealed";

/// Whose secret it is. One that was sealed opens for nobody else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    kind: &'static str,
    name: &'a Name,
}

impl<'a> Owner<'a> {
    /// A database.
    pub(crate) fn database(name: &'a Name) -> Self {
        Owner { kind: "database", name }
    }

    /// A channel for notifications.
    pub(crate) fn channel(name: &'a Name) -> Self {
        Owner { kind: "channel", name }
    }

    /// A storage.
    pub(crate) fn storage(name: &'a Name) -> Self {
        Owner { kind: "storage", name }
    }

    /// The command that gives it a secret again.
    fn given_again(self, field: &str) -> String {
        match self.kind {
            "storage" => format!("`cadangkan storage edit {} --secret {field}`", self.name),
            _ => format!("`cadangkan edit {} --{}-stdin`", self.name, field.replace('_', "-")),
        }
    }
}

/// Seals and opens secrets with the master key: that of the variable, else that of the file, `master.key` in the home
/// folder unless another variable names it, which is made when the first secret is sealed.
#[derive(Clone, Default)]
pub(crate) struct Keyring {
    home: PathBuf,
    key_file: PathBuf,
    variable: Option<String>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Keyring {
    /// The keyring of a home folder.
    pub(crate) fn of(home: &Path) -> Self {
        let set = |name| environment(name).filter(|text| !text.is_empty());
        let key_file = set(KEY_FILE_VARIABLE).map_or_else(|| home.join("master.key"), PathBuf::from);
        Keyring { home: home.to_owned(), key_file, variable: set(KEY_VARIABLE) }
    }

    fn keys(&self) -> Result<Vec<Key>> {
        key::read(&self.key_file, self.variable.as_deref())
    }

    /// Puts every secret in its place: opens sealed ones, reads files, runs commands, asks the system's keyring.
    ///
    /// Fails with `Configuration` when the key is missing or another one, and with what files, commands and the keyring
    /// fail with.
    pub(crate) fn open(&self, owner: Owner<'_>, fields: &[Field], settings: &Value) -> Result<Value> {
        let mut opened = settings.clone();
        let Value::Object(map) = &mut opened else { return Ok(opened) };
        for field in secret_fields(fields) {
            let mut take = |end| match map.shift_remove(&format!("{}{end}", field.name)) {
                Some(Value::String(text)) => Some(text),
                _ => None,
            };
            let elsewhere = (take(FILE), take(COMMAND), take(KEYRING));
            let secret = match (sealed(map.get(field.name)), elsewhere) {
                (Some(sealed), _) => {
                    self.keys().and_then(|keys| seal::open(sealed, owner, field.name, &keys))
                }
                (None, (Some(path), ..)) => private::read(Path::new(&path)).context("of", field.name),
                (None, (_, Some(command), _)) => program::fetch(&command).context("of", field.name),
                (None, (.., Some(account))) => system::lookup(&account).context("of", field.name),
                (None, _) => continue,
            };
            let secret = secret.context(owner.kind, owner.name)?;
            map.insert(field.name.to_owned(), Value::from(secret));
        }
        Ok(opened)
    }

    /// Seals every secret of a definition: of the settings that stand under the word of its engine or provider, and of its
    /// encryption. The key is not rotated before the definition is saved and dropped.
    pub(crate) fn seal_definition(
        &self,
        owner: Owner<'_>,
        id: &str,
        fields: &[Field],
        mut definition: Value,
    ) -> Result<SealedDefinition> {
        let held = rotate::hold(&self.home, File::try_lock_shared)?;
        for (key, fields) in [(id, fields), (ENCRYPTION, encryption::FIELDS)] {
            if let Some(settings) = definition.get_mut(key) {
                *settings = self.seal(owner, fields, settings)?;
            }
        }
        Ok(SealedDefinition { definition, _held: held })
    }

    /// Seals every secret that stands there as plain text.
    pub(crate) fn seal(&self, owner: Owner<'_>, fields: &[Field], settings: &Value) -> Result<Value> {
        let mut kept = settings.clone();
        for field in secret_fields(fields) {
            let Some(slot) = kept.get_mut(field.name) else { continue };
            let Some(plain) = slot.as_str() else {
                self.refuse_rotated(slot, field)?;
                continue;
            };
            let keys = key::read_or_make(&self.key_file, self.variable.as_deref())?;
            let missing = || Error::new(ErrorKind::Internal, "the new master key is not there");
            let key = keys.first().ok_or_else(missing)?;
            *slot = json!({ SEALED: seal::seal_and_open(plain, owner, field.name, key)? });
        }
        Ok(kept)
    }
}

impl Keyring {
    /// What was sealed before the key was rotated, and is saved after it, would open no more.
    fn refuse_rotated(&self, slot: &Value, field: &Field) -> Result<()> {
        let Some(id) = sealed(Some(slot)).and_then(seal::key_id) else { return Ok(()) };
        let keys = self.keys()?;
        if keys.is_empty() || keys.iter().any(|key| key.id() == id) {
            return Ok(());
        }
        let message = format!("the {} is sealed with a key that is not the master key any more", field.name);
        Err(Error::new(ErrorKind::Conflict, message).hint("nothing was saved; do the same once more"))
    }
}

/// A definition whose secrets are sealed. The key is not rotated as long as it lives.
pub(crate) struct SealedDefinition {
    /// To be saved.
    pub(crate) definition: Value,
    _held: File,
}

/// The fields that hold secrets.
pub(crate) fn secret_fields(fields: &[Field]) -> impl Iterator<Item = &Field> {
    fields.iter().filter(|field| field.kind == FieldKind::Secret)
}

/// The keys that stand for a field: its own, and where a secret may come from instead.
pub(crate) fn keys_of(field: &Field) -> Vec<String> {
    let own = field.name.to_owned();
    match field.kind {
        FieldKind::Secret => {
            let elsewhere = [FILE, COMMAND, KEYRING].map(|end| format!("{}{end}", field.name));
            std::iter::once(own).chain(elsewhere).collect()
        }
        _ => vec![own],
    }
}

/// The key of the file that a secret is read from.
pub(crate) fn file_key(field: &Field) -> String {
    format!("{}{FILE}", field.name)
}

/// Puts something harmless in the place of each secret, so that the rest of the settings can be looked at without
/// fetching any.
pub(crate) fn without_fetching(fields: &[Field], settings: &Value) -> Value {
    let mut shown = settings.clone();
    let Value::Object(map) = &mut shown else { return shown };
    for field in secret_fields(fields) {
        let sources = keys_of(field).into_iter().skip(1);
        let elsewhere = sources.filter(|key| map.shift_remove(key).is_some()).count() > 0;
        if elsewhere || sealed(map.get(field.name)).is_some() {
            map.insert(field.name.to_owned(), Value::from("x"));
        }
    }
    shown
}

/// The sealed secret, when a value is one.
pub(crate) fn sealed(value: Option<&Value>) -> Option<&str> {
    let map = value?.as_object().filter(|map| map.len() == 1)?;
    map.get(SEALED)?.as_str()
}

/// Takes one line break off the end, as editors and `echo` put there, and refuses what can be no secret.
fn trimmed(bytes: Vec<u8>) -> Result<String> {
    if bytes.len() > LONGEST {
        return Err(wrong("is longer than 64 KiB"));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8 text"))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    match (text.is_empty(), text.contains('\0')) {
        (true, _) => Err(wrong("is empty")),
        (_, true) => Err(wrong("has a zero byte in it")),
        _ => Ok(text),
    }
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("the secret {what}"))
}

/// Reads a secret to its end from the standard input or a pipe.
pub(crate) fn read_from(input: impl std::io::Read) -> Result<String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let limit = LONGEST as u64 + 1;
    input.take(limit).read_to_end(&mut bytes).map_err(|error| Error::io("cannot read the secret", error))?;
    trimmed(bytes)
}

#[cfg(test)]
mod tests;
