//! A backup being written: the same bytes to every storage, and nothing that counts before the manifest.

use cadangkan_archive::{ArchiveSummary, Manifest, QuickHasher};
use cadangkan_catalog::{BackupFilter, BackupStatus};
use cadangkan_core::{Control, Error, ErrorKind, Level, Result, ResultExt};
use cadangkan_storage::{Key, StorageWriter, WriteOptions};

use crate::naming::{INDEX_SUFFIX, MANIFEST_SUFFIX};
use crate::side::{self, BesideArchive};
use crate::{Context, Place};

/// Bytes read at once when an archive is read back.
const READ_BYTES: usize = 1 << 20;

/// An archive on its way into one or more storages. Dropped before [`commit`](Draft::commit), it removes all that it wrote.
pub(crate) struct Draft<'a> {
    places: &'a [Place<'a>],
    archive: Key,
    writers: Vec<Box<dyn StorageWriter>>,
    /// What stands in the storages and is no backup yet.
    written: Vec<(usize, Key)>,
}

impl<'a> Draft<'a> {
    /// Begins an archive in every place.
    pub(crate) fn begin(places: &'a [Place<'a>], archive: Key) -> Result<Self> {
        let mut draft = Draft { places, archive, writers: Vec::new(), written: Vec::new() };
        for place in places {
            let writer = place.storage.begin_write(&draft.archive, WriteOptions::default());
            draft.writers.push(writer.context("storage", place.name)?);
        }
        Ok(draft)
    }

    /// Appends bytes of the archive in every place.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        for (writer, place) in self.writers.iter_mut().zip(self.places) {
            writer.write(bytes).context("storage", place.name)?;
        }
        Ok(())
    }

    /// Makes the archive durable in every place, and puts its index and what else belongs to it beside it.
    pub(crate) fn close(&mut self, index: &[u8], beside: &[BesideArchive]) -> Result<()> {
        for (position, writer) in std::mem::take(&mut self.writers).into_iter().enumerate() {
            let Some(place) = self.places.get(position) else { continue };
            writer.close().context("storage", place.name)?;
            self.written.push((position, self.archive.clone()));
        }
        self.put_everywhere(self.archive.with_suffix(INDEX_SUFFIX)?, index)?;
        beside.iter().try_for_each(|side| self.put_everywhere(side.key.clone(), &side.file.bytes))
    }

    /// Reads the archive, and what lies beside it, back from every place and compares it with what was written.
    pub(crate) fn read_back(
        &self,
        summary: &ArchiveSummary,
        beside: &[BesideArchive],
        control: &Control<'_>,
    ) -> Result<()> {
        for place in self.places {
            for side in beside {
                if side::read(*place, &side.key)? != side.file.bytes {
                    return Err(other_bytes(*place, &side.key));
                }
            }
            let mut reader = place.storage.read(&self.archive, None)?;
            let mut hasher = QuickHasher::new();
            let mut length = 0;
            let mut buffer = vec![0; READ_BYTES];
            loop {
                control.check()?;
                let count = reader.read(&mut buffer).map_err(|error| {
                    Error::io("cannot read the archive back", error).context("storage", place.name)
                })?;
                let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
                hasher.update(bytes);
                length += count as u64;
            }
            if (length, hasher.finish()) != (summary.stored_bytes, summary.quick_hash) {
                return Err(other_bytes(*place, &self.archive));
            }
        }
        Ok(())
    }

    /// Writes the manifest, last of all: with it the backup exists.
    pub(crate) fn commit(&mut self, manifest: &Manifest) -> Result<()> {
        self.put_everywhere(self.archive.with_suffix(MANIFEST_SUFFIX)?, &manifest.to_bytes()?)?;
        self.written.clear();
        Ok(())
    }

    /// Removes all that was written, and adds to `cause` what could not be removed.
    pub(crate) fn abandon(mut self, mut cause: Error) -> Error {
        for (place, problem) in self.remove() {
            cause = cause.context("not removed", format!("{} in {place}: {problem}", self.archive));
        }
        cause
    }

    fn put_everywhere(&mut self, key: Key, bytes: &[u8]) -> Result<()> {
        for (position, place) in self.places.iter().enumerate() {
            let put = || {
                let mut writer = place.storage.begin_write(&key, WriteOptions::default())?;
                writer.write(bytes)?;
                writer.close()
            };
            put().context("storage", place.name)?;
            self.written.push((position, key.clone()));
        }
        Ok(())
    }

    /// Removes newest first, so that a manifest never outlives its archive.
    fn remove(&mut self) -> Vec<(String, Error)> {
        let mut problems = Vec::new();
        for (writer, place) in std::mem::take(&mut self.writers).into_iter().zip(self.places) {
            problems.extend(writer.abort().err().map(|error| (place.name.to_string(), error)));
        }
        for (position, key) in std::mem::take(&mut self.written).into_iter().rev() {
            let Some(place) = self.places.get(position) else { continue };
            problems.extend(place.storage.delete(&key).err().map(|error| (place.name.to_string(), error)));
        }
        problems
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // Only after a panic is anything left to do here; `cleanup` names what cannot be removed.
        let _ = self.remove();
    }
}

fn other_bytes(place: Place<'_>, key: &Key) -> Error {
    Error::new(ErrorKind::DamagedBackup, "the storage gave back other bytes than were written")
        .context("storage", place.name)
        .context("key", key)
        .hint("check the disk or the network of this storage; nothing was kept of this backup")
}

/// Makes sure that every place can be written and has room for about `expected` bytes.
pub(crate) fn check_places(context: &Context<'_>, places: &[Place<'_>], expected: Option<u64>) -> Result<()> {
    if places.is_empty() {
        return Err(Error::new(ErrorKind::Configuration, "no storage is enabled for this database")
            .hint("name one under `storage:`, or enable it again"));
    }
    for place in places {
        context.control.check()?;
        still_there(context, *place).context("storage", place.name)?;
        place.storage.check().context("storage", place.name)?;
        let Some(space) = place.storage.space()? else { continue };
        let Some(expected) = expected.filter(|expected| *expected > space.available) else { continue };
        let size = cadangkan_core::format_bytes;
        let message = format!(
            "too little space: the last backup took {}, {} are free",
            size(expected),
            size(space.available)
        );
        return Err(Error::new(ErrorKind::NoSpace, message)
            .context("storage", place.name)
            .context("at", place.storage.location())
            .hint("free space there, delete old backups with `cadangkan backups delete`, or name another storage with --storage"));
    }
    Ok(())
}

/// Makes sure that a storage which holds backups is still that storage, before anything is made in its place: the
/// folder of a disk that is not mounted must not fill the disk below.
fn still_there(context: &Context<'_>, place: Place<'_>) -> Result<()> {
    let Some(catalog) = context.catalog else { return Ok(()) };
    let filter = BackupFilter {
        storage: Some(place.name.clone()),
        descending: true,
        limit: Some(1),
        ..BackupFilter::default()
    };
    let Some(newest) = catalog.backups(&filter)?.into_iter().next() else { return Ok(()) };
    let found = place.storage.stat(&Key::new(newest.archive_key)?);
    let found = found.hint("it holds backups: mount its disk, or bring its folder back")?;
    if found.is_none() && newest.status != BackupStatus::Missing {
        let text = format!(
            "storage {} has lost backup {} of {}: is the right disk mounted?",
            place.name, newest.id, newest.database
        );
        context.control.message(Level::Warning, &text);
    }
    Ok(())
}
