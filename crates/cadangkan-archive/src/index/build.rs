use std::collections::HashMap;
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, ObjectName, Result, Section};

use super::{Index, IndexEntry};
use crate::limits::{MAX_EMPTY_ARCHIVE, MAX_INDEX_LINE, MAX_INDEX_OBJECTS};
use crate::{CodecKind, FrameHash, MAX_FRAME, MAX_FRAMES, MAX_STORED_FRAME};

/// Gathers entries in order, for an archive that is written or scanned.
pub(crate) struct IndexBuilder {
    index: Index,
    objects: HashMap<Arc<ObjectName>, ()>,
    object_bytes: usize,
}

/// A frame to be added; its place follows from those before it.
pub(crate) struct NewEntry<'a> {
    pub(crate) section: Section,
    pub(crate) object: &'a ObjectName,
    pub(crate) part: u64,
    pub(crate) rows: u64,
    pub(crate) raw_len: u64,
    pub(crate) hash: FrameHash,
}

impl IndexBuilder {
    pub(crate) fn new(codec: CodecKind) -> Self {
        let index =
            Index { codec, entries: Vec::new(), stored_bytes: Index::frames_begin(codec), raw_bytes: 0 };
        IndexBuilder { index, objects: HashMap::new(), object_bytes: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.index.entries.is_empty()
    }

    /// Where in the archive the next frame begins.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.index.stored_bytes
    }

    /// Adds the next frame.
    pub(crate) fn push(&mut self, entry: NewEntry<'_>, stored_len: u64) -> Result<()> {
        let object = self.share(entry.object)?;
        let entry = IndexEntry {
            sequence: self.index.frames(),
            section: entry.section,
            object,
            part: entry.part,
            offset: self.index.stored_bytes,
            stored_len,
            raw_offset: self.index.raw_bytes,
            raw_len: entry.raw_len,
            rows: entry.rows,
            hash: entry.hash,
        };
        self.index.push(entry).map_err(|problem| {
            // Nothing was read yet that could be damaged: whoever writes did wrong, or a limit is reached.
            let kind = if self.index.entries.len() >= MAX_FRAMES {
                ErrorKind::Unsupported
            } else {
                ErrorKind::Internal
            };
            Error::new(kind, problem)
        })
    }

    /// Gives the index of an archive that is `stored_bytes` long.
    pub(crate) fn finish(mut self, stored_bytes: u64) -> Result<Index> {
        self.index.end(stored_bytes).map_err(|problem| Error::new(ErrorKind::Internal, problem))?;
        Ok(self.index)
    }

    /// Keeps one copy of each name, and refuses what [`Index::read`] would refuse.
    fn share(&mut self, name: &ObjectName) -> Result<Arc<ObjectName>> {
        if let Some((shared, ())) = self.objects.get_key_value(name) {
            return Ok(Arc::clone(shared));
        }
        // As JSON, a character takes at most six bytes a byte; the keys and the number take less than 100.
        let parts = [name.database.as_ref(), name.schema.as_ref(), Some(&name.name)];
        let bytes = 100 + parts.into_iter().flatten().map(|part| part.len() * 6).sum::<usize>();
        self.object_bytes += bytes;
        if bytes > MAX_INDEX_LINE || self.object_bytes > MAX_INDEX_OBJECTS {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "an archive cannot hold so many or so long names",
            ));
        }
        let shared = Arc::new(name.clone());
        self.objects.insert(Arc::clone(&shared), ());
        Ok(shared)
    }
}

const SECTION_IS_OVER: &str = "a frame belongs to a section that is over";

impl Index {
    /// Where the first frame begins: behind the two bytes that open a zlib stream.
    pub(super) fn frames_begin(codec: CodecKind) -> u64 {
        if codec == CodecKind::Zlib { 2 } else { 0 }
    }

    /// Adds an entry, or says what is wrong with it.
    pub(super) fn push(&mut self, entry: IndexEntry) -> Result<(), &'static str> {
        let longest = |length: usize| 1..=length as u64;
        if self.entries.len() >= MAX_FRAMES {
            return Err("the archive has too many frames");
        }
        if entry.sequence != self.frames()
            || entry.offset != self.stored_bytes
            || entry.raw_offset != self.raw_bytes
        {
            return Err("a frame does not follow the one before it");
        }
        if !longest(MAX_FRAME).contains(&entry.raw_len)
            || !longest(MAX_STORED_FRAME).contains(&entry.stored_len)
        {
            return Err("a frame has no bytes, or too many");
        }
        if self.codec == CodecKind::None && entry.raw_len != entry.stored_len {
            return Err("a frame that is not compressed has two lengths");
        }
        let is_over =
            |last: &IndexEntry| last.section > entry.section && last.object.database == entry.object.database;
        if self.entries.last().is_some_and(is_over) {
            return Err(SECTION_IS_OVER);
        }
        // Both sums stay far below the largest number: frames and their lengths are bounded.
        self.stored_bytes += entry.stored_len;
        self.raw_bytes += entry.raw_len;
        self.entries.push(entry);
        Ok(())
    }

    /// Closes the list for an archive of that length, or says what is wrong with it.
    pub(super) fn end(&mut self, stored_bytes: u64) -> Result<(), &'static str> {
        // An empty final block and a checksum close a zlib stream; an archive of no frames is one empty frame.
        let behind = stored_bytes.checked_sub(self.stored_bytes);
        let right = match (behind, self.codec) {
            (Some(6), CodecKind::Zlib) | (Some(0), CodecKind::None) => true,
            (_, CodecKind::Zlib | CodecKind::None) => false,
            (Some(behind), _) if self.entries.is_empty() => (1..=MAX_EMPTY_ARCHIVE).contains(&behind),
            (behind, _) => behind == Some(0),
        };
        self.stored_bytes = stored_bytes;
        if !right {
            return Err("the archive has another length than its frames");
        }
        self.check_sections()
    }

    /// Makes sure that the sections of each database are in order, wherever its frames stand.
    fn check_sections(&self) -> Result<(), &'static str> {
        let mut last = HashMap::new();
        for entry in &self.entries {
            let before = last.insert(entry.object.database.as_deref(), entry.section);
            if before.is_some_and(|before| before > entry.section) {
                return Err(SECTION_IS_OVER);
            }
        }
        Ok(())
    }
}
