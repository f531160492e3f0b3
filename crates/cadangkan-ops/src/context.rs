use std::path::Path;
use std::time::Duration;

use cadangkan_catalog::Catalog;
use cadangkan_core::{Control, Name, Result, Ticket};
use cadangkan_engine::Engine;
use cadangkan_storage::Storage;

use crate::around::Around;
use crate::encrypt::Keys;
use crate::lock::DatabaseLock;

/// What every verb is given besides its own request.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Where runs are recorded; `None` only where a restore must go on without a catalog.
    pub catalog: Option<&'a Catalog>,
    /// How the run is stopped, whom it tells, and what time it is.
    pub control: Control<'a>,
    /// The folder of lock files.
    pub locks: &'a Path,
    /// Threads that compress and decompress, at least 1.
    pub workers: usize,
    /// The most bytes that frames under way may take.
    pub memory: u64,
    /// Who asked: `cli:alice@host`.
    pub initiator: &'a str,
    /// The ticket that asks for it.
    pub ticket: Option<&'a Ticket>,
    /// The profile of the configuration that counts.
    pub profile: Option<&'a str>,
    /// What opens encrypted backups.
    pub keys: &'a dyn Keys,
    /// Which process this is: `pid 4711 on host`.
    pub holder: &'a str,
    /// What is done before and after a backup.
    pub around: Option<&'a dyn Around>,
}

impl Context<'_> {
    /// Takes the lock of a database for this process, waiting up to `wait`; see [`DatabaseLock::take`].
    pub(crate) fn lock(&self, database: &Name, wait: Duration) -> Result<DatabaseLock> {
        DatabaseLock::take(self.locks, database, self.holder, wait, &self.control)
    }
}

/// A database that a verb works on.
#[derive(Clone, Copy)]
pub struct Database<'a> {
    /// Its configured name.
    pub name: &'a Name,
    /// Its engine.
    pub engine: &'a dyn Engine,
    /// Which one it is, where the configured name stands for a server with many.
    pub one_of: Option<&'a str>,
}

impl Database<'_> {
    /// Tells whether it is a server all of whose databases go into one archive.
    pub(crate) fn is_combined(&self) -> bool {
        self.one_of.is_none() && self.engine.server().is_some()
    }
}

/// A storage that a verb works on.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Its configured name.
    pub name: &'a Name,
    /// The storage.
    pub storage: &'a dyn Storage,
}
