use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use cadangkan_core::{Control, Fingerprint, ObjectName, ObjectReport, Result, Section, Selection};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::SideKind;

/// What a load is asked for.
#[derive(Clone, Debug, Default)]
pub struct LoadRequest {
    /// Which objects of the backup.
    pub selection: Selection,
    /// What happens to what the target holds.
    pub mode: LoadMode,
    /// Uncompressed size of the archive, when known.
    pub raw_bytes: Option<u64>,
    /// The attributes that the snapshot gave ([`SnapshotStart::attributes`](crate::SnapshotStart::attributes)), when known.
    pub attributes: Map<String, Value>,
    /// The objects of the backup, when known.
    pub objects: Vec<ObjectReport>,
    /// The point of the server's history that the backup shows, when known.
    pub position: Map<String, Value>,
    /// What lies beside the archive, by its word: what the options need of it, as far as there is.
    pub side_files: BTreeMap<String, Vec<u8>>,
    /// Whether the database's own consistency check runs on the loaded database before it is committed.
    pub check: bool,
    /// Whether what the load replaced is removed once the load is committed.
    pub drop_old: bool,
    /// Databases that are restored from the same backup, this one among them, where they are several: what lacks something
    /// of the others may wait for them ([`Load::later`]).
    pub together: Vec<String>,
    /// What servers can do besides; an engine refuses what it cannot.
    pub options: LoadOptions,
}

impl LoadRequest {
    /// An attribute of the snapshot that is a text.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.get(key).and_then(Value::as_str)
    }
}

/// Wishes that only some engines fulfil.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Leaves owners out: everything belongs to the user who restores.
    pub no_owner: bool,
    /// Leaves granted privileges out.
    pub no_privileges: bool,
    /// Schemas that get another name: old and new.
    pub rename_schemas: Vec<(String, String)>,
    /// Loads everything in one transaction, over one connection.
    pub single_transaction: bool,
    /// Restores roles and tablespaces too, where the backup has them.
    pub globals: bool,
    /// Makes the accounts that lie beside the archive, once the database is in place.
    pub users: Option<LoadUsers>,
    /// Makes the target go on from the backup's position, as a replica of its server.
    pub adopt_position: bool,
    /// The account with whose rights objects run, instead of those that they name.
    pub definer: Option<String>,
}

impl LoadOptions {
    /// The words of the side files that a load needs for these wishes.
    pub fn side_files(&self) -> &'static [&'static str] {
        if self.users.is_some() { &[SideKind::USERS.word] } else { &[] }
    }
}

/// What happens to accounts that the target has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadUsers {
    /// They stay as they are; those that are not there are made.
    Missing,
    /// They get password, settings and grants of the backup.
    Replace,
}

/// What happens to what the target holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadMode {
    /// Refuses a target that is not empty.
    #[default]
    Fresh,
    /// Loads beside the target, proves it, then swaps it in; the old content is kept under another name.
    Replace,
    /// Drops and creates again the selected objects inside the target, in one transaction where the engine can.
    Clean,
    /// Drops the target database and creates it again, empty.
    Recreate,
    /// Adds rows to tables that are there; definitions stay as they are.
    Data,
}

impl LoadMode {
    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            LoadMode::Fresh => "fresh",
            LoadMode::Replace => "replace",
            LoadMode::Clean => "clean",
            LoadMode::Recreate => "recreate",
            LoadMode::Data => "data",
        }
    }
}

/// What a load will do: printed by `--dry-run`, confirmed by a person, then carried out as it stands.
#[derive(Clone, Serialize)]
pub struct LoadPlan {
    /// Steps in order, each a sentence: `move the present file to shop.db.before-…`.
    pub steps: Vec<String>,
    /// What the target holds now, when there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<String>,
    /// Size of what the target holds now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present_bytes: Option<u64>,
    /// Whether something that exists is replaced or dropped.
    pub destructive: bool,
    /// Which objects' frames are needed; `None`: all frames.
    pub needs: Option<Vec<ObjectName>>,
    /// What a person should know before.
    pub warnings: Vec<String>,
    /// The engine's own part.
    #[serde(skip)]
    pub detail: Arc<dyn Any + Send + Sync>,
}

/// A piece of uncompressed archive, to be loaded: a whole frame, or, when an archive is read without its index,
/// the next stretch of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Where it begins in the uncompressed archive.
    pub raw_offset: u64,
    /// The section, when the index tells.
    pub section: Option<Section>,
    /// The object, when the index tells.
    pub object: Option<&'a ObjectName>,
    /// The bytes.
    pub data: &'a [u8],
}

/// A load under way.
///
/// Dropping it without [`commit`](Load::commit) does what [`abort`](Load::abort) does, as far as it can.
pub trait Load: Send + Sync {
    /// How many pieces of a section may be loaded at once, at least 1. With 1, pieces come in order.
    fn connections(&self) -> usize {
        1
    }

    /// Whether the sections behind the rows are wanted first of all, so that what they define can be made for some rows
    /// while others still come. Where an archive has no index they come last all the same.
    fn definitions_first(&self) -> bool {
        false
    }

    /// Loads one piece. Pieces of a section come only after all of the sections before it, but for those wanted first. Frames carry content
    /// that was checked; the engine still assumes that it may be hostile.
    fn load(&self, piece: &Piece<'_>, control: &Control<'_>) -> Result<()>;

    /// Makes what was loaded complete and durable and checks it, still apart from the target's present content
    /// where the plan said so. Fails with `DamagedBackup` when something is missing.
    fn finish(&mut self, control: &Control<'_>) -> Result<LoadReport>;

    /// What is left to be made once the databases that are restored together are all in their places; asked for when the
    /// load is finished, before it is committed.
    fn later(&mut self) -> Option<Box<dyn Later>> {
        None
    }

    /// Puts the loaded database in its place. From here on it is the target's content.
    fn commit(self: Box<Self>) -> Result<Vec<String>>;

    /// Removes all that this load made.
    fn abort(self: Box<Self>) -> Result<()>;
}

/// Objects of a database that wait for other databases.
pub trait Later: Send {
    /// Makes them, as far as what they need is there. What could not be made stays in here, and the call fails with why; it
    /// may be called again.
    fn make(&mut self, control: &Control<'_>) -> Result<()>;

    /// How many are left.
    fn left(&self) -> usize;
}

/// What a load gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Number of tables in what was loaded.
    pub tables: u64,
    /// Fingerprint of a whole image, read back from the disk after it was written; none where rows are loaded.
    pub image: Option<Fingerprint>,
    /// The tables whose rows were loaded, with the rows that the server counted, and with the fingerprint of what it
    /// gives back when a check was asked for. Held against the backup.
    pub objects: Vec<ObjectReport>,
    /// The check that was run and passed, when one was asked for.
    pub check: Option<String>,
}
