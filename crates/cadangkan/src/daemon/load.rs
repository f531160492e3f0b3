use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;

use cadangkan_catalog::Catalog;
use cadangkan_core::Result;
use cadangkan_scheduler::{Limits, Plan};

use crate::app::{App, CatalogNeed};
use crate::config::LogSettings;
use crate::schedules;

/// What the daemon takes from the configuration.
pub(super) struct Loaded {
    pub(super) plans: Vec<Plan>,
    pub(super) limits: Limits,
    /// Where monitoring asks.
    pub(super) listen: Option<SocketAddr>,
    pub(super) logs: LogSettings,
}

/// What changes when files or the catalog's definitions do.
#[derive(PartialEq, Eq)]
pub(super) struct Seen {
    files: Vec<Option<(SystemTime, u64)>>,
    definitions: String,
}

/// Reads the configuration.
pub(super) fn load(app: &App) -> Result<Loaded> {
    let session = app.session(CatalogNeed::Required)?;
    let active = schedules::all(&session)?.into_iter().filter(schedules::ScheduleEntry::is_active);
    let settings = &session.inventory.config().scheduler;
    Ok(Loaded {
        plans: active.map(|entry| entry.plan).collect(),
        limits: Limits { at_once: settings.limit, ..Limits::default() },
        listen: settings.listen,
        logs: session.inventory.config().logs.clone(),
    })
}

impl Seen {
    /// Looks at them.
    pub(super) fn now(app: &App, catalog: &Catalog) -> Result<Self> {
        let place = crate::config::locate(&app.sources(&[]))?;
        let files = [place.file.clone(), place.env_file()];
        Ok(Seen {
            files: files.iter().map(|file| stamp(file)).collect(),
            definitions: catalog.definitions_stamp()?,
        })
    }
}

/// What changes when a file is written or replaced; `None` when there is none.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((
        metadata.modified().ok()?,
        metadata.len() ^ std::os::unix::fs::MetadataExt::ino(&metadata).rotate_left(32),
    ))
}
