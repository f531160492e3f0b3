//! One copy of a backup on its way into one storage.

use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Name, Result, Timestamp};
use cadangkan_storage::{Key, Origin, StorageWriter, WriteOptions};

use crate::Place;
use crate::pace::Pace;
use crate::source::read_limited;

/// What one storage gets of a backup. Until it is committed, all that was written can be removed again.
pub(crate) struct CopyDraft<'a> {
    place: Place<'a>,
    /// How far the archive is written.
    writing: Arc<Pace<'a>>,
    /// How far it is read back.
    reading: Arc<Pace<'a>>,
    writer: Option<(Key, Box<dyn StorageWriter>)>,
    /// What all objects of this backup are about.
    tags: Vec<(&'static str, String)>,
    /// What stands in the storage and is no backup yet.
    written: Vec<Key>,
    /// Why this storage takes no part any more.
    failure: Option<Error>,
}

impl<'a> CopyDraft<'a> {
    /// Writes nothing yet.
    pub(crate) fn new(place: Place<'a>) -> Self {
        let (writing, reading) = (Pace::new(place.name), Pace::new(place.name));
        CopyDraft {
            place,
            writing,
            reading,
            writer: None,
            tags: Vec::new(),
            written: Vec::new(),
            failure: None,
        }
    }

    /// The storage.
    pub(crate) fn place(&self) -> Place<'a> {
        self.place
    }

    /// How far the archive is written.
    pub(crate) fn writing(&self) -> Arc<Pace<'a>> {
        Arc::clone(&self.writing)
    }

    /// How far it is read back.
    pub(crate) fn reading(&self) -> Arc<Pace<'a>> {
        Arc::clone(&self.reading)
    }

    /// Whether it still takes part.
    pub(crate) fn is_live(&self) -> bool {
        self.failure.is_none()
    }

    /// Why it takes no part any more.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Says what all objects of this backup are about, by the tags of its archive.
    fn take_tags(&mut self, options: &WriteOptions) {
        self.tags = options.tags.iter().filter(|tag| tag.0 != ARCHIVE_TAG.0).cloned().collect();
    }

    /// Has the server make the archive of another storage's; tells whether it has one that both are on.
    pub(crate) fn copy(
        &mut self,
        origin: &Origin,
        archive: &Key,
        options: &WriteOptions,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<bool> {
        self.take_tags(options);
        let copied = self.place.storage.copy(origin, archive, options.clone(), progress)?;
        self.written.extend(copied.as_ref().map(|_| archive.clone()));
        Ok(copied.is_some())
    }

    /// Begins the archive.
    pub(crate) fn begin(&mut self, archive: &Key, options: &WriteOptions) -> Result<()> {
        self.take_tags(options);
        let writer = self.writing.time(|| self.place.storage.begin_write(archive, options.clone()))?;
        self.writer = Some((archive.clone(), writer));
        Ok(())
    }

    /// Appends bytes of the archive.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let (_, writer) = self.writer.as_mut().ok_or_else(not_begun)?;
        self.writing.time(|| writer.write(bytes))?;
        self.writing.add(bytes.len());
        Ok(())
    }

    /// Makes the archive durable.
    pub(crate) fn close(&mut self) -> Result<()> {
        let (archive, writer) = self.writer.take().ok_or_else(not_begun)?;
        let writing = self.writing();
        writing.time(|| self.close_one(archive, writer))
    }

    /// Writes a small object, and makes sure that the storage gives it back.
    pub(crate) fn put(&mut self, key: &Key, bytes: &[u8], options: WriteOptions) -> Result<()> {
        let options = WriteOptions { tags: self.tags.clone(), ..options };
        let mut writer = self.place.storage.begin_write(key, options)?;
        writer.write(bytes)?;
        self.close_one(key.clone(), writer)?;
        let found = read_limited(self.place.storage.read(key, None)?, bytes.len())?;
        if found == bytes { Ok(()) } else { Err(other_bytes(key)) }
    }

    fn close_one(&mut self, key: Key, writer: Box<dyn StorageWriter>) -> Result<()> {
        let closed = writer.close();
        // Of a close whose answer was lost nobody knows what it did; of a conflict it is known that it did nothing.
        if closed.as_ref().err().is_none_or(|error| error.kind() != ErrorKind::Conflict) {
            self.written.push(key);
        }
        closed.map(drop)
    }

    /// Says that the backup exists here: nothing removes it any more.
    pub(crate) fn committed(&mut self) {
        self.written.clear();
    }

    /// Takes no part any more: removes what was written, and keeps the reason.
    pub(crate) fn fail(&mut self, cause: Error) {
        self.failure = Some(self.remove(cause));
    }

    /// Takes the reason out.
    pub(crate) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// Removes all that was written, newest first, so that a manifest never outlives its archive; adds to `cause` what
    /// could not be removed.
    pub(crate) fn remove(&mut self, mut cause: Error) -> Error {
        let aborted = self.writer.take().map(|(key, writer)| (key, writer.abort()));
        let written = std::mem::take(&mut self.written).into_iter().rev();
        let removed = written.map(|key| {
            let done = self.place.storage.delete(&key);
            (key, done)
        });
        for (key, done) in aborted.into_iter().chain(removed) {
            if let Err(problem) = done {
                cause = cause.context("not removed", format!("{key} in {}: {problem}", self.place.name));
            }
        }
        cause
    }
}

impl Drop for CopyDraft<'_> {
    fn drop(&mut self) {
        // Only after a panic is anything left to do here; `cleanup` names what cannot be removed.
        let _ = self.remove(not_begun());
    }
}

/// What tells an archive from what is beside it, which must stay readable at once wherever archives are moved.
const ARCHIVE_TAG: (&str, &str) = ("content", "archive");

/// What an archive is about, for storages that can say it beside an object.
pub(crate) fn tags(database: &Name, trigger: &str, created_at: Timestamp) -> Vec<(&'static str, String)> {
    vec![
        ("database", database.to_string()),
        ("type", trigger.to_owned()),
        ("time", created_at.to_string()),
        (ARCHIVE_TAG.0, ARCHIVE_TAG.1.to_owned()),
    ]
}

fn not_begun() -> Error {
    Error::new(ErrorKind::Internal, "an archive was written that was not begun")
}

pub(crate) fn other_bytes(key: &Key) -> Error {
    Error::new(ErrorKind::DamagedBackup, "the storage gave back other bytes than were written")
        .context("key", key)
        .hint("check the disk or the network of this storage; nothing was kept there of this backup")
}
