use cadangkan_core::Name;
use cadangkan_core::settings::{Field, FieldKind, SettingsError};
use serde_json::Value;

use super::{Checker, keys};
use crate::config::decode::decode;
use crate::config::limits::{LowSpace, StorageLimits};
use crate::config::mistake::Mistake;
use crate::config::model::DeclaredStorage;
use crate::config::node::{Entry, Node};
use crate::config::place::resolve_path;
use crate::config::size::parse_bytes;
use crate::{registry, secrets};

/// The least that a storage may be limited to: slower ones could not be stopped within seconds.
const LEAST_BANDWIDTH: u64 = 100_000;

impl Checker<'_> {
    /// Reads one storage.
    pub(super) fn storage(&mut self, entry: &Entry) -> Option<DeclaredStorage> {
        let node = &entry.node;
        if !self.expect_map(node, &format!("the storage `{}`", entry.key)) {
            return None;
        }
        let ids: Vec<&str> = registry::STORAGES.iter().map(|provider| provider.id).collect();
        let (chosen, id) = self.choose(entry, "storage", &ids, keys::STORAGE_KEYS)?;
        let provider = registry::storage(id)?;
        let enabled = self.enabled(node);
        let limits = self.limits(node);
        let settings = self.settings(chosen, provider.fields, &|value| (provider.open)(value).map(drop));
        Some(DeclaredStorage {
            name: Name::new(entry.key.as_str()).ok()?,
            line: entry.position.line,
            provider,
            settings: settings?,
            limits,
            enabled,
        })
    }

    /// Reads how fast and how large a storage may be.
    fn limits(&mut self, node: &Node) -> StorageLimits {
        let bytes = |value: &Value| value.as_u64().or_else(|| parse_bytes(value.as_str()?));
        let low = |value: &Value| match value.as_u64() {
            Some(bytes) => Some(LowSpace::Bytes(bytes)),
            None => LowSpace::parse(value.as_str()?),
        };
        StorageLimits {
            bandwidth: self.limit(
                node,
                keys::BANDWIDTH,
                "what may pass in a second, such as 10MB; at least 100kB",
                |value| bytes(value).filter(|bytes| *bytes >= LEAST_BANDWIDTH),
            ),
            capacity: self.limit(
                node,
                keys::CAPACITY,
                "what backups may take there, such as 100GB",
                |value| bytes(value).filter(|bytes| *bytes > 0),
            ),
            low_space: self.limit(
                node,
                keys::LOW_SPACE,
                "a part of it, such as 10%, or a size, such as 20GB",
                low,
            ),
        }
    }

    /// Reads what is to stand at a key; names what cannot.
    pub(super) fn limit<T>(
        &mut self,
        node: &Node,
        key: &str,
        hint: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let entry = node.entry(key).filter(|entry| !entry.node.is_null())?;
        let usable = read(&entry.node.to_value());
        if usable.is_none() {
            let message = format!("`{key}` is not a usable limit");
            self.mistake_at(&entry.node, message, Some(format!("write {hint}")));
        }
        usable
    }

    /// Finds the one key of a map that says which engine or provider it is, and names keys that are unknown.
    pub(super) fn choose<'n>(
        &mut self,
        entry: &'n Entry,
        what: &str,
        ids: &[&'static str],
        keys: &[&str],
    ) -> Option<(&'n Entry, &'static str)> {
        let named = &entry.key;
        let meant = self.known_keys(&entry.node, keys, ids);
        let id_of = |entry: &Entry| ids.iter().copied().find(|id| *id == entry.key);
        let mut chosen = entry.node.entries().iter().filter_map(|entry| Some((entry, id_of(entry)?)));
        let first = chosen.next();
        for (other, _) in chosen {
            let message = format!("the {what} `{named}` has a second kind, `{}`", other.key);
            self.mistakes.push(Mistake::new(other.position, message).hint("keep one of them"));
        }
        // When the kind is only misspelt, that was said.
        if first.is_none() && !ids.iter().any(|id| meant.contains(id)) {
            let message = format!("the {what} `{named}` does not say what kind it is");
            let hint = format!("add one of: {}", ids.join(", "));
            self.mistakes.push(Mistake::new(entry.position, message).hint(hint));
        }
        first
    }

    /// Reads `enabled`, which is true when it is not given.
    pub(super) fn enabled(&mut self, node: &Node) -> bool {
        #[derive(serde::Deserialize)]
        struct Raw {
            #[serde(default = "yes")]
            enabled: bool,
        }
        fn yes() -> bool {
            true
        }
        self.read_keys::<Raw>(node, &[keys::ENABLED]).is_none_or(|raw| raw.enabled)
    }

    /// Reads the settings of an engine or provider, and makes paths absolute. `open` says what else is wrong.
    pub(super) fn settings(
        &mut self,
        entry: &Entry,
        fields: &[Field],
        open: &dyn Fn(&Value) -> Result<(), SettingsError>,
    ) -> Option<Value> {
        let node = &entry.node;
        if !node.is_null() && !self.expect_map(node, &format!("`{}`", entry.key)) {
            return None;
        }
        let known: Vec<String> = fields.iter().flat_map(secrets::keys_of).collect();
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        let meant = self.known_keys(node, &names, &[]);
        secrets::secret_fields(fields).for_each(|field| self.secret(node, field));
        let mut value = node.to_value();
        if value.is_null() {
            value = Value::Object(serde_json::Map::new());
        }
        if let Value::Object(map) = &mut value {
            map.retain(|key, _| names.contains(&key.as_str()));
        }
        let mut missing = Vec::new();
        let given = |field: &Field| secrets::keys_of(field).iter().any(|key| value.get(key).is_some());
        for field in fields.iter().filter(|field| field.required && !given(field)) {
            missing.push(field);
            // When it is only misspelt, that was said.
            if !meant.contains(&field.name) {
                let message = format!("`{}` needs `{}`", entry.key, field.name);
                self.mistakes.push(Mistake::new(entry.position, message).hint(field.help));
            }
        }
        self.resolve_paths(&mut value, fields);
        // With something in the place of what is missing, the rest can still be looked at.
        if let Value::Object(map) = &mut value {
            map.extend(missing.iter().map(|field| (field.name.to_owned(), spare(field.kind))));
        }
        let read = |value: &Value| open(&secrets::without_fetching(fields, value)).map(|()| value.clone());
        let spare_of =
            |key: &str| fields.iter().find(|field| field.name == key).map(|field| spare(field.kind));
        let settings = decode(node, value, &read, &spare_of, self.mistakes);
        settings.filter(|_| missing.is_empty())
    }

    /// Names what is wrong with where a secret comes from.
    fn secret(&mut self, node: &Node, field: &Field) {
        let keys = secrets::keys_of(field);
        let given = keys.iter().filter_map(|key| node.entry(key)).filter(|entry| !entry.node.is_null());
        let given: Vec<&Entry> = given.collect();
        for entry in &given {
            let own = entry.key == field.name;
            if own && !self.in_catalog && secrets::sealed(Some(&entry.node.to_value())).is_some() {
                let hint =
                    format!("write the secret as ${{VARIABLE}}, or give `{}`", secrets::file_key(field));
                self.mistake_at(&entry.node, "sealed secrets are for the catalog only", Some(hint));
            } else if !own && entry.node.text().is_none_or(str::is_empty) {
                let message = format!("`{}` must be text, not {}", entry.key, entry.node.kind());
                self.mistake_at(&entry.node, message, None);
            }
        }
        if let [first, second, ..] = given.as_slice() {
            let message = format!("`{}` stands beside `{}`", second.key, first.key);
            let hint = format!("keep one of: {}", keys.join(", "));
            self.mistakes.push(Mistake::new(second.position, message).hint(hint));
        }
    }

    fn resolve_paths(&self, value: &mut Value, fields: &[Field]) {
        let paths =
            fields.iter().filter(|field| field.kind == FieldKind::Path).map(|field| field.name.to_owned());
        for key in paths.chain(secrets::secret_fields(fields).map(secrets::file_key)) {
            if let Some(Value::String(path)) = value.get_mut(&key)
                && !path.is_empty()
            {
                let resolved = resolve_path(path, self.folder, self.user_home);
                *path = resolved.to_string_lossy().into_owned();
            }
        }
    }
}

/// A value that a field of a kind takes.
fn spare(kind: FieldKind) -> Value {
    match kind {
        FieldKind::Text | FieldKind::Secret => Value::from("x"),
        FieldKind::Path => Value::from("/x"),
        FieldKind::Integer => Value::from(1),
        FieldKind::Boolean => Value::from(false),
        FieldKind::Duration => Value::from("1s"),
    }
}
