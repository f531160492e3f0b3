//! The engines and storages of this program: the one place that names them.

use cadangkan_core::settings::SettingsError;
use cadangkan_engine::Descriptor;
use cadangkan_storage::StorageDescriptor;
use serde_json::Value;

/// All engines, in the order in which they are shown.
pub(crate) static ENGINES: &[&Descriptor] =
    &[&cadangkan_engine_sqlite::SQLITE, &cadangkan_engine_postgres::POSTGRES];

/// All storages, in the order in which they are shown.
pub(crate) static STORAGES: &[&StorageDescriptor] = &[&cadangkan_storage::LOCAL];

/// The storage that is there without configuration, and the field that holds its folder.
pub(crate) static HOME_STORAGE: (&StorageDescriptor, &str) = (&cadangkan_storage::LOCAL, "path");

/// Finds an engine by the word that the configuration uses.
pub(crate) fn engine(id: &str) -> Option<&'static Descriptor> {
    ENGINES.iter().copied().find(|engine| engine.id == id)
}

/// Finds a storage by the word that the configuration uses.
pub(crate) fn storage(id: &str) -> Option<&'static StorageDescriptor> {
    STORAGES.iter().copied().find(|storage| storage.id == id)
}

/// A command that adds a database, to show where somebody may need it.
pub(crate) fn example_add() -> String {
    let Some(engine) = ENGINES.first() else { return "cadangkan add --help".to_owned() };
    let required = engine.fields.iter().filter(|field| field.required);
    let flags: Vec<_> =
        required.map(|field| format!("--{} <{}>", field.name.replace('_', "-"), field.name)).collect();
    format!("cadangkan add {} <name> {}", engine.id, flags.join(" "))
}

/// Reads a URL or a path into an engine and its settings.
pub(crate) fn parse_url(url: &str) -> Option<(&'static Descriptor, Result<Value, SettingsError>)> {
    ENGINES.iter().find_map(|engine| (engine.parse_url)(url).map(|settings| (*engine, settings)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_found() {
        for found in ENGINES {
            assert_eq!(ENGINES.iter().filter(|other| other.id == found.id).count(), 1);
            assert!(engine(found.id).is_some());
        }
        for found in STORAGES {
            assert_eq!(STORAGES.iter().filter(|other| other.id == found.id).count(), 1);
            assert!(storage(found.id).is_some());
        }
        assert!(engine("oracle").is_none() && storage("tape").is_none());
    }

    /// Settings of an engine and options of a database stand in one map, so no engine may be called like an option.
    #[test]
    fn ids_are_no_keys_of_ours() {
        for engine in ENGINES {
            assert!(!crate::config::DATABASE_KEYS.contains(&engine.id));
        }
        for storage in STORAGES {
            assert!(!crate::config::STORAGE_KEYS.contains(&storage.id));
        }
    }
}
