//! One stream of bytes to several storages at once, each as fast as it can, the slowest setting the pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

use cadangkan_core::{Control, Level, Result, format_duration};
use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded};

use crate::copy::CopyDraft;
use crate::pace;
use crate::pipeline::{FRAME_BYTES, panicked, torn_down};

/// Pieces that wait for one storage. The storages share them, so that there are never more than two besides, however
/// many storages there are.
const WAITING: usize = 2;

/// The most bytes that wait: these two, the one that comes, and the one that the slowest storage is writing.
pub(crate) const MEMORY: u64 = (WAITING as u64 + 2) * FRAME_BYTES;

/// How often a wait for a storage looks whether somebody asked to stop.
const LOOK: Duration = Duration::from_millis(200);

/// What a run gives its bytes to.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<()>;

/// Runs `run`, and gives what it writes to every one of `copies`, in a thread of its own each. One that fails is left
/// behind, and the others go on; `run` fails when none is left.
///
/// Returns what `run` did, and what became of each copy.
pub(crate) fn tee<T>(
    copies: Vec<&mut CopyDraft<'_>>,
    control: &Control<'_>,
    run: impl FnOnce(Sink<'_>) -> Result<T>,
) -> (Result<T>, Vec<Result<()>>) {
    let stopped = AtomicBool::new(false);
    let paces: Vec<_> = copies.iter().map(|copy| copy.writing()).collect();
    scope(|scope| {
        let (mut lanes, mut threads) = (Vec::new(), Vec::new());
        for copy in copies {
            let (sender, receiver) = bounded(WAITING);
            let name = copy.place().name.as_str();
            lanes.push(Lane { name, sender: Some(sender), waited: Duration::ZERO });
            threads.push(scope.spawn(|| write_all(copy, receiver, &stopped)));
        }
        let result = run(&mut |bytes| {
            pace::tell(&paces, control);
            send(&mut lanes, bytes, control)
        });
        // What waits is not worth writing any more.
        stopped.store(result.is_err(), Ordering::Relaxed);
        for lane in lanes {
            let text = format!("storage {} held the dump up for {}", lane.name, format_duration(lane.waited));
            control.message(Level::Debug, &text);
        }
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<()>>| thread.join();
        let written = threads.into_iter().map(|thread| join(thread).unwrap_or_else(|_| Err(panicked())));
        (result, written.collect())
    })
}

/// The way to one storage.
struct Lane<'a> {
    name: &'a str,
    /// None once the storage has failed.
    sender: Option<Sender<Arc<[u8]>>>,
    waited: Duration,
}

fn send(lanes: &mut [Lane<'_>], bytes: &[u8], control: &Control<'_>) -> Result<()> {
    let piece: Arc<[u8]> = Arc::from(bytes);
    for lane in lanes.iter_mut() {
        let Some(sender) = &lane.sender else { continue };
        let began = Instant::now();
        let mut waiting = Arc::clone(&piece);
        loop {
            match sender.send_timeout(waiting, LOOK) {
                Ok(()) => break,
                Err(SendTimeoutError::Timeout(back)) => {
                    control.check()?;
                    waiting = back;
                }
                // Its thread knows why.
                Err(SendTimeoutError::Disconnected(_)) => {
                    lane.sender = None;
                    break;
                }
            }
        }
        lane.waited += began.elapsed();
    }
    if lanes.iter().any(|lane| lane.sender.is_some()) { Ok(()) } else { Err(torn_down()) }
}

fn write_all(copy: &mut CopyDraft<'_>, pieces: Receiver<Arc<[u8]>>, stopped: &AtomicBool) -> Result<()> {
    for piece in pieces {
        if stopped.load(Ordering::Relaxed) {
            return Ok(());
        }
        copy.write(&piece)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::atomic::AtomicUsize;

    use cadangkan_core::{Cancel, Name, NoReporter};
    use cadangkan_storage::{Key, Layer, Memory, ObjectInfo, Storage, StorageWriter, WriteOptions};
    use cadangkan_testkit::FakeClock;

    use super::*;
    use crate::Place;

    const PIECES: usize = 50;

    /// Takes a piece only when it cannot be sent another one, so that it is as slow as can be.
    struct Slowest {
        inner: Memory,
        sent: Arc<AtomicUsize>,
    }

    struct SlowestWriter {
        inner: Box<dyn StorageWriter>,
        sent: Arc<AtomicUsize>,
        taken: usize,
    }

    impl StorageWriter for SlowestWriter {
        fn write(&mut self, bytes: &[u8]) -> Result<()> {
            // One is here, and as many wait; then the next one is under way.
            let most = self.taken + 1 + WAITING;
            while self.sent.load(Ordering::SeqCst) < most.min(PIECES) {
                std::thread::yield_now();
            }
            for _ in 0..1000 {
                std::thread::yield_now();
                let sent = self.sent.load(Ordering::SeqCst);
                assert!(sent <= most, "{sent} pieces were sent, {} are stored", self.taken);
            }
            self.taken += 1;
            self.inner.write(bytes)
        }

        fn close(self: Box<Self>) -> Result<ObjectInfo> {
            self.inner.close()
        }

        fn abort(self: Box<Self>) -> Result<()> {
            self.inner.abort()
        }
    }

    impl Layer for Slowest {
        fn inner(&self) -> &dyn Storage {
            &self.inner
        }

        fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
            let inner = self.inner.begin_write(key, options)?;
            Ok(Box::new(SlowestWriter { inner, sent: Arc::clone(&self.sent), taken: 0 }))
        }
    }

    #[test]
    fn the_slowest_of_three_storages_sets_the_pace_and_all_get_all() {
        let sent = Arc::new(AtomicUsize::new(0));
        let memories = [Memory::new(), Memory::new(), Memory::new()];
        let slowest = Slowest { inner: memories[1].clone(), sent: Arc::clone(&sent) };
        let storages: [&dyn Storage; 3] = [&memories[0], &slowest, &memories[2]];
        let names = ["a", "b", "c"].map(|name| Name::new(name).unwrap());
        let places = names.iter().zip(storages).map(|(name, storage)| Place { name, storage });
        let mut copies: Vec<_> = places.map(CopyDraft::new).collect();
        let key = Key::new("archive").unwrap();
        copies.iter_mut().for_each(|copy| copy.begin(&key, &WriteOptions::default()).unwrap());
        let (cancel, clock) = (Cancel::default(), FakeClock::default());
        let control = Control { cancel: &cancel, reporter: &NoReporter, clock: &clock };
        let (result, written) = tee(copies.iter_mut().collect(), &control, |sink| {
            for number in 0..PIECES {
                sink(&[u8::try_from(number).unwrap(); 3])?;
                sent.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        });
        result.unwrap();
        written.into_iter().for_each(|written| written.unwrap());
        let expected: Vec<_> = (0..PIECES).flat_map(|number| [u8::try_from(number).unwrap(); 3]).collect();
        for (copy, memory) in copies.iter_mut().zip(&memories) {
            copy.close().unwrap();
            let mut found = Vec::new();
            memory.read(&key, None).unwrap().read_to_end(&mut found).unwrap();
            assert_eq!(found, expected);
        }
    }
}
