use cadangkan_core::{Control, Result};

use crate::Engine;

/// A server as one configured database: each of its databases is backed up alone, into a backup of its own.
pub trait Server: Send + Sync {
    /// Lists the databases that are meant at this moment, in order of their names: also those made since the last
    /// time.
    ///
    /// Fails with `NotFound` when a name that is not a glob matches nothing or when none is meant, and as
    /// [`Engine::probe`] does.
    fn databases(&self, control: &Control<'_>) -> Result<Vec<String>>;

    /// Tells from the settings alone whether a database of this name would be meant.
    fn means(&self, name: &str) -> bool;

    /// Makes the engine of one database, meant or not, without connecting.
    fn database(&self, name: &str) -> Box<dyn Engine>;
}
