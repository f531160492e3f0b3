//! Backups: an index over storages, which can be rebuilt from the manifests.

mod read;
mod write;

use cadangkan_core::{BackupId, Name, RunId, Timestamp};
use serde::Serialize;

use crate::words::words;

words! {
    /// What is known of a copy of a backup.
    BackupStatus {
        /// It was proved when it was written, and nothing else is known since.
        Good = "good",
        /// A check found bytes that are not what they were.
        Damaged = "damaged",
        /// Its storage answered, and it was not there.
        Missing = "missing",
    }
}

words! {
    /// By what backups are ordered.
    BackupSort {
        /// By the time at which they began, then by their ids.
        Created = "created",
        /// By their stored sizes, then by time.
        Size = "size",
    }
}

/// One copy of a backup, in one storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackupRecord {
    /// The database.
    pub database: Name,
    /// What it is called where it is: one configured database may stand for a server with many. Not known of backups
    /// that an older program recorded; none where the backup holds several.
    pub original: Option<String>,
    /// The databases, where the backup holds several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<String>,
    /// The backup; unique per database.
    #[serde(rename = "backup_id")]
    pub id: BackupId,
    /// The storage that holds this copy.
    pub storage: Name,
    /// The key of the archive in it.
    pub archive_key: String,
    /// The engine: `sqlite`.
    pub engine: String,
    /// `full`, `incremental` or `differential`.
    pub kind: String,
    /// Why it was made: `manual`, `daily`.
    pub trigger: String,
    /// The schedule that made it, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// What is known of this copy.
    pub status: BackupStatus,
    /// When it began, in microseconds at the finest.
    pub created_at: Timestamp,
    /// When its manifest was written.
    pub completed_at: Timestamp,
    /// Size of the archive as stored.
    pub size_bytes: u64,
    /// Size before compression.
    pub raw_bytes: u64,
    /// Number of tables, when known.
    pub tables: Option<u64>,
    /// How it is compressed: `zstd`.
    pub codec: String,
    /// What it holds, as JSON; none where it holds everything, or an older program recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection: Option<String>,
    /// Whether retention never deletes it.
    pub preserved: bool,
    /// Until when it stays by the wish of who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Timestamp>,
    /// Why it looks wrong beside the last good one, a sentence each; empty where it does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suspect: Vec<String>,
    /// Tags, in the order in which they were given.
    pub tags: Vec<String>,
    /// A ticket that asked for it.
    pub ticket: Option<String>,
    /// When this copy was last checked.
    pub verified_at: Option<Timestamp>,
    /// How deep that check went: `checksum`, `read`, `restore`.
    pub verified_level: Option<String>,
    /// Hash of the stored bytes: `sha256:…`.
    pub checksum: String,
    /// The run that made it; not known when it was adopted.
    pub run: Option<RunId>,
}

/// What one database has in one storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StorageUsage {
    /// The storage.
    #[serde(skip)]
    pub storage: Name,
    /// The database.
    pub database: Name,
    /// Number of backups.
    pub backups: u64,
    /// Sum of the sizes of their archives as stored.
    pub size_bytes: u64,
    /// When the oldest one began.
    pub oldest_at: Timestamp,
    /// When the newest one began.
    pub newest_at: Timestamp,
}

/// Which backups are meant, and in what order. Empty: all, the oldest first.
#[derive(Clone, Debug)]
pub struct BackupFilter {
    /// Only those of this database.
    pub database: Option<Name>,
    /// Only those of the database that is called this where it is, to the letter; alone, or with others.
    pub original: Option<String>,
    /// Only those that began at this time or later.
    pub since: Option<Timestamp>,
    /// Only those that began before this time.
    pub until: Option<Timestamp>,
    /// Only copies of which this is known.
    pub status: Option<BackupStatus>,
    /// Only those that look wrong, or only those that do not.
    pub suspect: Option<bool>,
    /// Only those made for this reason.
    pub trigger: Option<String>,
    /// Only those with this tag, to the letter.
    pub tag: Option<String>,
    /// Only those that this ticket asked for, to the letter.
    pub ticket: Option<String>,
    /// Only copies in this storage.
    pub storage: Option<Name>,
    /// By what they are ordered.
    pub sort: BackupSort,
    /// The last first.
    pub descending: bool,
    /// At most so many copies.
    pub limit: Option<u64>,
    /// So many copies are left out first.
    pub offset: u64,
}

impl Default for BackupFilter {
    fn default() -> Self {
        BackupFilter {
            database: None,
            original: None,
            since: None,
            until: None,
            status: None,
            suspect: None,
            trigger: None,
            tag: None,
            ticket: None,
            storage: None,
            sort: BackupSort::Created,
            descending: false,
            limit: None,
            offset: 0,
        }
    }
}
