use std::str::FromStr;

use cadangkan_archive::CodecKind;
use cadangkan_core::settings::{self, SettingsError};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Checker;
use super::keys::ENCRYPTION;
use crate::config::decode::decode;
use crate::config::node::{Content, Node};
use crate::encryption::{self, EncryptionSettings};
use crate::ui::suggest;

impl Checker<'_> {
    /// Reads those keys of a map that are in `keys`.
    pub(super) fn read_keys<T: DeserializeOwned>(&mut self, node: &Node, keys: &[&str]) -> Option<T> {
        let mut value = node.to_value();
        if let Value::Object(map) = &mut value {
            map.retain(|key, _| keys.contains(&key.as_str()));
        }
        let read: &dyn Fn(&Value) -> Result<T, SettingsError> = &settings::parse;
        decode(node, value, read, &|_| None, self.mistakes)
    }

    /// Checks the codec and its level. `outer` is the codec where this map names none.
    pub(super) fn codec(&mut self, node: &Node, outer: CodecKind) -> CodecKind {
        let named = node.entry("compression").and_then(|entry| Some((&entry.node, entry.node.text()?)));
        let kind = match named.map(|(place, text)| (place, text, CodecKind::from_str(text))) {
            None => outer,
            Some((_, _, Ok(kind))) => kind,
            Some((place, text, Err(error))) => {
                let names = CodecKind::ALL.iter().map(|kind| kind.as_str()).chain(["pgzip"]);
                let near = suggest::nearest(text, names).map(|near| format!("did you mean `{near}`?"));
                let hint = near.or_else(|| error.advice().map(str::to_owned));
                self.mistake_at(place, "`compression` is not one of ours", hint);
                // Whether the level fits cannot be told.
                return outer;
            }
        };
        self.level(node, kind);
        kind
    }

    fn level(&mut self, node: &Node, kind: CodecKind) {
        let Some(entry) = node.entry("level") else { return };
        let Some(level) = entry.node.to_value().as_i64() else { return };
        let levels = kind.levels();
        if i32::try_from(level).is_ok_and(|level| levels.contains(&level)) {
            return;
        }
        let hint = match kind {
            CodecKind::None => "leave `level` out".to_owned(),
            _ => format!("{kind} has the levels {} to {}", levels.start(), levels.end()),
        };
        self.mistake_at(&entry.node, format!("`level` does not fit {kind}"), Some(hint));
    }

    /// Checks that every storage that is named is there.
    pub(super) fn storage_names(&mut self, node: &Node) {
        let Some(entry) = node.entry("storage") else { return };
        let Content::List(items) = &entry.node.content else { return };
        let Some(known) = self.storages.clone() else { return };
        for (index, item) in items.iter().enumerate() {
            let (Some(name), Some(written)) = (item.text(), item.written()) else { continue };
            if items.iter().take(index).any(|earlier| earlier.text() == Some(name)) {
                self.mistake_at(item, format!("the storage `{written}` is named twice"), None);
            } else if !known.iter().any(|known| known == name) {
                let names = known.iter().map(String::as_str);
                let near = suggest::nearest(name, names).map(|near| format!("did you mean `{near}`?"));
                let all = || format!("there is: {}", known.join(", "));
                let hint = near.unwrap_or_else(all);
                self.mistake_at(item, format!("there is no storage `{written}`"), Some(hint));
            }
        }
    }

    /// Reads how backups are encrypted.
    pub(super) fn encryption(&mut self, node: &Node) -> Option<EncryptionSettings> {
        let entry = node.entry(ENCRYPTION).filter(|entry| !entry.node.is_null())?;
        self.settings(entry, encryption::FIELDS, &encryption::check).map(EncryptionSettings)
    }

    /// Checks the template of file names.
    pub(super) fn file_name(&mut self, node: &Node) {
        let Some(entry) = node.entry("file_name") else { return };
        let Some(text) = entry.node.text() else { return };
        if let Err(error) = (self.check_file_name)(text) {
            let hint = error.advice().map(str::to_owned);
            let message = entry.node.hide_filled(format!("`file_name`: {}", error.message()));
            self.mistake_at(&entry.node, message, hint);
        }
    }
}
