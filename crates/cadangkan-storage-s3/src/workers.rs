//! Sends the parts of an upload, several at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cadangkan_core::{Error, ErrorKind, Result};
use crossbeam_channel::{Receiver, Sender, bounded};
use ring::digest::Digest;

use crate::client::Client;
use crate::request::{Request, sha256};

/// A part that the server has.
pub(crate) struct Part {
    pub(crate) number: u32,
    pub(crate) tag: String,
    pub(crate) digest: Digest,
}

/// What the parts of one upload have in common.
pub(crate) struct Shared {
    pub(crate) client: Arc<Client>,
    pub(crate) key: String,
    pub(crate) upload: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) checksums: bool,
    /// Set when the rest is in vain.
    stop: AtomicBool,
    done: Mutex<Vec<Part>>,
    failed: Mutex<Option<Error>>,
}

/// Threads that send parts. They are joined by [`finish`](Workers::finish), or when this is dropped.
///
/// A part is handed over only when a thread is free for it, so that there are never more parts in memory than
/// threads and one.
pub(crate) struct Workers {
    shared: Arc<Shared>,
    jobs: Option<Sender<(u32, Vec<u8>)>>,
    spare: Receiver<Vec<u8>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    pub(crate) fn start(
        client: Arc<Client>,
        key: String,
        upload: String,
        headers: Vec<(String, String)>,
        checksums: bool,
        threads: usize,
    ) -> Result<Self> {
        let shared = Arc::new(Shared {
            client,
            key,
            upload,
            headers,
            checksums,
            stop: AtomicBool::new(false),
            done: Mutex::default(),
            failed: Mutex::default(),
        });
        let (jobs, todo) = bounded::<(u32, Vec<u8>)>(0);
        let (give, spare) = bounded(threads + 1);
        let mut workers = Workers { shared, jobs: Some(jobs), spare, threads: Vec::new() };
        for _ in 0..threads {
            let (shared, todo, give) = (Arc::clone(&workers.shared), todo.clone(), give.clone());
            let work = move || {
                for (number, bytes) in &todo {
                    shared.send(number, &bytes);
                    // Whoever fills the next part may have ended.
                    let _ = give.try_send(bytes);
                }
            };
            let thread = Builder::new().name("s3 part".into()).spawn(work);
            workers.threads.push(thread.map_err(|error| Error::io("cannot start a thread", error))?);
        }
        Ok(workers)
    }

    /// Hands a part over, and gives a buffer for the next one.
    pub(crate) fn send(&self, number: u32, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.shared.check()?;
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send((number, bytes)).is_ok());
        if !sent {
            return Err(Error::new(ErrorKind::Internal, "the threads that send parts are gone"));
        }
        let mut spare = self.spare.try_recv().unwrap_or_default();
        spare.clear();
        Ok(spare)
    }

    /// Waits for all parts, in order of their numbers.
    pub(crate) fn finish(mut self) -> Result<Vec<Part>> {
        let panicked = self.join();
        self.shared.check()?;
        if panicked {
            return Err(Error::new(ErrorKind::Internal, "a thread that sends parts has panicked"));
        }
        let mut parts = std::mem::take(&mut *self.shared.done.lock().unwrap_or_else(PoisonError::into_inner));
        parts.sort_unstable_by_key(|part| part.number);
        Ok(parts)
    }

    /// Stops: parts on their way are the last.
    pub(crate) fn cancel(mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.join();
    }

    fn join(&mut self) -> bool {
        self.jobs = None;
        self.threads.drain(..).map(JoinHandle::join).filter(Result::is_err).count() > 0
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.join();
    }
}

impl Shared {
    fn check(&self) -> Result<()> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.take().map_or(Ok(()), Err)
    }

    fn send(&self, number: u32, bytes: &[u8]) {
        if self.stop.load(Ordering::Relaxed) {
            return;
        }
        match self.put(number, bytes) {
            Ok(part) => self.done.lock().unwrap_or_else(PoisonError::into_inner).push(part),
            Err(error) => {
                self.stop.store(true, Ordering::Relaxed);
                self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
    }

    fn put(&self, number: u32, bytes: &[u8]) -> Result<Part> {
        let digest = sha256(bytes);
        let sum = BASE64.encode(digest.as_ref());
        let mut request = Request::new(http::Method::PUT, self.key.as_str(), "s3:PutObject")
            .query("partNumber", number.to_string())
            .query("uploadId", self.upload.as_str())
            .headers(&self.headers)
            .body(bytes)
            .digest(digest);
        if self.checksums {
            request = request.header("x-amz-checksum-sha256", sum.as_str());
        }
        request.stop = Some(&self.stop);
        let answer = self.client.send(&request, self.client.backoff())?;
        same_sum(answer.header("x-amz-checksum-sha256"), &sum, &self.key)?;
        let tag = answer.header("etag").unwrap_or_default().to_owned();
        Ok(Part { number, tag, digest })
    }
}

/// Compares the server's sum with ours, where it gives one.
pub(crate) fn same_sum(theirs: Option<&str>, ours: &str, key: &str) -> Result<()> {
    if theirs.is_none_or(|theirs| theirs == ours) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Io, "the server got other bytes than were sent")
        .context("key", key)
        .hint("check the network and any proxy in between"))
}
