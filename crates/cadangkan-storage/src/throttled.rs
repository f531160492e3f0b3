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
        inner.read_no_more_than_asked();
        let line = Line { free: Instant::now(), credit: 0 };
        let gate = Gate { bytes_per_second: bytes_per_second.max(1), line: Mutex::new(line) };
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
    line: Mutex<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    /// When the next byte may pass.
    free: Instant,
    /// Bytes that have waited for their turn and then did not need it: as many others pass at once.
    credit: u64,
}

impl Gate {
    /// Waits until these bytes may pass.
    fn pass(&self, bytes: usize) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let (wait, next) = turn(Instant::now(), *line, bytes as u64, self.bytes_per_second);
        *line = next;
        // Others take their turn behind this one while it waits.
        drop(line);
        std::thread::sleep(wait);
    }

    /// Gives the turns of bytes back that did not go through.
    fn give_back(&self, bytes: u64) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.credit = line.credit.saturating_add(bytes);
    }
}

/// How long bytes wait, and when the next ones may pass. Time in which nothing passed is not saved up.
fn turn(now: Instant, line: Line, bytes: u64, bytes_per_second: u64) -> (Duration, Line) {
    let credited = bytes.min(line.credit);
    if credited == bytes {
        return (Duration::ZERO, Line { credit: line.credit - credited, ..line });
    }
    let begin = line.free.max(now);
    let takes = Duration::from_secs_f64((bytes - credited) as f64 / bytes_per_second as f64);
    let free = begin.checked_add(takes).unwrap_or(begin);
    (begin.duration_since(now), Line { free, credit: line.credit - credited })
}

impl Layer for Throttled {
    fn inner(&self) -> &dyn Storage {
        self.inner.as_ref()
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        let inner = self.inner.begin_write(key, options)?;
        Ok(Box::new(ThrottledWriter { inner, gate: Arc::clone(&self.gate), passed_over: 0 }))
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        let inner = self.inner.read(key, range)?;
        Ok(Box::new(ThrottledReader { inner, gate: Arc::clone(&self.gate) }))
    }
}

struct ThrottledWriter {
    inner: Box<dyn StorageWriter>,
    gate: Arc<Gate>,
    /// What was given back.
    passed_over: u64,
}

impl StorageWriter for ThrottledWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        bytes.chunks(PIECE).try_for_each(|piece| {
            self.gate.pass(piece.len());
            self.inner.write(piece)?;
            let passed_over = self.inner.passed_over();
            self.gate.give_back(passed_over.saturating_sub(self.passed_over));
            self.passed_over = passed_over;
            Ok(())
        })
    }

    fn passed_over(&self) -> u64 {
        self.passed_over
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
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn turns_follow_each_other_at_the_rate_and_idle_time_is_lost() {
        let start = Instant::now();
        let seconds = Duration::from_secs;
        let line = |free| Line { free, credit: 0 };
        let (wait, next) = turn(start, line(start), 1000, 100);
        assert_eq!((wait, next), (Duration::ZERO, line(start + seconds(10))));
        // The next one comes at once, and waits.
        let (wait, next) = turn(start, next, 500, 100);
        assert_eq!((wait, next), (seconds(10), line(start + seconds(15))));
        // Long after, nothing was saved up.
        let late = start + seconds(100);
        assert_eq!(turn(late, next, 100, 100), (Duration::ZERO, line(late + seconds(1))));
        assert_eq!(turn(late, next, 0, u64::MAX).0, Duration::ZERO);
    }

    #[test]
    fn turns_that_were_given_back_are_others() {
        let start = Instant::now();
        let line = Line { free: start + Duration::from_secs(10), credit: 300 };
        let (wait, next) = turn(start, line, 200, 100);
        assert_eq!((wait, next), (Duration::ZERO, Line { credit: 100, ..line }));
        let (wait, next) = turn(start, next, 300, 100);
        let free = line.free + Duration::from_secs(2);
        assert_eq!((wait, next), (Duration::from_secs(10), Line { free, credit: 0 }));
    }

    /// Notes what it is asked.
    struct Asked(Box<dyn Storage>, Arc<AtomicBool>);

    impl Layer for Asked {
        fn inner(&self) -> &dyn Storage {
            self.0.as_ref()
        }

        fn read_no_more_than_asked(&self) {
            self.1.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn nothing_is_read_ahead_of_a_limit() {
        let asked = Arc::new(AtomicBool::new(false));
        let folder = Box::new(crate::Local::new("/nowhere"));
        drop(Throttled::new(Box::new(Asked(folder, Arc::clone(&asked))), 1));
        assert!(asked.load(Ordering::Relaxed));
    }

    /// Says of each byte that the server had it already.
    struct HadAll(u64);

    impl StorageWriter for HadAll {
        fn write(&mut self, bytes: &[u8]) -> Result<()> {
            self.0 += bytes.len() as u64;
            Ok(())
        }

        fn passed_over(&self) -> u64 {
            self.0
        }

        fn close(self: Box<Self>) -> Result<ObjectInfo> {
            Err(cadangkan_core::Error::new(cadangkan_core::ErrorKind::Internal, "nobody closes it"))
        }

        fn abort(self: Box<Self>) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_the_server_had_takes_no_time_of_others() {
        let line = Line { free: Instant::now(), credit: 0 };
        let gate = Arc::new(Gate { bytes_per_second: 1 << 40, line: Mutex::new(line) });
        let mut writer =
            ThrottledWriter { inner: Box::new(HadAll(0)), gate: Arc::clone(&gate), passed_over: 0 };
        writer.write(&[0; 3 * PIECE]).unwrap();
        // The first piece has waited; the others went by its turn, which is free again.
        assert_eq!(gate.line.lock().unwrap().credit, PIECE as u64);
        assert_eq!(writer.passed_over(), 3 * PIECE as u64);
    }
}
