use cadangkan_core::settings::{Field, FieldKind};
use cadangkan_core::{Error, ErrorKind, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::check::{ENCRYPTION, HOOKS};
use super::model::{Defaults, LogSettings, SchedulerSettings};
use super::notifications::DeclaredChannel;
use super::setting::{Setting, ValueOrigin};
use crate::encryption::{self, EncryptionSettings};
use crate::inventory::{
    DatabaseEntry, Inventory, Origin, StorageEntry, database_definition, storage_definition,
};

/// How an export is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// YAML.
    #[default]
    Yaml,
    /// JSON, which may stand wherever YAML may.
    Json,
}

/// Writes what the file declares and what the catalog holds as one configuration, without secrets.
///
/// Variables are filled in and the chosen profile is laid over; paths are absolute.
pub(crate) fn export(inventory: &Inventory, format: ExportFormat) -> Result<String> {
    let value = to_value(inventory);
    let failed =
        |error: String| Error::new(ErrorKind::Internal, "cannot write the configuration").source(error);
    match format {
        ExportFormat::Yaml => serde_saphyr::to_string(&value).map_err(|error| failed(error.to_string())),
        ExportFormat::Json => serde_json::to_string_pretty(&value)
            .map(|text| text + "\n")
            .map_err(|error| failed(error.to_string())),
    }
}

fn to_value(inventory: &Inventory) -> Value {
    let mut root = Map::new();
    root.insert("version".into(), json!(1));
    let config = inventory.config();
    if let Some(zone) = config.timezone.as_ref().and_then(|zone| zone.value.iana_name()) {
        root.insert("timezone".into(), json!(zone));
    }
    insert_map(&mut root, "defaults", defaults(&config.defaults));
    let storages = inventory.storages().iter().filter(|entry| entry.origin != Origin::Implicit);
    insert_map(
        &mut root,
        "storages",
        storages.map(|entry| (entry.name.to_string(), storage_without_secrets(entry))).collect(),
    );
    let databases = inventory.databases().iter();
    insert_map(
        &mut root,
        "databases",
        databases.map(|entry| (entry.name.to_string(), database(entry))).collect(),
    );
    insert_map(
        &mut root,
        "notifications",
        config
            .notifications
            .iter()
            .map(|channel| (channel.name.to_string(), channel_without_secrets(channel)))
            .collect(),
    );
    if let Some(cache) = &config.cache {
        root.insert("cache".into(), json!(cache));
    }
    if config.scheduler != SchedulerSettings::default() {
        root.insert("scheduler".into(), json!(config.scheduler));
    }
    if config.logs != LogSettings::default() {
        root.insert("logs".into(), json!(config.logs));
    }
    if let Some(traces) = &config.traces {
        root.insert("traces".into(), traces.written.clone());
    }
    Value::Object(root)
}

fn insert_map(root: &mut Map<String, Value>, key: &str, map: Map<String, Value>) {
    if !map.is_empty() {
        root.insert(key.into(), Value::Object(map));
    }
}

fn defaults(defaults: &Defaults) -> Map<String, Value> {
    let mut map = Map::new();
    put(&mut map, "compression", &defaults.compression);
    put(&mut map, "level", &defaults.level);
    put(&mut map, "storage", &defaults.storage);
    put(&mut map, "workers", &defaults.workers);
    put(&mut map, "memory", &defaults.memory);
    put(&mut map, "file_name", &defaults.file_name);
    put(&mut map, "check", &defaults.check);
    put(&mut map, "fingerprints", &defaults.fingerprints);
    put(&mut map, "require_ticket", &defaults.require_ticket);
    put(&mut map, "retention", &defaults.retention);
    put(&mut map, "shrink_guard", &defaults.shrink_guard);
    put(&mut map, "upload_after", &defaults.upload_after);
    put(&mut map, HOOKS, &defaults.hooks);
    put(&mut map, "notify", &defaults.notify);
    if let Some(encryption) = &defaults.encryption.value {
        map.insert(ENCRYPTION.to_owned(), encryption_without_secrets(encryption).0);
    }
    map
}

/// Puts a value that somebody set.
fn put<T: Serialize>(map: &mut Map<String, Value>, key: &str, setting: &Setting<T>) {
    if setting.origin != ValueOrigin::Default {
        map.extend(serde_json::to_value(&setting.value).ok().map(|value| (key.to_owned(), value)));
    }
}

/// A storage as the file declares it, without secrets.
pub(crate) fn storage_without_secrets(entry: &StorageEntry) -> Value {
    let settings = without_secrets(&entry.settings, entry.provider.fields);
    storage_definition(entry.provider.id, &settings, entry.limits, entry.enabled || entry.paused)
}

fn channel_without_secrets(channel: &DeclaredChannel) -> Value {
    let mut map = Map::new();
    map.insert(channel.kind.id.to_owned(), without_secrets(&channel.settings, channel.kind.fields));
    if let Ok(Value::Object(options)) = serde_json::to_value(&channel.options) {
        map.extend(options);
    }
    Value::Object(map)
}

fn database(entry: &DatabaseEntry) -> Value {
    let settings = without_secrets(&entry.settings, entry.engine.fields);
    let mut options = entry.options.clone();
    options.encryption = options.encryption.as_ref().map(encryption_without_secrets);
    let mut definition =
        database_definition(entry.engine.id, &settings, &options, entry.enabled || entry.paused);
    if let Some(map) = definition.as_object_mut().filter(|_| !options.hooks.is_empty()) {
        map.insert(HOOKS.to_owned(), json!(options.hooks));
    }
    definition
}

fn encryption_without_secrets(settings: &EncryptionSettings) -> EncryptionSettings {
    EncryptionSettings(without_secrets(&settings.0, encryption::FIELDS))
}

/// Leaves out what is secret.
fn without_secrets(settings: &Value, fields: &[Field]) -> Value {
    let mut shown = settings.clone();
    if let Value::Object(map) = &mut shown {
        let secret =
            |key: &str| fields.iter().any(|field| field.name == key && field.kind == FieldKind::Secret);
        map.retain(|key, _| !secret(key));
    }
    shown
}
