//! The contract of a database engine.
//!
//! An engine knows how to look at a server, to open one consistent view of it, to dump ONE unit of that view as
//! frames, and to load frames back. It knows nothing of storages, codecs, manifests or the catalog; parallelism,
//! memory and cancellation belong to the runner that calls it.
//!
//! All calls block. An engine whose driver is asynchronous drives it inside, and bounds every wait. Every call
//! with a [`Control`] asks it at least once per frame whether to stop, and then fails with
//! [`ErrorKind::Cancelled`].

#[cfg(feature = "testing")]
pub mod conformance;
mod counts;
mod databases;
mod descriptor;
mod dump;
mod each;
mod frame_builder;
mod in_use;
mod load;
mod names;
mod server;

pub use counts::{Count, Counts};
pub use databases::{Server, ServerSnapshot};
pub use descriptor::{Capabilities, ClientFile, Descriptor, Layout};
pub use dump::{
    DumpOptions, DumpPlan, DumpRequest, FrameSink, SideFile, SideKind, Snapshot, SnapshotEnd, SnapshotStart,
    Unit, UnitReport, Users,
};
pub use each::each;
pub use frame_builder::{FrameBuilder, FrameSizes};
pub use in_use::{Left, leftovers_not_in_use};
pub use load::{Later, Load, LoadMode, LoadOptions, LoadPlan, LoadReport, LoadRequest, LoadUsers, Piece};
pub use names::{Databases, Names};
pub use server::{DatabaseInfo, Location, Scan, ServerInfo};

use cadangkan_core::{Control, Error, ErrorKind, Leftover, ObjectReport, Result, Selection};

/// One configured database: a single one, or a server with many.
///
/// Made by [`Descriptor::open`], which checks settings but connects to nothing.
pub trait Engine: Send + Sync {
    /// What kind of engine this is.
    fn descriptor(&self) -> &'static Descriptor;

    /// Where the database is, without secrets.
    fn location(&self) -> Location;

    /// The server that this one stands for, when it is not a single database. What is about one database then fails
    /// with `Usage`: it is asked of [`Server::database`].
    fn server(&self) -> Option<&dyn Server> {
        None
    }

    /// Connects, and says what is there.
    ///
    /// Fails with `Unreachable`, `NotFound`, `Denied`, `Timeout` or `DamagedSource`, each with a hint. Only
    /// failures marked retryable may be tried again.
    fn probe(&self, control: &Control<'_>) -> Result<ServerInfo>;

    /// Looks at the server that this one is on: its databases, and its part in replication.
    ///
    /// Fails with `Unsupported` where there is no server, and as [`probe`](Engine::probe) does.
    fn scan(&self, _control: &Control<'_>) -> Result<Scan> {
        let message = format!("{} has no server with databases to list", self.descriptor().display_name);
        Err(Error::new(ErrorKind::Unsupported, message)
            .hint("`cadangkan test` looks at this one, and `cadangkan backup --dry-run` says what would be backed up"))
    }

    /// How many sessions of others are at work on its server at this moment.
    ///
    /// Fails with `Unsupported` where there is no server, with `Denied` where this user may not see what others do, and as
    /// [`probe`](Engine::probe) does.
    fn sessions_at_work(&self, _control: &Control<'_>) -> Result<u64> {
        let message = format!("{} has no server with sessions", self.descriptor().display_name);
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    /// Says what a dump would take, without taking it: what `--dry-run` shows.
    ///
    /// Fails with `NotFound` when a selection that is not a glob matches nothing, and with `Unsupported` for
    /// what the engine cannot do; it never ignores a wish.
    fn plan_dump(&self, request: &DumpRequest, control: &Control<'_>) -> Result<DumpPlan>;

    /// Opens one consistent view, from which everything is dumped.
    ///
    /// What is committed before this returns is in the dump; what is committed later is not.
    fn begin_snapshot(&self, request: &DumpRequest, control: &Control<'_>) -> Result<Box<dyn Snapshot>>;

    /// Says what a load into this database would do, without doing it: what `--dry-run` shows and what a
    /// person confirms. Looks at the target, so that what will fail is said before anything is touched.
    fn plan_load(&self, request: &LoadRequest, control: &Control<'_>) -> Result<LoadPlan>;

    /// Begins what the plan said. Until [`Load::commit`] the target's present content stays untouched, unless
    /// the plan said otherwise.
    fn begin_load(&self, plan: &LoadPlan, control: &Control<'_>) -> Result<Box<dyn Load>>;

    /// Counts and fingerprints the rows of each selected table within one consistent view.
    ///
    /// Two databases are equal when these are: it is how a restore is proved. Rows are hashed in a canonical
    /// form that does not depend on their order or place.
    fn fingerprint(&self, selection: &Selection, control: &Control<'_>) -> Result<Vec<ObjectReport>>;

    /// Lists what runs that died left in or beside the target, and what restores kept of the old content.
    fn leftovers(&self, control: &Control<'_>) -> Result<Vec<Leftover>>;

    /// Removes one leftover. Done also when it is gone already.
    fn discard(&self, leftover: &Leftover) -> Result<()>;
}
