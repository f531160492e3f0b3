use cadangkan_core::{Result, format_bytes};
use cadangkan_storage::{Key, Space};

use crate::app::Session;

/// A storage is nearly full with less than this part of it free, in percent,
const LEAST_PERCENT: u64 = 5;
/// or without room for so many more backups like the last one.
const LEAST_BACKUPS: u64 = 2;

/// Looks which of the storages on this machine are nearly full since the last look, after a backup of this size went there;
/// each with how much is free. One that stays so is named once.
pub(super) fn newly_low(session: &Session, storages: &[String], bytes: u64) -> Result<Vec<(String, String)>> {
    let (catalog, probe) = (session.catalog()?, Key::new("x")?);
    let mut low = Vec::new();
    for name in storages {
        let Ok(storage) = session.inventory.storage(name).and_then(|entry| entry.open()) else { continue };
        // Others would have to be reached.
        if storage.local_path(&probe).is_none() {
            continue;
        }
        let Ok(Some(space)) = storage.space() else { continue };
        // No database has a name with a space in it.
        let subject = format!("storage {name}");
        if !is_low(space, bytes) {
            catalog.end_failures(&subject)?;
        } else if catalog.count_failure(&subject)? == 1 {
            let (available, total) = (format_bytes(space.available), format_bytes(space.total));
            low.push((
                name.clone(),
                format!("{available} of {total} free in {name}, at {}", storage.location()),
            ));
        }
    }
    Ok(low)
}

fn is_low(space: Space, bytes: u64) -> bool {
    space.available < space.total / 100 * LEAST_PERCENT
        || space.available < bytes.saturating_mul(LEAST_BACKUPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storage_is_low_by_its_own_size_or_that_of_backups() {
        let low = |available, bytes| is_low(Space { available, total: 100_000 }, bytes);
        assert!(low(4_999, 0) && !low(5_000, 0));
        assert!(low(19_999, 10_000) && !low(20_000, 10_000));
        assert!(low(90_000, u64::MAX));
    }
}
