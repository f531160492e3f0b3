use cadangkan_core::{Result, format_bytes};

use crate::app::Session;
use crate::health::Room;

/// A storage is nearly full without room for so many more backups like the last one, whatever is said of it.
const LEAST_BACKUPS: u64 = 2;

/// Looks which storages are nearly full since the last look, after a backup of this size went there; each with how much is
/// left. One that stays so is named once.
pub(super) fn newly_low(session: &Session, storages: &[String], bytes: u64) -> Result<Vec<(String, String)>> {
    let catalog = session.catalog()?;
    let mut low = Vec::new();
    for room in Room::look(catalog, &session.inventory)? {
        let name = room.entry.name.to_string();
        let Some(space) = room.space.filter(|_| storages.contains(&name)) else { continue };
        // No database has a name with a space in it.
        let subject = format!("storage {name}");
        if !room.is_low(bytes.saturating_mul(LEAST_BACKUPS)) {
            catalog.end_failures(&subject)?;
        } else if catalog.count_failure(&subject)? == 1 {
            let (available, total) = (format_bytes(space.available), format_bytes(space.total));
            let location = room.entry.location()?;
            low.push((name.clone(), format!("{available} of {total} free in {name}, at {location}")));
        }
    }
    Ok(low)
}
