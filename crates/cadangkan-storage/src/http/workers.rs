use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use cadangkan_core::{Error, ErrorKind, Result};
use crossbeam_channel::{Receiver, Sender, bounded};

/// One part of an object on its way.
#[derive(Debug)]
pub struct Part<'a> {
    /// From 1 on.
    pub number: u32,
    /// Whether no other follows.
    pub last: bool,
    /// What it holds; empty only where the server has the bytes already.
    pub bytes: &'a [u8],
    /// Set once nobody waits for the answer any more.
    pub stop: &'a AtomicBool,
}

/// Sends one part, and returns what the server says of it.
pub(super) type Send<P> = dyn Fn(Part<'_>) -> Result<P> + std::marker::Send + Sync;

struct Shared<P> {
    send: Box<Send<P>>,
    /// Set when the rest is in vain.
    stop: AtomicBool,
    done: Mutex<Vec<(u32, P)>>,
    failed: Mutex<Option<Error>>,
}

struct Job {
    number: u32,
    last: bool,
    bytes: Vec<u8>,
}

/// Threads that send parts. They are joined by [`finish`](Workers::finish), or when this is dropped.
///
/// A part is handed over only when a thread is free for it, so that there are never more parts in memory than
/// threads and one. A single thread sends them in their order.
pub(super) struct Workers<P> {
    shared: Arc<Shared<P>>,
    jobs: Option<Sender<Job>>,
    spare: Receiver<Vec<u8>>,
    threads: Vec<JoinHandle<()>>,
}

impl<P: std::marker::Send + 'static> Workers<P> {
    pub(super) fn start(threads: usize, send: Box<Send<P>>) -> Result<Self> {
        let stop = AtomicBool::new(false);
        let shared = Arc::new(Shared { send, stop, done: Mutex::default(), failed: Mutex::default() });
        let (jobs, todo) = bounded::<Job>(0);
        let (give, spare) = bounded(threads + 1);
        let mut workers = Workers { shared, jobs: Some(jobs), spare, threads: Vec::new() };
        for _ in 0..threads {
            let (shared, todo, give) = (Arc::clone(&workers.shared), todo.clone(), give.clone());
            let work = move || {
                for job in &todo {
                    shared.send(&job);
                    // Whoever fills the next part may have ended.
                    let _ = give.try_send(job.bytes);
                }
            };
            let thread = Builder::new().name("part".into()).spawn(work);
            workers.threads.push(thread.map_err(|error| Error::io("cannot start a thread", error))?);
        }
        Ok(workers)
    }

    /// Hands a part over, and gives a buffer for the next one.
    pub(super) fn send(&self, number: u32, last: bool, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.shared.check()?;
        let job = Job { number, last, bytes };
        if self.jobs.as_ref().is_none_or(|jobs| jobs.send(job).is_err()) {
            return Err(Error::new(ErrorKind::Internal, "the threads that send parts are gone"));
        }
        let mut spare = self.spare.try_recv().unwrap_or_default();
        spare.clear();
        Ok(spare)
    }

    /// Waits for all parts, in order of their numbers.
    pub(super) fn finish(mut self) -> Result<Vec<P>> {
        let panicked = self.join();
        self.shared.check()?;
        if panicked {
            return Err(Error::new(ErrorKind::Internal, "a thread that sends parts has panicked"));
        }
        let mut parts = std::mem::take(&mut *self.shared.done.lock().unwrap_or_else(PoisonError::into_inner));
        parts.sort_unstable_by_key(|(number, _)| *number);
        Ok(parts.into_iter().map(|(_, part)| part).collect())
    }
}

impl<P> Workers<P> {
    /// Stops: parts on their way are the last.
    pub(super) fn cancel(mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.join();
    }

    fn join(&mut self) -> bool {
        self.jobs = None;
        self.threads.drain(..).map(JoinHandle::join).filter(Result::is_err).count() > 0
    }
}

impl<P> Drop for Workers<P> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.join();
    }
}

impl<P> Shared<P> {
    fn check(&self) -> Result<()> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.take().map_or(Ok(()), Err)
    }

    fn send(&self, job: &Job) {
        if self.stop.load(Ordering::Relaxed) {
            return;
        }
        let part = Part { number: job.number, last: job.last, bytes: &job.bytes, stop: &self.stop };
        match (self.send)(part) {
            Ok(part) => self.done.lock().unwrap_or_else(PoisonError::into_inner).push((job.number, part)),
            Err(error) => {
                self.stop.store(true, Ordering::Relaxed);
                self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
    }
}
