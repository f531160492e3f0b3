use cadangkan_core::{Control, Error, ErrorKind, Result};

use crate::{DatabaseInfo, Databases, DumpRequest, Engine, Snapshot};

/// A server as one configured database: each of its databases is backed up into a backup of its own.
pub trait Server: Send + Sync {
    /// Which databases the settings mean.
    fn meant(&self) -> &Databases;

    /// Lists the names, in their order, of all databases that can be backed up at this moment: neither the server's own
    /// nor what restores made or kept.
    ///
    /// Fails as [`Engine::probe`] does.
    fn names(&self, control: &Control<'_>) -> Result<Vec<String>>;

    /// Lists these databases with what is known of them, which may take the server longer.
    fn sizes(&self, control: &Control<'_>) -> Result<Vec<DatabaseInfo>>;

    /// Lists the databases that are meant at this moment, in order of their names: also those made since the last
    /// time.
    ///
    /// Fails with `NotFound` when a name that is not a glob matches nothing or when none is meant, and as
    /// [`Engine::probe`] does.
    fn databases(&self, control: &Control<'_>) -> Result<Vec<String>> {
        self.meant().pick(&self.names(control)?)
    }

    /// Tells from the settings alone whether a database of this name would be meant.
    fn means(&self, name: &str) -> bool {
        self.meant().means(name)
    }

    /// Makes the engine of one database, meant or not, without connecting.
    fn database(&self, name: &str) -> Box<dyn Engine>;

    /// Opens one consistent view of several databases; `None` where the server has no such thing, so that each
    /// database is seen as it is when its turn comes.
    ///
    /// What is wrong with one database fails [`ServerSnapshot::open`] of that one.
    fn begin_snapshot(
        &self,
        _databases: &[(String, DumpRequest)],
        _control: &Control<'_>,
    ) -> Result<Option<Box<dyn ServerSnapshot>>> {
        Ok(None)
    }
}

/// One consistent view of several databases of a server, held open until it is dropped: all of them show the same
/// moment, and have the same position.
pub trait ServerSnapshot: Send + Sync {
    /// The databases in the order in which they are to be dumped.
    fn databases(&self) -> Vec<String>;

    /// Opens the view of one database, after that of the one before was ended or dropped.
    ///
    /// One that was passed over, or has been opened, is let go of. Fails with `Conflict` when definitions changed in a
    /// way that the view cannot show, and as [`Engine::begin_snapshot`] does; the other databases can be dumped
    /// nevertheless.
    fn open(&self, database: &str, control: &Control<'_>) -> Result<Box<dyn Snapshot>>;

    /// As [`open`](ServerSnapshot::open), as one part of an archive that holds all of [`databases`](ServerSnapshot::databases),
    /// opened in that order: it makes its database, and what may need another database is kept for
    /// [`open_rest`](ServerSnapshot::open_rest). What lies beside the archive, for all databases, comes with the last part.
    ///
    /// Fails with `Unsupported` where an archive cannot hold several ([`Capabilities::combined`](crate::Capabilities)).
    fn open_part(&self, _database: &str, _control: &Control<'_>) -> Result<Box<dyn Snapshot>> {
        Err(Error::new(ErrorKind::Unsupported, "an archive of this engine cannot hold several databases"))
    }

    /// What closes such an archive: all that the parts kept, in an order in which each finds what it needs. Its units say
    /// of which database they are.
    fn open_rest(&self, _control: &Control<'_>) -> Result<Box<dyn Snapshot>> {
        Err(Error::new(ErrorKind::Unsupported, "an archive of this engine cannot hold several databases"))
    }
}
