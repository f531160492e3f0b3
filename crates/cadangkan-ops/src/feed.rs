//! An archive on its way back: read once, checked, decoded and handed on piece by piece.

use std::io::Read;
use std::sync::Mutex;
use std::thread::scope;

use cadangkan_archive::{Checksum, ChecksumHasher, CodecKind, Index, IndexEntry, SequentialReader};
use cadangkan_core::{Control, Error, ErrorKind, Event, Progress, Result, Section};
use cadangkan_engine::Piece;
use crossbeam_channel::{Receiver, bounded};

use crate::pipeline::{first_cause, panicked, torn_down};
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

/// Takes pieces; from several threads at once when it was fed with more than one.
pub(crate) type Take<'a> = &'a (dyn Fn(&Piece<'_>) -> Result<()> + Sync);

/// Reads the whole archive and gives every piece to `take`: by the index in up to `threads` threads, otherwise in
/// order in this one.
///
/// Fails with `DamagedBackup` when a frame is not what the index says, or when the whole is not what the manifest
/// says; pieces before that were given already.
pub(crate) fn feed(
    source: &Source<'_>,
    threads: usize,
    control: &Control<'_>,
    take: Take<'_>,
) -> Result<Seen> {
    let mut stored = Stored::open(source)?;
    let raw_bytes = match source.index() {
        Some(index) => by_index(index, &mut stored, threads, control, take)?,
        None => in_order(source.codec(), &mut stored, source.raw_bytes(), control, take)?,
    };
    let seen = stored.finish(raw_bytes)?;
    source.compare(&seen)?;
    Ok(seen)
}

/// Reads the stored bytes only, and takes their checksum.
pub(crate) fn checksum(source: &Source<'_>, control: &Control<'_>) -> Result<Seen> {
    let mut stored = Stored::open(source)?;
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
    let seen = stored.finish(source.raw_bytes().unwrap_or_default())?;
    source.compare(&seen)?;
    Ok(seen)
}

/// The stored bytes, hashed as they pass.
struct Stored {
    reader: Box<dyn Read + Send>,
    hasher: ChecksumHasher,
    bytes: u64,
}

impl Stored {
    fn open(source: &Source<'_>) -> Result<Self> {
        Ok(Stored { reader: source.read(None)?, hasher: ChecksumHasher::new(), bytes: 0 })
    }

    /// Reads what is left, so that bytes behind the last frame are seen too.
    fn finish(mut self, raw_bytes: u64) -> Result<Seen> {
        std::io::copy(&mut self, &mut std::io::sink()).map_err(unreadable)?;
        Ok(Seen { checksum: self.hasher.finish(), stored_bytes: self.bytes, raw_bytes })
    }
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        Ok(count)
    }
}

fn in_order(
    codec: CodecKind,
    stored: &mut Stored,
    total_bytes: Option<u64>,
    control: &Control<'_>,
    take: Take<'_>,
) -> Result<u64> {
    let mut reader = SequentialReader::new(codec, stored)?;
    let mut progress = Progress { total_bytes, ..Progress::default() };
    let mut data = Vec::new();
    while let Some(piece) = reader.next(&mut data)? {
        control.check()?;
        take(&Piece { raw_offset: piece.raw_offset, section: None, object: None, data: &data })?;
        progress.bytes += data.len() as u64;
        control.reporter.report(&Event::Progress(progress));
    }
    Ok(progress.bytes)
}

/// Reads frame after frame here, and decodes and hands on in `threads` others; section after section.
fn by_index(
    index: &Index,
    stored: &mut Stored,
    threads: usize,
    control: &Control<'_>,
    take: Take<'_>,
) -> Result<u64> {
    let progress = Mutex::new(Progress { total_bytes: Some(index.raw_bytes()), ..Progress::default() });
    let prologue = index.entries().first().map_or(0, |entry| entry.offset);
    skip(stored, prologue)?;
    for section in Section::ALL {
        let entries: Vec<_> = index.entries().iter().filter(|entry| entry.section == section).collect();
        if entries.is_empty() {
            continue;
        }
        let (sender, receiver) = bounded(threads);
        scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1))
                .map(|_| {
                    let (receiver, progress) = (receiver.clone(), &progress);
                    scope.spawn(move || decode(index.codec(), &receiver, progress, control, take))
                })
                .collect();
            drop(receiver);
            let read =
                read_frames(&entries, stored, control, |frame| sender.send(frame).map_err(|_| torn_down()));
            drop(sender);
            let mut results = vec![read];
            results
                .extend(workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(panicked()))));
            first_cause(results)
        })?;
    }
    Ok(progress.lock().map_or(0, |progress| progress.bytes))
}

type StoredFrame<'a> = (&'a IndexEntry, Vec<u8>);

fn read_frames<'a>(
    entries: &[&'a IndexEntry],
    stored: &mut Stored,
    control: &Control<'_>,
    mut send: impl FnMut(StoredFrame<'a>) -> Result<()>,
) -> Result<()> {
    for entry in entries {
        control.check()?;
        // The index is checked: no frame is longer than the limit of the format.
        let mut bytes = vec![0; usize::try_from(entry.stored_len).unwrap_or(usize::MAX)];
        stored.read_exact(&mut bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => cut(),
            _ => unreadable(error),
        })?;
        send((entry, bytes))?;
    }
    Ok(())
}

fn decode(
    codec: CodecKind,
    frames: &Receiver<StoredFrame<'_>>,
    progress: &Mutex<Progress>,
    control: &Control<'_>,
    take: Take<'_>,
) -> Result<()> {
    let mut decoder = codec.decoder()?;
    let mut data = Vec::new();
    for (entry, bytes) in frames {
        control.check()?;
        decoder.decode(entry, &bytes, &mut data)?;
        take(&Piece {
            raw_offset: entry.raw_offset,
            section: Some(entry.section),
            object: Some(&entry.object),
            data: &data,
        })?;
        if let Ok(mut progress) = progress.lock() {
            progress.bytes += entry.raw_len;
            control.reporter.report(&Event::Progress(*progress));
        }
    }
    Ok(())
}

fn skip(stored: &mut Stored, bytes: u64) -> Result<()> {
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
