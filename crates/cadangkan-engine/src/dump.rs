use cadangkan_core::{
    Control, Fingerprint, Frame, ObjectKind, ObjectName, ObjectReport, Result, Section, Selection,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::ServerInfo;

/// What a dump is asked for.
#[derive(Clone, Debug, Default)]
pub struct DumpRequest {
    /// Which objects.
    pub selection: Selection,
    /// Whether the database's own consistency check runs on the snapshot before the dump counts as good.
    pub check: bool,
    /// Whether rows are counted and fingerprinted per table, where dumping does not do that anyway.
    pub fingerprints: bool,
    /// What servers can do besides; an engine refuses what it cannot.
    pub options: DumpOptions,
}

/// Wishes that only some engines fulfil.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DumpOptions {
    /// Takes along what belongs to the whole server: roles, tablespaces.
    pub globals: bool,
    /// Dumps only the rows that row security lets this user see, where it would fail otherwise.
    pub row_security: bool,
    /// The accounts that concern what is dumped, with what they may do, where they lie beside the archive.
    pub users: Users,
    /// Writes the position into a side file too.
    pub capture_position: bool,
}

/// Whether accounts are taken along in a side file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Users {
    /// Where the engine has them and this user may read them; a warning says where not.
    #[default]
    IfReadable,
    /// Fails where they cannot be had.
    Required,
    /// They are left out.
    Excluded,
}

/// What a dump would take; shown by `--dry-run`, and what progress is measured by.
#[derive(Clone, Debug, Serialize)]
pub struct DumpPlan {
    /// The server.
    pub server: ServerInfo,
    /// The objects that are meant, with estimated sizes where the server gives them.
    pub objects: Vec<ObjectReport>,
    /// Uncompressed bytes to dump, estimated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_bytes: Option<u64>,
    /// What would lie beside the archive.
    #[serde(skip)]
    pub side_files: Vec<SideKind>,
    /// What a person should know before.
    pub warnings: Vec<String>,
}

/// One consistent view of a database, held open until it is ended or dropped.
///
/// Dropping it lets go of the view and of all connections without further checks.
pub trait Snapshot: Send + Sync {
    /// What is known as the view begins.
    fn start(&self) -> &SnapshotStart;

    /// What there is to dump, sections in order. Fixed borders: the same database gives the same units whatever
    /// the number of connections.
    fn units(&self) -> &[Unit];

    /// How many units may be dumped at once, at least 1.
    fn connections(&self) -> usize {
        1
    }

    /// Dumps one unit into `sink`, in frames that depend on content alone.
    ///
    /// Called once per unit, from up to [`connections`](Snapshot::connections) threads; units of a section only
    /// after all units of the sections before it. Fails rather than leaves anything out.
    fn dump(&self, unit: &Unit, sink: &dyn FrameSink, control: &Control<'_>) -> Result<UnitReport>;

    /// Makes sure that the view held to the end, runs the checks that were asked for, and lets go of it.
    ///
    /// Fails with `DamagedSource` when the database is corrupt. Only after this the dump counts as whole.
    fn end(self: Box<Self>, control: &Control<'_>) -> Result<SnapshotEnd>;
}

/// What is known as a view begins.
#[derive(Clone, Debug, Default)]
pub struct SnapshotStart {
    /// The server.
    pub server: ServerInfo,
    /// The point of the server's history that the view shows: LSN, GTID set, change counter; empty if it has none.
    pub position: Map<String, Value>,
    /// What a restore must know and the archive does not say: encoding, page size.
    pub attributes: Map<String, Value>,
    /// Uncompressed bytes to dump, exact or estimated.
    pub estimated_bytes: Option<u64>,
    /// What lies beside the archive.
    pub side_files: Vec<SideFile>,
    /// Programs and libraries that take part, with their versions.
    pub tool_versions: Vec<(String, String)>,
    /// What a person should know: `rows of table x were locked`.
    pub warnings: Vec<String>,
}

/// A kind of file that lies beside an archive; each is listed in the descriptor of its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideKind {
    /// The word in manifests: `users`.
    pub word: &'static str,
    /// Ends its name, behind the archive's name without endings and a dot: `users.sql`.
    pub ending: &'static str,
}

impl SideKind {
    /// Accounts and what they may do, as a script.
    pub const USERS: SideKind = SideKind { word: "users", ending: "users.sql" };
    /// The word of a file with the position; how its name ends is the engine's.
    pub const POSITION: &'static str = "position";
}

/// A small file beside the archive: a part of the backup that is not of the database itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SideFile {
    /// What it is.
    pub kind: SideKind,
    /// All of it, at most 64 MiB.
    pub bytes: Vec<u8>,
}

/// Without its content, which may hold secrets.
impl std::fmt::Debug for SideFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.kind.word, self.bytes.len())
    }
}

/// One piece of work: an object, or a fixed range of a big one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its place among the snapshot's units.
    pub number: usize,
    /// The section its frames go to.
    pub section: Section,
    /// The object.
    pub object: ObjectName,
    /// The object's kind.
    pub kind: ObjectKind,
}

/// What dumping one unit gave; reports of several units of an object are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitReport {
    /// Rows in its frames.
    pub rows: u64,
    /// Their fingerprint, where the engine takes one while dumping.
    pub fingerprint: Option<Fingerprint>,
}

/// What is known when a view has ended well.
#[derive(Clone, Debug, Default)]
pub struct SnapshotEnd {
    /// Objects inside the dump that have no frames of their own: the tables of an image.
    pub objects: Vec<ObjectReport>,
    /// The check that was run and passed, when one was asked for: `quick_check`.
    pub check: Option<String>,
    /// What was measured meanwhile; it stands with the position.
    pub measured: Map<String, Value>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Takes the frames of a dump. Bounded: a call waits while the pipeline is full.
pub trait FrameSink: Send + Sync {
    /// Returns an empty buffer with room for at least `capacity` bytes, reused from frames already stored.
    ///
    /// Each buffer is sent back as [`Frame::data`] or dropped. A dumping thread holds one at a time.
    fn buffer(&self, capacity: usize) -> Result<Vec<u8>>;

    /// Takes one frame; it is stored after all that were sent before it. Fails with `Cancelled` once the run has
    /// failed elsewhere.
    fn send(&self, frame: Frame) -> Result<()>;
}
