mod check;
mod hide;
mod parts;
mod seal;

use std::collections::BTreeMap;

use cadangkan_core::{BackupId, Name, ObjectReport, Result, Selection, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use parts::{
    ArchiveInfo, BackupType, DatabasePart, EncryptionInfo, GitState, IndexInfo, SideFileInfo, ToolInfo,
    Trigger,
};

/// All that is known of one backup: the small file that is written last and makes the backup exist.
///
/// It is JSON for people and programs, closed by a seal over its own bytes. Members that a newer program wrote
/// are kept in `other`, and written again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the format, [`Manifest::FORMAT_VERSION`].
    pub format_version: u32,
    /// The backup.
    pub backup_id: BackupId,
    /// What the backup holds, compared with others before it.
    #[serde(rename = "type")]
    pub backup_type: BackupType,
    /// What caused it.
    pub trigger: Trigger,
    /// The schedule that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Always [`Manifest::COMPLETE`]: what failed has no manifest.
    pub status: String,
    /// The engine's word: `sqlite`.
    pub engine: String,
    /// Version of the server, or of the library for files.
    pub server_version: String,
    /// The server's host; none for files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The server's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The name under which the database is configured.
    pub database_name: Name,
    /// The database's name on its server, or the path of its file.
    pub database: String,
    /// When the backup began.
    pub created_at: Timestamp,
    /// When its archive was complete.
    pub completed_at: Timestamp,
    /// Seconds that it took by a clock that does not jump; kept to the millisecond.
    #[serde(serialize_with = "parts::milliseconds")]
    pub duration_seconds: f64,
    /// The archive.
    pub archive: ArchiveInfo,
    /// The index.
    pub index: IndexInfo,
    /// Other files of the backup that lie beside the archive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub side_files: Vec<SideFileInfo>,
    /// How it is encrypted. Never left out: a lost cipher must not look like none.
    pub encryption: EncryptionInfo,
    /// What the person or the schedule asked for, besides the selection.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// Which objects were asked for.
    #[serde(default)]
    pub selection: Selection,
    /// The databases, in the order of the archive, where it holds several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<DatabasePart>,
    /// The point of the server's history that it shows.
    #[serde(default)]
    pub position: Map<String, Value>,
    /// What a restore must know and the archive does not say.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// Number of tables.
    pub tables_count: u64,
    /// The objects.
    pub objects: Vec<ObjectReport>,
    /// The database's own check that passed before the backup counted as good, when one was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The program that made it.
    pub tool: ToolInfo,
    /// Programs and libraries that took part.
    #[serde(default)]
    pub tool_versions: Map<String, Value>,
    /// The ticket it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The labels of its database.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Where the working folder stood, from which something risky was to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<GitState>,
    /// Whether retention leaves it alone.
    #[serde(default)]
    pub preserved: bool,
    /// Until when it stays by the wish of who made it; retention does not count it then or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Timestamp>,
    /// Why it looks wrong beside the last good backup, a sentence each; names nothing where names are hidden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspect: Vec<String>,
    /// What a person should know about it.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Members that this program does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Manifest {
    /// The version of the format that this program writes, and the newest that it reads.
    pub const FORMAT_VERSION: u32 = 1;
    /// The only status that a manifest has.
    pub const COMPLETE: &str = "complete";
    /// Put behind the archive's name, it gives the manifest's.
    pub const SUFFIX: &str = ".meta.json";

    /// Writes the manifest and its seal. Fails with `Internal` when [`from_bytes`](Manifest::from_bytes) would
    /// refuse it.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        check::sound(self).map_err(check::not_written)?;
        seal::close(self)
    }

    /// Tells whether the backup holds a database, by its name where it is.
    pub fn holds(&self, database: &str) -> bool {
        match self.databases.as_slice() {
            [] => self.database == database,
            several => several.iter().any(|part| part.name == database),
        }
    }

    /// What is true of one of several databases, as it would stand in the manifest of an archive of that one alone; `None`
    /// when it is none of them.
    pub fn of_database(&self, database: &str) -> Option<Manifest> {
        let part = self.databases.iter().find(|part| part.name == database)?;
        let mut manifest = Manifest { databases: Vec::new(), objects: Vec::new(), ..self.clone() };
        let its = self.objects.iter().filter(|object| object.name.database.as_deref() == Some(database));
        manifest.objects = its
            .cloned()
            .map(|mut object| {
                object.name.database = None;
                object
            })
            .collect();
        manifest.database = part.name.clone();
        manifest.tables_count = part.tables_count;
        manifest.selection = part.selection.clone();
        manifest.attributes = part.attributes.clone();
        (manifest.archive.size_bytes, manifest.archive.raw_bytes) = (part.stored_bytes, part.raw_bytes);
        Some(manifest)
    }

    /// Reads a manifest.
    ///
    /// Fails with `DamagedBackup` when a single bit is not what was written, when anything is missing or
    /// follows, or when it is longer than [`MAX_MANIFEST`](crate::MAX_MANIFEST); with `Unsupported` when a newer
    /// program wrote it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Manifest> {
        let document = seal::open(bytes)?;
        check::version(&document)?;
        let manifest: Manifest = serde_json::from_slice(&document).map_err(check::not_read)?;
        check::sound(&manifest).map_err(check::damaged)?;
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests;
