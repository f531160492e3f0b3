use cadangkan_core::settings::{Field, SettingsError};
use serde_json::Value;

use crate::Storage;

/// What a kind of storage is; one `static` in each provider's file, listed in the registry.
pub struct StorageDescriptor {
    /// The word in the configuration: `local`.
    pub id: &'static str,
    /// The name for people: `Local folder`.
    pub display_name: &'static str,
    /// What can be set.
    pub fields: &'static [Field],
    /// Makes a storage from settings, without connecting.
    pub open: fn(&Value) -> Result<Box<dyn Storage>, SettingsError>,
    /// Reads a URL or a path into settings; `None` when it is another storage's.
    ///
    /// What stands last in the path of a URL is a folder of the storage, so that the place above it can be reached by
    /// taking it away. Messages never repeat a part of the URL, since there may be a secret in it.
    pub parse_url: fn(&str) -> Option<Result<Value, SettingsError>>,
}

impl std::fmt::Debug for StorageDescriptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StorageDescriptor").field("id", &self.id).finish_non_exhaustive()
    }
}
