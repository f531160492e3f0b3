//! Gives what is written to the disk while more is being written.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};

/// How much is written before the disk is asked to take it, in bytes: far more than a disk needs to be busy,
/// far less than what makes the last fsync long.
const STRIDE: u64 = 32 << 20;

/// Calls `fdatasync` from a thread of its own after each stride, so that little is left for the fsync at the end.
///
/// Without it the kernel gathers gigabytes before it begins, and the disk idles meanwhile. The thread starts with
/// the first full stride and is joined by [`stop`](Flusher::stop), at the latest when this is dropped.
#[derive(Default)]
pub(super) struct Flusher {
    waiting: u64,
    worker: Option<Worker>,
}

struct Worker {
    wake: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Flusher {
    /// Is told of bytes that were written to `file`, always the same one. Fails when the disk has failed since.
    pub(super) fn wrote(&mut self, file: &File, bytes: usize) -> io::Result<()> {
        self.waiting = self.waiting.saturating_add(bytes as u64);
        if self.waiting < STRIDE {
            return Ok(());
        }
        self.waiting = 0;
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => start(file.try_clone()?)?,
        };
        match worker.wake.try_send(()) {
            // Full: the next call of fdatasync, which is due already, takes these bytes along.
            Ok(()) | Err(TrySendError::Full(())) => {
                self.worker = Some(worker);
                Ok(())
            }
            Err(TrySendError::Disconnected(())) => join(worker),
        }
    }

    /// Waits for the thread. An error it met must fail the writer: the kernel reports it only once.
    pub(super) fn stop(&mut self) -> io::Result<()> {
        self.worker.take().map_or(Ok(()), join)
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        // Dropped without a stop only when the file is thrown away.
        let _ = self.stop();
    }
}

fn start(file: File) -> io::Result<Worker> {
    let (wake, wakes) = sync_channel(1);
    let work = move || wakes.iter().try_for_each(|()| file.sync_data());
    Ok(Worker { wake, thread: Builder::new().name("flush".into()).spawn(work)? })
}

fn join(worker: Worker) -> io::Result<()> {
    drop(worker.wake);
    worker.thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that flushes has panicked")))
}
