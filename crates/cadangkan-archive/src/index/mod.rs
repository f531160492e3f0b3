mod build;
mod read;
mod write;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use cadangkan_core::{ObjectName, Section};

pub(crate) use build::{IndexBuilder, NewEntry};

use crate::{CodecKind, FrameHash};

/// Where each frame of an archive lies.
///
/// Every value of this type is sound: entries follow each other without a gap, in the archive and in its
/// uncompressed bytes, sections are in order, and lengths are within the limits of this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    codec: CodecKind,
    entries: Vec<IndexEntry>,
    stored_bytes: u64,
    raw_bytes: u64,
}

/// Where one frame lies, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Its place in the archive, counted from 0.
    pub sequence: u64,
    /// The section it belongs to.
    pub section: Section,
    /// The object it is a piece of; shared by its entries.
    pub object: Arc<ObjectName>,
    /// Which piece of the object, counted from 0.
    pub part: u64,
    /// Where it begins in the archive.
    pub offset: u64,
    /// Its length in the archive, at most [`MAX_STORED_FRAME`](crate::MAX_STORED_FRAME).
    pub stored_len: u64,
    /// Where it begins in the uncompressed archive.
    pub raw_offset: u64,
    /// Its length before compression, 1 to [`MAX_FRAME`](crate::MAX_FRAME).
    pub raw_len: u64,
    /// Rows in it; pages for a file image; 0 for statements, and where an index was made by a scan.
    pub rows: u64,
    /// Hash of the bytes before compression.
    pub hash: FrameHash,
}

impl IndexEntry {
    /// Where it lies in the archive.
    pub fn stored_range(&self) -> Range<u64> {
        self.offset..self.offset + self.stored_len
    }

    /// Where it lies in the uncompressed archive.
    pub fn raw_range(&self) -> Range<u64> {
        self.raw_offset..self.raw_offset + self.raw_len
    }
}

impl Index {
    /// The archive's codec.
    pub fn codec(&self) -> CodecKind {
        self.codec
    }

    /// All entries, in the order of the archive.
    pub fn entries(&self) -> &[IndexEntry] {
        &self.entries
    }

    /// The frames of one of several databases, with names as in an archive of that one alone; they stay where they are.
    pub fn of_database(&self, database: &str) -> Index {
        let mut names: HashMap<Arc<ObjectName>, Arc<ObjectName>> = HashMap::new();
        let is_its = |entry: &&IndexEntry| entry.object.database.as_deref() == Some(database);
        let entries: Vec<_> = self
            .entries
            .iter()
            .filter(is_its)
            .cloned()
            .map(|mut entry| {
                let plain = || Arc::new(ObjectName { database: None, ..ObjectName::clone(&entry.object) });
                let name = Arc::clone(names.entry(Arc::clone(&entry.object)).or_insert_with(plain));
                entry.object = name;
                entry
            })
            .collect();
        let stored_bytes = entries.iter().map(|entry| entry.stored_len).sum();
        let raw_bytes = entries.iter().map(|entry| entry.raw_len).sum();
        Index { codec: self.codec, entries, stored_bytes, raw_bytes }
    }

    /// The entries that hold a range of the uncompressed archive; none when it is empty or beyond the end.
    pub fn covering(&self, raw: Range<u64>) -> &[IndexEntry] {
        let first = self.entries.partition_point(|entry| entry.raw_range().end <= raw.start);
        let last = self.entries.partition_point(|entry| entry.raw_offset < raw.end);
        self.entries.get(first..last).filter(|_| !raw.is_empty()).unwrap_or_default()
    }

    /// Length of the archive.
    pub fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }

    /// Length of the uncompressed archive.
    pub fn raw_bytes(&self) -> u64 {
        self.raw_bytes
    }

    /// Number of frames.
    pub fn frames(&self) -> u64 {
        self.entries.len() as u64
    }
}

#[cfg(test)]
mod tests;
