use std::time::Duration;

use cadangkan_core::Timestamp;

use crate::inventory::DatabaseEntry;

/// What is planned for a database: what is due is held against it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planned {
    /// How far apart its backups are to be; none where nobody said so.
    pub(crate) interval: Option<Duration>,
    /// When the next one begins.
    pub(crate) next_run: Option<Timestamp>,
}

impl Planned {
    /// Tells what is planned. Backups are made by hand or by another program's clock, of which nothing is known here.
    pub(crate) fn of(_entry: &DatabaseEntry) -> Self {
        Planned::default()
    }
}
