use cadangkan_catalog::Catalog;
use cadangkan_core::{Result, format_bytes};
use cadangkan_storage::{Key, Space};
use serde_json::{Value, json};

use super::{Grade, Problem};
use crate::config::StorageLimits;
use crate::inventory::{DatabaseEntry, Inventory, StorageEntry};

/// What a storage holds, and how much room it has.
pub(crate) struct Room<'a> {
    /// The storage.
    pub(crate) entry: &'a StorageEntry,
    /// What archives take in it, by the catalog.
    pub(crate) used: u64,
    /// How large it is and what is free, where that can be told: what its disk has, and no more than what is meant for backups.
    pub(crate) space: Option<Space>,
}

impl<'a> Room<'a> {
    /// Looks at the storages that take part. Those on this machine are asked what is free; others would have to be reached.
    pub(crate) fn look(catalog: &Catalog, inventory: &'a Inventory) -> Result<Vec<Room<'a>>> {
        let (usage, probe) = (catalog.usage()?, Key::new("x")?);
        let room = |entry: &'a StorageEntry| {
            let used = usage.iter().filter(|usage| usage.storage == entry.name).map(|usage| usage.size_bytes);
            let storage = entry.open().ok().filter(|storage| storage.local_path(&probe).is_some());
            Room::of(entry, used.sum(), storage.and_then(|storage| storage.space().ok().flatten()))
        };
        Ok(inventory.storages().iter().filter(|entry| entry.enabled).map(room).collect())
    }

    /// What is left of a storage in which archives take so much, and whose disk has this space.
    pub(crate) fn of(entry: &'a StorageEntry, used: u64, disk: Option<Space>) -> Self {
        Room { entry, used, space: space(entry.limits, used, disk) }
    }

    /// Tells whether it is nearly full: less is left than is said, or than this many bytes.
    pub(crate) fn is_low(&self, needed: u64) -> bool {
        self.space.is_some_and(|space| is_low(self.entry.limits, space, needed))
    }

    /// That it is nearly full.
    pub(crate) fn problem(&self) -> Option<Problem> {
        let space = self.space.filter(|_| self.is_low(0))?;
        let (name, available) = (&self.entry.name, format_bytes(space.available));
        let text =
            format!("storage {name} is nearly full: {available} of {} left", format_bytes(space.total));
        let command = Some(format!("cadangkan storage usage {name}"));
        Some(Problem { grade: Grade::Warning, code: "low_space", text, command, lead: "see what takes it" })
    }

    /// Tells whether backups of one of these databases go there.
    pub(crate) fn is_of<'d>(
        &self,
        inventory: &Inventory,
        mut databases: impl Iterator<Item = &'d DatabaseEntry>,
    ) -> bool {
        let there = inventory.databases_of(&self.entry.name);
        databases.any(|database| there.iter().any(|entry| entry.name == database.name))
    }

    /// For programs.
    pub(crate) fn value(&self) -> Value {
        json!({ "name": self.entry.name, "size_bytes": self.used, "capacity_bytes": self.entry.limits.capacity,
            "available_bytes": self.space.map(|space| space.available),
            "total_bytes": self.space.map(|space| space.total), "is_low": self.is_low(0) })
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let (name, used) = (&self.entry.name, format_bytes(self.used));
        let left = self.space.map(|space| (format_bytes(space.available), format_bytes(space.total)));
        match (self.entry.limits.capacity, left) {
            (Some(capacity), Some((available, _))) => {
                let percent = u128::from(self.used) * 100 / u128::from(capacity.max(1));
                format!("{name}, {used} of {} ({percent} %); {available} left", format_bytes(capacity))
            }
            (_, Some((available, total))) => format!("{name}, {used} used; {available} of {total} free"),
            (_, None) => format!("{name}, {used} used"),
        }
    }
}

fn space(limits: StorageLimits, used: u64, disk: Option<Space>) -> Option<Space> {
    let Some(capacity) = limits.capacity else { return disk };
    let left = capacity.saturating_sub(used);
    Some(Space { available: disk.map_or(left, |disk| disk.available.min(left)), total: capacity })
}

fn is_low(limits: StorageLimits, space: Space, needed: u64) -> bool {
    // What is full is low, whatever is said.
    space.available == 0 || space.available < limits.low_space.unwrap_or_default().of(space.total).max(needed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LowSpace;

    const SPACE: Space = Space { available: 5_000, total: 100_000 };

    #[test]
    fn a_storage_is_low_by_a_part_of_it_or_by_bytes_or_by_what_is_needed() {
        let low = |low_space, available, needed| {
            is_low(
                StorageLimits { low_space, ..StorageLimits::default() },
                Space { available, ..SPACE },
                needed,
            )
        };
        assert!(low(None, 4_999, 0) && !low(None, 5_000, 0));
        assert!(low(None, 19_999, 20_000) && !low(None, 20_000, 20_000));
        assert!(low(Some(LowSpace::Part(20)), 19_999, 0) && !low(Some(LowSpace::Part(20)), 20_000, 0));
        assert!(low(Some(LowSpace::Bytes(700)), 699, 0) && !low(Some(LowSpace::Bytes(700)), 700, 0));
        assert!(low(Some(LowSpace::Bytes(0)), 0, 0) && !low(Some(LowSpace::Bytes(0)), 1, 0));
        assert!(low(None, 90_000, u64::MAX));
    }

    #[test]
    fn what_is_meant_for_backups_is_less_than_the_disk_has_or_all_there_is_to_know() {
        let of =
            |capacity, used, disk| space(StorageLimits { capacity, ..StorageLimits::default() }, used, disk);
        assert_eq!(of(None, 10, None), None);
        assert_eq!(of(None, 10, Some(SPACE)), Some(SPACE));
        assert_eq!(of(Some(1_000), 10, None), Some(Space { available: 990, total: 1_000 }));
        assert_eq!(of(Some(1_000), 10, Some(SPACE)), Some(Space { available: 990, total: 1_000 }));
        assert_eq!(of(Some(50_000), 10, Some(SPACE)), Some(Space { available: 5_000, total: 50_000 }));
        assert_eq!(of(Some(10), 11, None), Some(Space { available: 0, total: 10 }));
    }
}
