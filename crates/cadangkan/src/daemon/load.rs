use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cadangkan_catalog::Catalog;
use cadangkan_core::Result;
use cadangkan_scheduler::{Limits, Plan};

use crate::app::{App, CatalogNeed};
use crate::schedules;

/// What was read of the configuration, and what there was to be read then.
pub(super) struct Loaded {
    pub(super) plans: Vec<Plan>,
    pub(super) count: usize,
    pub(super) limits: Limits,
    /// Where monitoring asks; only what is there at the start counts.
    pub(super) listen: Option<SocketAddr>,
    files: Vec<PathBuf>,
    seen: Seen,
}

/// What changes when files or the catalog's definitions do.
#[derive(PartialEq, Eq)]
struct Seen {
    files: Vec<Option<(SystemTime, u64)>>,
    definitions: String,
}

impl Loaded {
    /// Reads the configuration.
    pub(super) fn first(app: &App, catalog: &Catalog) -> Result<Self> {
        let place = crate::config::locate(&app.sources(&[]))?;
        let files = vec![place.file.clone(), place.env_file()];
        let seen = Seen::now(&files, catalog)?;
        let limits = Limits::default();
        let mut loaded = Loaded { plans: Vec::new(), count: 0, limits, listen: None, files, seen };
        loaded.read(app)?;
        Ok(loaded)
    }

    /// Tells whether something changed since.
    pub(super) fn is_stale(&self, _app: &App, catalog: &Catalog) -> Result<bool> {
        Ok(Seen::now(&self.files, catalog)? != self.seen)
    }

    /// Reads it again. What there is now counts as seen, also when it has a mistake.
    pub(super) fn again(&mut self, app: &App, catalog: &Catalog) -> Result<()> {
        self.seen = Seen::now(&self.files, catalog)?;
        self.read(app)
    }

    fn read(&mut self, app: &App) -> Result<()> {
        let session = app.session(CatalogNeed::Required)?;
        let entries = schedules::all(&session)?;
        self.plans =
            entries.into_iter().filter(schedules::ScheduleEntry::is_active).map(|entry| entry.plan).collect();
        self.count = self.plans.len();
        let settings = &session.inventory.config().scheduler;
        self.listen = settings.listen;
        self.limits = Limits { at_once: settings.limit, ..Limits::default() };
        Ok(())
    }
}

impl Seen {
    fn now(files: &[PathBuf], catalog: &Catalog) -> Result<Self> {
        let look = |path: &PathBuf| stamp(path);
        Ok(Seen { files: files.iter().map(look).collect(), definitions: catalog.definitions_stamp()? })
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
