use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cadangkan_core::Result;

use crate::{Key, Layer, ObjectInfo, Storage, StorageWriter, WriteOptions};

/// Bytes that pass at once; what is longer waits in between, so that the line is used evenly.
const PIECE: usize = 64 << 10;

/// A storage whose contents pass no faster than a limit: all its writers and readers of this process together.
pub struct Throttled {
    inner: Box<dyn Storage>,
    gate: Arc<Gate>,
}

impl Throttled {
    /// Puts a limit on a storage, in bytes a second.
    pub fn new(inner: Box<dyn Storage>, bytes_per_second: u64) -> Self {
        let gate = Gate { bytes_per_second: bytes_per_second.max(1), free: Mutex::new(Instant::now()) };
        Throttled { inner, gate: Arc::new(gate) }
    }
}

impl std::fmt::Debug for Throttled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Throttled").field("location", &self.location()).finish_non_exhaustive()
    }
}

/// Lets bytes through one after the other.
struct Gate {
    bytes_per_second: u64,
    /// When the next byte may pass.
    free: Mutex<Instant>,
}

impl Gate {
    /// Waits until these bytes may pass.
    fn pass(&self, bytes: usize) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (wait, next) = turn(now, *free, bytes, self.bytes_per_second);
        *free = next;
        // Others take their turn behind this one while it waits.
        drop(free);
        std::thread::sleep(wait);
    }
}

/// How long bytes wait, and when the next ones may pass. Time in which nothing passed is not saved up.
fn turn(now: Instant, free: Instant, bytes: usize, bytes_per_second: u64) -> (Duration, Instant) {
    let begin = free.max(now);
    let takes = Duration::from_secs_f64(bytes as f64 / bytes_per_second as f64);
    (begin.duration_since(now), begin.checked_add(takes).unwrap_or(begin))
}

impl Layer for Throttled {
    fn inner(&self) -> &dyn Storage {
        self.inner.as_ref()
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        let inner = self.inner.begin_write(key, options)?;
        Ok(Box::new(ThrottledWriter { inner, gate: Arc::clone(&self.gate) }))
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        let inner = self.inner.read(key, range)?;
        Ok(Box::new(ThrottledReader { inner, gate: Arc::clone(&self.gate) }))
    }
}

struct ThrottledWriter {
    inner: Box<dyn StorageWriter>,
    gate: Arc<Gate>,
}

impl StorageWriter for ThrottledWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        bytes.chunks(PIECE).try_for_each(|piece| {
            self.gate.pass(piece.len());
            self.inner.write(piece)
        })
    }

    fn close(self: Box<Self>) -> Result<ObjectInfo> {
        self.inner.close()
    }

    fn abort(self: Box<Self>) -> Result<()> {
        self.inner.abort()
    }
}

struct ThrottledReader {
    inner: Box<dyn Read + Send>,
    gate: Arc<Gate>,
}

impl Read for ThrottledReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let room = buffer.len().min(PIECE);
        let count = self.inner.read(buffer.get_mut(..room).unwrap_or_default())?;
        self.gate.pass(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_each_other_at_the_rate_and_idle_time_is_lost() {
        let start = Instant::now();
        let seconds = Duration::from_secs;
        let (wait, free) = turn(start, start, 1000, 100);
        assert_eq!((wait, free), (Duration::ZERO, start + seconds(10)));
        // The next one comes at once, and waits.
        let (wait, free) = turn(start, free, 500, 100);
        assert_eq!((wait, free), (seconds(10), start + seconds(15)));
        // Long after, nothing was saved up.
        let late = start + seconds(100);
        assert_eq!(turn(late, free, 100, 100), (Duration::ZERO, late + seconds(1)));
        assert_eq!(turn(late, free, 0, u64::MAX).0, Duration::ZERO);
    }
}
