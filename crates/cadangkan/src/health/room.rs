use cadangkan_catalog::Catalog;
use cadangkan_core::{Result, format_bytes};
use cadangkan_storage::{Key, Space};
use serde_json::{Value, json};

use crate::inventory::{Inventory, StorageEntry};

/// What a storage holds, and how much room it has.
pub(crate) struct Room<'a> {
    /// The storage.
    pub(crate) entry: &'a StorageEntry,
    /// What archives take in it, by the catalog.
    pub(crate) used: u64,
    /// How large it is and what is free, where that can be told.
    pub(crate) space: Option<Space>,
}

impl<'a> Room<'a> {
    /// Looks at the storages that take part. Those on this machine are asked what is free; others would have to be reached.
    pub(crate) fn look(catalog: &Catalog, inventory: &'a Inventory) -> Result<Vec<Room<'a>>> {
        let usage = catalog.usage()?;
        let probe = Key::new("x")?;
        let room = |entry: &'a StorageEntry| {
            let used = usage.iter().filter(|usage| usage.storage == entry.name).map(|usage| usage.size_bytes);
            let storage = entry.open().ok().filter(|storage| storage.local_path(&probe).is_some());
            let space = storage.and_then(|storage| storage.space().ok().flatten());
            Room { entry, used: used.sum(), space }
        };
        Ok(inventory.storages().iter().filter(|entry| entry.enabled).map(room).collect())
    }

    /// For programs.
    pub(crate) fn value(&self) -> Value {
        json!({ "name": self.entry.name, "size_bytes": self.used,
            "available_bytes": self.space.map(|space| space.available),
            "total_bytes": self.space.map(|space| space.total) })
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let used = format!("{}, {} used", self.entry.name, format_bytes(self.used));
        match self.space {
            Some(space) => {
                format!("{used}; {} of {} free", format_bytes(space.available), format_bytes(space.total))
            }
            None => used,
        }
    }
}
