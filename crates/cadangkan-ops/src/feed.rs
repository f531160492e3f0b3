//! An archive on its way back: read once, checked, decoded and handed on piece by piece.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::thread::scope;

use cadangkan_archive::{Checksum, CodecKind, IndexEntry, SequentialReader};
use cadangkan_core::{Control, Error, ErrorKind, Event, ObjectName, Progress, Result, Section, first_cause};
use cadangkan_engine::Piece;
use crossbeam_channel::{Receiver, bounded};

use crate::cover::{HashedArchive, StoredBytes};
use crate::pipeline::{panicked, torn_down};
use crate::source::Source;

/// What was seen of an archive that was read whole.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// SHA-256 of the stored bytes.
    pub(crate) checksum: Checksum,
    /// Stored bytes.
    pub(crate) stored_bytes: u64,
    /// Uncompressed bytes.
    pub(crate) raw_bytes: u64,
}

/// Takes pieces; from several threads at once when it was fed with more than one. The control it is given is
/// cancelled when another thread fails.
pub(crate) type Take<'a> = &'a (dyn Fn(&Piece<'_>, &Control<'_>) -> Result<()> + Sync);

/// The order in which sections are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// As they are stored.
    AsStored,
    /// What stands behind the rows first, where an index tells where that is.
    DefinitionsFirst,
}

impl Order {
    fn is_ahead(self, section: Section) -> bool {
        self == Order::DefinitionsFirst && section > Section::Data
    }
}

/// Reads the whole archive and gives every piece to `take`: by the index in up to `threads` threads, otherwise in
/// order in this one.
///
/// Fails with `DamagedBackup` when a frame is not what the index says, or when the whole is not what the manifest
/// says; pieces before that were given already.
pub(crate) fn feed(
    source: &Source<'_>,
    order: Order,
    threads: usize,
    control: &Control<'_>,
    take: Take<'_>,
) -> Result<Seen> {
    let Some(index) = source.index() else {
        if !source.proves_each_piece() {
            checksum(source, control)?;
        }
        let mut stored = source.read_hashed()?;
        let raw_bytes = in_order(source.codec(), &mut stored, source.raw_bytes(), control, take)?;
        return seen(source, stored.into_stored(), raw_bytes);
    };
    let (ahead, rest): (Vec<_>, Vec<_>) =
        index.entries().iter().partition(|entry| order.is_ahead(entry.section));
    let feeding = Feeding::new(index.codec(), threads, index.entries().iter());
    feeding.give(&ahead, control, take, by_range(source, &ahead))?;
    // The whole is read from here on, and hashed: what was given ahead passes once more.
    let mut stored = source.read_hashed()?;
    skip(&mut stored, rest.first().map_or(0, |entry| entry.offset))?;
    feeding.give(&rest, control, take, |entry| read_frame(&mut stored, entry))?;
    seen(source, stored.into_stored(), feeding.bytes())
}

/// Reads what is left, so that bytes behind the last frame are seen too, and compares the whole with the manifest.
fn seen(source: &Source<'_>, mut stored: StoredBytes, raw_bytes: u64) -> Result<Seen> {
    std::io::copy(&mut stored, &mut std::io::sink()).map_err(unreadable)?;
    let seen = Seen { checksum: stored.hasher.finish(), stored_bytes: stored.bytes, raw_bytes };
    source.compare(&seen)?;
    Ok(seen)
}

/// Gives only the frames of some objects to `take`, with those of header and trailer, and reads only their bytes;
/// without an index everything, as [`feed`] does. Returns the uncompressed bytes given.
///
/// Each frame is held against its hash in the index, and the index was held against the manifest.
pub(crate) fn feed_objects(
    source: &Source<'_>,
    objects: &[ObjectName],
    order: Order,
    threads: usize,
    control: &Control<'_>,
    take: Take<'_>,
) -> Result<u64> {
    let Some(index) = source.index() else {
        return Ok(feed(source, order, threads, control, take)?.raw_bytes);
    };
    let always = |entry: &IndexEntry| matches!(entry.section, Section::Header | Section::Trailer);
    let needed = |entry: &&IndexEntry| always(entry) || objects.contains(&entry.object);
    let entries = index.entries().iter().filter(needed).collect();
    feed_entries(source, index.codec(), entries, order, threads, control, take)
}

/// Gives all there is to `take`: the whole archive, or all frames of one of its databases. Returns the uncompressed bytes
/// given.
pub(crate) fn feed_all(
    source: &Source<'_>,
    order: Order,
    threads: usize,
    control: &Control<'_>,
    take: Take<'_>,
) -> Result<u64> {
    match source.index().filter(|_| source.is_part()) {
        Some(index) => {
            let entries = index.entries().iter().collect();
            feed_entries(source, index.codec(), entries, order, threads, control, take)
        }
        None => Ok(feed(source, order, threads, control, take)?.raw_bytes),
    }
}

fn feed_entries(
    source: &Source<'_>,
    codec: CodecKind,
    entries: Vec<&IndexEntry>,
    order: Order,
    threads: usize,
    control: &Control<'_>,
    take: Take<'_>,
) -> Result<u64> {
    let feeding = Feeding::new(codec, threads, entries.iter().copied());
    let (ahead, rest): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| order.is_ahead(entry.section));
    feeding.give(&ahead, control, take, by_range(source, &ahead))?;
    feeding.give(&rest, control, take, by_range(source, &rest))?;
    Ok(feeding.bytes())
}

/// Bytes between two frames that are read over, and not jumped: a request costs more, and where the archive is encrypted
/// each begins and ends with a whole chunk.
const GAP: u64 = 128 << 10;

/// Reads frames where they are; those that lie near each other are read on, a gap is jumped over. No byte is asked for
/// behind the last of them.
fn by_range<'s>(
    source: &'s Source<'_>,
    entries: &[&IndexEntry],
) -> impl FnMut(&IndexEntry) -> Result<Vec<u8>> + 's {
    let end = |entry: &IndexEntry| entry.offset.saturating_add(entry.stored_len);
    let is_near = move |position: u64, offset: u64| offset.checked_sub(position).filter(|gap| *gap <= GAP);
    let runs = entries.chunk_by(|one, next| is_near(end(one), next.offset).is_some());
    let runs: BTreeMap<u64, u64> =
        runs.filter_map(|run| Some((run.first()?.offset, end(run.last()?)))).collect();
    let mut open: Option<(u64, Box<dyn Read + Send>)> = None;
    move |entry| {
        let near =
            open.take().and_then(|(position, reader)| Some((is_near(position, entry.offset)?, reader)));
        let mut reader = match near {
            Some((gap, mut reader)) => {
                skip(&mut reader, gap)?;
                reader
            }
            None => {
                let run = runs.range(..=entry.offset).next_back();
                source.read(Some(entry.offset..run.map_or(end(entry), |(_, end)| *end)))?
            }
        };
        let frame = read_frame(&mut reader, entry)?;
        open = Some((end(entry), reader));
        Ok(frame)
    }
}

/// Reads the stored bytes only, and takes their checksum.
pub(crate) fn checksum(source: &Source<'_>, control: &Control<'_>) -> Result<Seen> {
    let mut stored = source.measured()?;
    let mut buffer = vec![0; 1 << 20];
    let mut progress = Progress { total_bytes: Some(source.size()), ..Progress::default() };
    loop {
        control.check()?;
        let count = stored.read(&mut buffer).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        progress.bytes += count as u64;
        control.reporter.report(&Event::Progress(progress));
    }
    seen(source, stored, source.raw_bytes().unwrap_or_default())
}

fn in_order(
    codec: CodecKind,
    stored: &mut HashedArchive,
    total_bytes: Option<u64>,
    control: &Control<'_>,
    take: Take<'_>,
) -> Result<u64> {
    let mut reader = SequentialReader::new(codec, stored)?;
    let mut progress = Progress { total_bytes, ..Progress::default() };
    let mut data = Vec::new();
    while let Some(piece) = reader.next(&mut data)? {
        control.check()?;
        take(&Piece { raw_offset: piece.raw_offset, section: None, object: None, data: &data }, control)?;
        progress.bytes += data.len() as u64;
        control.reporter.report(&Event::Progress(progress));
    }
    Ok(progress.bytes)
}

/// Frames on their way by an index.
struct Feeding {
    codec: CodecKind,
    threads: usize,
    progress: Mutex<Progress>,
}

impl Feeding {
    /// Begins with `entries`, all that will be given.
    fn new<'a>(codec: CodecKind, threads: usize, entries: impl Iterator<Item = &'a IndexEntry>) -> Self {
        let total_bytes = Some(entries.map(|entry| entry.raw_len).sum());
        let progress = Mutex::new(Progress { total_bytes, ..Progress::default() });
        Feeding { codec, threads: threads.max(1), progress }
    }

    /// Uncompressed bytes given so far.
    fn bytes(&self) -> u64 {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// Reads frame after frame here, and decodes and hands on in other threads; section after section. The first
    /// that fails cancels the others.
    fn give(
        &self,
        entries: &[&IndexEntry],
        control: &Control<'_>,
        take: Take<'_>,
        mut read: impl FnMut(&IndexEntry) -> Result<Vec<u8>>,
    ) -> Result<()> {
        let stop = control.cancel.child();
        let control = &Control { cancel: &stop, ..*control };
        for entries in entries.chunk_by(|one, next| one.section == next.section) {
            let (sender, receiver) = bounded(self.threads);
            scope(|scope| {
                let workers: Vec<_> = (0..self.threads)
                    .map(|_| {
                        let receiver = receiver.clone();
                        scope.spawn(move || {
                            self.decode(&receiver, control, take).inspect_err(|_| control.cancel.cancel())
                        })
                    })
                    .collect();
                drop(receiver);
                let mut read_all = || -> Result<()> {
                    for entry in entries {
                        control.check()?;
                        sender.send((*entry, read(entry)?)).map_err(|_| torn_down())?;
                    }
                    Ok(())
                };
                let mut results = vec![read_all().inspect_err(|_| control.cancel.cancel())];
                drop(sender);
                let joined =
                    workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(panicked())));
                results.extend(joined);
                first_cause(results).map(drop)
            })?;
        }
        Ok(())
    }

    fn decode(
        &self,
        frames: &Receiver<StoredFrame<'_>>,
        control: &Control<'_>,
        take: Take<'_>,
    ) -> Result<()> {
        let mut decoder = self.codec.decoder()?;
        let mut data = Vec::new();
        for (entry, bytes) in frames {
            control.check()?;
            decoder.decode(entry, &bytes, &mut data)?;
            let piece = Piece {
                raw_offset: entry.raw_offset,
                section: Some(entry.section),
                object: Some(&entry.object),
                data: &data,
            };
            take(&piece, control)?;
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.bytes += entry.raw_len;
            control.reporter.report(&Event::Progress(*progress));
        }
        Ok(())
    }
}

type StoredFrame<'a> = (&'a IndexEntry, Vec<u8>);

fn read_frame(stored: &mut dyn Read, entry: &IndexEntry) -> Result<Vec<u8>> {
    // The index is checked: no frame is longer than the limit of the format.
    let mut bytes = vec![0; usize::try_from(entry.stored_len).unwrap_or(usize::MAX)];
    stored.read_exact(&mut bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => cut(),
        _ => unreadable(error),
    })?;
    Ok(bytes)
}

fn skip(stored: &mut impl Read, bytes: u64) -> Result<()> {
    let skipped = std::io::copy(&mut stored.take(bytes), &mut std::io::sink()).map_err(unreadable)?;
    if skipped == bytes { Ok(()) } else { Err(cut()) }
}

fn cut() -> Error {
    Error::new(
        ErrorKind::DamagedBackup,
        "the archive ends too early: it was cut, or never written to its end",
    )
}

fn unreadable(error: std::io::Error) -> Error {
    Error::io("cannot read the archive", error)
}
