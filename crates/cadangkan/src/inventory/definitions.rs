use std::collections::BTreeMap;

use cadangkan_catalog::{Catalog, DefinitionKind};
use cadangkan_core::{Name, Result};
use serde_json::{Map, Value, json};

use crate::config::DatabaseOptions;

/// What the catalog holds: definitions written like those of the file, and switches.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    /// Databases that `add` created.
    pub databases: Vec<(Name, Value)>,
    /// Storages that `storage add` created.
    pub storages: Vec<(Name, Value)>,
    /// Databases that were enabled or disabled from elsewhere.
    pub database_switches: BTreeMap<Name, bool>,
    /// Storages that were enabled or disabled from elsewhere.
    pub storage_switches: BTreeMap<Name, bool>,
}

impl Definitions {
    /// Reads what the catalog holds.
    pub fn read(catalog: &Catalog) -> Result<Self> {
        let definitions = |kind| -> Result<Vec<(Name, Value)>> {
            let all = catalog.definitions(kind)?;
            Ok(all.into_iter().map(|definition| (definition.name, definition.settings)).collect())
        };
        Ok(Definitions {
            databases: definitions(DefinitionKind::Database)?,
            storages: definitions(DefinitionKind::Storage)?,
            database_switches: catalog.pauses(DefinitionKind::Database)?,
            storage_switches: catalog.pauses(DefinitionKind::Storage)?,
        })
    }

    /// The names of the storages, which the file may refer to.
    pub fn storage_names(&self) -> Vec<Name> {
        self.storages.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// Writes a database the way the file and the catalog keep it.
pub fn database_definition(
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
    switch_off(&mut map, enabled);
    Value::Object(map)
}

/// Writes a storage the way the file and the catalog keep it.
pub fn storage_definition(provider: &str, settings: &Value, enabled: bool) -> Value {
    let mut map = Map::new();
    map.insert(provider.to_owned(), settings.clone());
    switch_off(&mut map, enabled);
    Value::Object(map)
}

fn switch_off(map: &mut Map<String, Value>, enabled: bool) {
    if !enabled {
        map.insert("enabled".to_owned(), json!(false));
    }
}
