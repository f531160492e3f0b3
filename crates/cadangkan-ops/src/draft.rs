//! A backup being written: the same bytes to every storage, and nothing that counts before the manifest.

use std::thread::scope;

use cadangkan_archive::Manifest;
use cadangkan_catalog::{BackupFilter, BackupStatus};
use cadangkan_core::{Control, Error, ErrorKind, Level, Result, ResultExt};
use cadangkan_storage::{Key, WriteOptions};

use crate::copy::CopyDraft;
use crate::naming::{INDEX_SUFFIX, MANIFEST_SUFFIX};
use crate::pipeline::panicked;
use crate::read_back::{Expected, read_back};
use crate::side::BesideArchive;
use crate::tee::{Sink, tee};
use crate::{Context, Place};

/// An archive on its way into one or more storages. Dropped before [`commit`](Draft::commit), it removes all that it wrote.
///
/// A storage that fails is left behind with its reason, and the others go on. A step fails when none is left.
pub(crate) struct Draft<'a> {
    copies: Vec<CopyDraft<'a>>,
}

impl<'a> Draft<'a> {
    /// Writes nothing yet.
    pub(crate) fn new(places: &[Place<'a>]) -> Self {
        Draft { copies: places.iter().map(|place| CopyDraft::new(*place)).collect() }
    }

    /// Makes sure that the storages can be written and have room for about `expected` bytes.
    pub(crate) fn check(&mut self, context: &Context<'_>, expected: Option<u64>) -> Result<()> {
        if self.copies.is_empty() {
            return Err(Error::new(ErrorKind::Configuration, "no storage is enabled for this database")
                .hint("name one under `storage:`, or enable it again"));
        }
        self.each(&context.control, |copy| check_place(context, copy.place(), expected))
    }

    /// Refuses a name that is taken, before the database is read for nothing.
    pub(crate) fn refuse_taken(&mut self, keys: &[Key], control: &Control<'_>) -> Result<()> {
        self.each(control, |copy| keys.iter().try_for_each(|key| refuse_taken(copy.place(), key)))
    }

    /// Begins an archive in every storage; what else the backup writes there has the same tags.
    pub(crate) fn begin(
        &mut self,
        archive: &Key,
        options: &WriteOptions,
        control: &Control<'_>,
    ) -> Result<()> {
        self.each(control, |copy| copy.begin(archive, options))
    }

    /// Runs `run`, whose bytes make the archive in every storage.
    pub(crate) fn stream<T>(
        &mut self,
        control: &Control<'_>,
        run: impl FnOnce(Sink<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut live = self.live();
        if let [copy] = &mut live[..] {
            let name = copy.place().name;
            return run(&mut |bytes| copy.write(bytes).context("storage", name));
        }
        let (result, written) = tee(live, control, run);
        self.settle(written, control)?;
        result
    }

    /// How many storages take part.
    pub(crate) fn count(&self) -> usize {
        self.copies.iter().filter(|copy| copy.is_live()).count()
    }

    /// Makes the archive durable in every storage.
    pub(crate) fn close(&mut self, control: &Control<'_>) -> Result<()> {
        self.each(control, CopyDraft::close)
    }

    /// Reads the archive back from every storage at once, and compares it with what was written; meanwhile its index and
    /// what else belongs to it is put beside it.
    pub(crate) fn read_back(
        &mut self,
        archive: &Key,
        expected: Expected<'_>,
        beside: &[BesideArchive],
        control: &Control<'_>,
    ) -> Result<()> {
        let index_key = archive.with_suffix(INDEX_SUFFIX)?;
        let paces: Vec<_> = self.live().iter().map(|copy| copy.reading()).collect();
        self.each(control, |copy| {
            let place = copy.place();
            scope(|scope| {
                let pace = copy.reading();
                let read = scope.spawn(|| read_back(place, archive, expected, (pace, &paces), control));
                let index = copy.put(&index_key, &expected.summary.index, WriteOptions::default());
                let put = index.and_then(|()| {
                    let mut all = beside.iter();
                    all.try_for_each(|side| copy.put(&side.key, &side.file.bytes, WriteOptions::default()))
                });
                read.join().unwrap_or_else(|_| Err(panicked())).and(put)
            })
        })
    }

    /// Writes the manifest, last of all: with it the backup exists.
    pub(crate) fn commit(&mut self, archive: &Key, manifest: &Manifest, control: &Control<'_>) -> Result<()> {
        let (key, bytes) = (archive.with_suffix(MANIFEST_SUFFIX)?, manifest.to_bytes()?);
        self.each(control, |copy| {
            copy.put(&key, &bytes, WriteOptions::default())?;
            // Without its manifest another machine took it for a leftover.
            if copy.place().storage.stat(archive)?.is_none() {
                return Err(Error::new(ErrorKind::Conflict, "the archive was removed while the backup was made")
                    .context("archive", archive)
                    .hint("let no other machine clean up the backups of this name: its `cleanup` takes what is under way for a leftover"));
            }
            copy.committed();
            Ok(())
        })
    }

    /// What the storages hold that have the backup, once it is committed.
    pub(crate) fn good(&self) -> impl Iterator<Item = &CopyDraft<'a>> {
        self.copies.iter().filter(|copy| copy.is_live())
    }

    /// The storages that were left behind, and why.
    pub(crate) fn failed(&self) -> Vec<(Place<'a>, &Error)> {
        self.copies.iter().filter_map(|copy| Some((copy.place(), copy.failure()?))).collect()
    }

    /// Removes all that was written, and adds to `cause` what could not be removed.
    pub(crate) fn abandon(mut self, cause: Error) -> Error {
        self.copies.iter_mut().fold(cause, |cause, copy| copy.remove(cause))
    }

    fn live(&mut self) -> Vec<&mut CopyDraft<'a>> {
        self.copies.iter_mut().filter(|copy| copy.is_live()).collect()
    }

    /// Does a step in every storage, all at once.
    fn each(
        &mut self,
        control: &Control<'_>,
        step: impl Fn(&mut CopyDraft<'a>) -> Result<()> + Sync,
    ) -> Result<()> {
        control.check()?;
        let mut live = self.live();
        let results = if let [copy] = &mut live[..] {
            vec![step(copy)]
        } else {
            let step = &step;
            scope(|scope| {
                let threads: Vec<_> = live.into_iter().map(|copy| scope.spawn(move || step(copy))).collect();
                let join = |thread: std::thread::ScopedJoinHandle<'_, Result<()>>| thread.join();
                threads.into_iter().map(|thread| join(thread).unwrap_or_else(|_| Err(panicked()))).collect()
            })
        };
        self.settle(results, control)
    }

    /// Leaves those storages behind that failed. Fails when somebody asked to stop, and when no storage is left.
    fn settle(&mut self, results: Vec<Result<()>>, control: &Control<'_>) -> Result<()> {
        let (mut stopped, mut told) = (Ok(()), Vec::new());
        for (copy, result) in self.live().into_iter().zip(results) {
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Cancelled => stopped = Err(error),
                Err(error) => {
                    let (name, why) = (copy.place().name, error.chain().join(": "));
                    told.push(format!("storage {name} gets no copy of this backup: {why}"));
                    copy.fail(error.context("storage", name));
                }
            }
        }
        stopped?;
        if self.count() == 0 {
            return Err(self.all_failed());
        }
        told.iter().for_each(|text| control.message(Level::Warning, text));
        Ok(())
    }

    /// The first failure, with what became of the other storages.
    fn all_failed(&mut self) -> Error {
        let mut failures = self.copies.iter_mut().filter_map(CopyDraft::take_failure);
        let first = failures.next().unwrap_or_else(panicked);
        failures.fold(first, |first, other| first.context("also", other))
    }
}

/// Makes sure that a storage can be written and has room for about `expected` bytes.
pub(crate) fn check_place(context: &Context<'_>, place: Place<'_>, expected: Option<u64>) -> Result<()> {
    still_there(context, place)?;
    place.storage.check()?;
    for note in place.storage.notes() {
        context.control.message(Level::Warning, &format!("storage {}: {note}", place.name));
    }
    let Some(space) = place.storage.space()? else { return Ok(()) };
    let Some(expected) = expected.filter(|expected| *expected > space.available) else { return Ok(()) };
    let size = cadangkan_core::format_bytes;
    let message = format!(
        "too little space: the last backup took {}, {} are free",
        size(expected),
        size(space.available)
    );
    Err(Error::new(ErrorKind::NoSpace, message)
        .context("at", place.storage.location())
        .hint("free space there, delete old backups with `cadangkan backups delete`, or name another storage with --storage"))
}

fn refuse_taken(place: Place<'_>, key: &Key) -> Result<()> {
    if place.storage.stat(key)?.is_none() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, "there is a file of this name already")
        .context("file", key)
        .context("folder", place.storage.location())
        .hint("name another one with --filename, or leave it out"))
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
    let (question, hint) = match place.storage.capabilities().local {
        true => ("is the right disk mounted?", "it holds backups: mount its disk, or bring its folder back"),
        false => ("is it still the right place?", "it holds backups: what is configured has to lead to them"),
    };
    let found = found.hint(hint)?;
    if found.is_none() && newest.status != BackupStatus::Missing {
        let text = format!(
            "storage {} has lost backup {} of {}: {question}",
            place.name, newest.id, newest.database
        );
        context.control.message(Level::Warning, &text);
    }
    Ok(())
}
