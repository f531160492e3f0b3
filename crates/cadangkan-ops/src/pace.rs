//! How far each of the storages has come with the same work, and how long it worked on it.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cadangkan_core::{Control, Event, Name, Progress, StorageProgress};

/// What one storage has done so far; written by its own thread, read by any.
#[derive(Debug)]
pub(crate) struct Pace<'a> {
    storage: &'a Name,
    bytes: AtomicU64,
    micros: AtomicU64,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(storage: &'a Name) -> Arc<Self> {
        Arc::new(Pace { storage, bytes: AtomicU64::new(0), micros: AtomicU64::new(0) })
    }

    /// Does some of the work, and adds the time that it takes.
    pub(crate) fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        done
    }

    /// Adds bytes that are done.
    pub(crate) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How far it is.
    pub(crate) fn so_far(&self) -> StorageProgress<'a> {
        let took = Duration::from_micros(self.micros.load(Ordering::Relaxed));
        StorageProgress { storage: self.storage, bytes: self.bytes.load(Ordering::Relaxed), took }
    }
}

/// Tells how far each is, where there are several.
pub(crate) fn tell(paces: &[Arc<Pace<'_>>], control: &Control<'_>) {
    if paces.len() > 1 {
        let storages: Vec<_> = paces.iter().map(|pace| pace.so_far()).collect();
        control.reporter.report(&Event::Storages(&storages));
    }
}

/// An archive that is read, and how far that has come.
pub(crate) struct Paced<'a, R> {
    pub(crate) reader: R,
    pub(crate) pace: Arc<Pace<'a>>,
    /// Those of all storages in which it is read.
    pub(crate) all: &'a [Arc<Pace<'a>>],
    pub(crate) total_bytes: u64,
    pub(crate) control: &'a Control<'a>,
}

impl<R: Read> Read for Paced<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.pace.time(|| self.reader.read(buffer))?;
        self.pace.add(count);
        tell(self.all, self.control);
        // The slowest is the one that all wait for.
        let bytes = self.all.iter().map(|pace| pace.so_far().bytes).min().unwrap_or_default();
        let total_bytes = Some(self.total_bytes);
        let progress = Progress { bytes, total_bytes, ..Progress::default() };
        self.control.reporter.report(&Event::Progress(progress));
        Ok(count)
    }
}
