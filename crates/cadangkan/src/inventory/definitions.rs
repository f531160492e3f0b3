use std::collections::BTreeMap;

use cadangkan_core::Name;
use serde_json::{Map, Value, json};

use crate::config::{DatabaseOptions, ENCRYPTION, StorageLimits};
use crate::encryption::EncryptionSettings;

/// What the catalog holds: definitions written like those of the file, and switches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definitions {
    /// Databases that `add` created.
    pub(crate) databases: Vec<(Name, Value)>,
    /// Storages that `storage add` created.
    pub(crate) storages: Vec<(Name, Value)>,
    /// Databases that were enabled or disabled from elsewhere.
    pub(crate) database_switches: BTreeMap<Name, bool>,
    /// Storages that were enabled or disabled from elsewhere.
    pub(crate) storage_switches: BTreeMap<Name, bool>,
}

/// Writes a database the way the file and the catalog keep it.
pub(crate) fn database_definition(
    engine: &str,
    settings: &Value,
    options: &DatabaseOptions,
    enabled: bool,
) -> Value {
    let mut map = Map::new();
    map.insert(engine.to_owned(), settings.clone());
    if let Ok(Value::Object(options)) = serde_json::to_value(options) {
        map.extend(options);
    }
    if let Some(EncryptionSettings(settings)) = &options.encryption {
        map.insert(ENCRYPTION.to_owned(), settings.clone());
    }
    switch_off(&mut map, enabled);
    Value::Object(map)
}

/// Writes a storage the way the file and the catalog keep it.
pub(crate) fn storage_definition(
    provider: &str,
    settings: &Value,
    limits: StorageLimits,
    enabled: bool,
) -> Value {
    let mut map = Map::new();
    map.insert(provider.to_owned(), settings.clone());
    if let Ok(Value::Object(limits)) = serde_json::to_value(limits) {
        map.extend(limits);
    }
    switch_off(&mut map, enabled);
    Value::Object(map)
}

fn switch_off(map: &mut Map<String, Value>, enabled: bool) {
    if !enabled {
        map.insert("enabled".to_owned(), json!(false));
    }
}
