use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};

use super::reader::Fetch;

/// Bytes of one segment: the parts of an upload are as large.
pub(super) const SEGMENT: u64 = 8 << 20;
/// Bytes that are read between two looks at whether anybody still waits for them.
const BLOCK: u64 = 256 << 10;

/// How many segments of 8 MiB the readers of a storage may have in memory or on their way, all of them together: a
/// server gives one connection a fraction of what it has (Amazon names 85 to 90 MB/s).
#[derive(Clone, Debug)]
pub struct Ahead {
    free: Arc<AtomicUsize>,
    is_off: Arc<AtomicBool>,
}

impl Ahead {
    /// Lets so many connections fetch at once; with one, nothing is fetched before it is asked for.
    pub fn new(connections: usize) -> Self {
        Ahead {
            free: Arc::new(AtomicUsize::new(connections)),
            is_off: Arc::new(AtomicBool::new(connections <= 1)),
        }
    }

    /// Fetches nothing before it is asked for, from now on.
    pub fn turn_off(&self) {
        self.is_off.store(true, Ordering::Release);
    }

    pub(super) fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Acquire)
    }

    /// How many more there may be.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free.load(Ordering::Acquire)
    }

    fn take(&self) -> Option<Permit> {
        if self.is_off() {
            return None;
        }
        let less = |free: usize| free.checked_sub(1);
        self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).ok()?;
        Some(Permit(Arc::clone(&self.free)))
    }
}

/// Room for one segment, given back when it is dropped.
struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// A range of an object that a thread fetches into memory. Dropping it ends the thread.
pub(super) struct Segment {
    pub(super) range: Range<u64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<u8>>>,
    permit: Option<Permit>,
}

impl Segment {
    /// Begins to fetch a range of this version; `None` while there is no room for it, or no thread.
    pub(super) fn begin(ahead: &Ahead, fetch: &Arc<Fetch>, version: &str, range: Range<u64>) -> Option<Self> {
        let permit = Some(ahead.take()?);
        let stop = Arc::new(AtomicBool::new(false));
        let (fetch, version, wanted) = (Arc::clone(fetch), version.to_owned(), range.clone());
        let stopped = Arc::clone(&stop);
        let work = move || gather(&fetch, &version, &wanted, &stopped);
        let thread = Some(Builder::new().name("read ahead".into()).spawn(work).ok()?);
        Some(Segment { range, stop, thread, permit })
    }

    /// Waits for its bytes: fewer than were asked for, or none, when something failed. Whoever asks for the rest finds out
    /// what.
    pub(super) fn finish(mut self) -> Ready {
        let bytes = self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        Ready { bytes: io::Cursor::new(bytes), _permit: self.permit.take() }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// The bytes of a segment, in memory.
pub(super) struct Ready {
    bytes: io::Cursor<Vec<u8>>,
    _permit: Option<Permit>,
}

impl Read for Ready {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

/// Fetches as much of a range as comes by one request.
fn gather(fetch: &Arc<Fetch>, version: &str, range: &Range<u64>, stop: &AtomicBool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let asked = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
    let Ok(Some((_, body))) = fetch(&asked, Some(version)) else { return bytes };
    let mut left = range.end.saturating_sub(range.start);
    bytes.reserve_exact(usize::try_from(left).unwrap_or(0));
    let mut body = body.into_reader();
    while left > 0 && !stop.load(Ordering::Relaxed) {
        match body.by_ref().take(left.min(BLOCK)).read_to_end(&mut bytes) {
            Ok(0) | Err(_) => break,
            Ok(count) => left = left.saturating_sub(count as u64),
        }
    }
    if left == 0 {
        // Read to the end of the body, so that the connection is used again.
        let _ = body.read(&mut [0; 1]);
    }
    bytes
}
