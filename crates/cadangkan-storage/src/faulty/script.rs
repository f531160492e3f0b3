use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cadangkan_core::{Error, ErrorKind, Result};

/// A call that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `Storage::check`; it has no key.
    Check,
    /// `Storage::begin_write`.
    BeginWrite,
    /// `StorageWriter::write`, counted over all writers that match.
    Write,
    /// `StorageWriter::close`.
    Close,
    /// `Storage::read`.
    Read,
    /// `Storage::stat`.
    Stat,
    /// `Storage::list`; its folder is taken for the key.
    List,
    /// `Storage::delete`.
    Delete,
}

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The call fails and does nothing. At `Close` it stands for a failed fsync: nothing becomes visible.
    Fail(ErrorKind),
    /// At `Write`: half of the bytes are written, and then the call fails.
    ShortWrite(ErrorKind),
    /// At `BeginWrite` or `Read`: the lowest bit of the byte at this place in the object is flipped on its way.
    FlipBit {
        /// The place, counted from the beginning of the object.
        offset: u64,
    },
    /// At `BeginWrite`: only so many bytes of the object are kept, and `close` says that all went well.
    Truncate {
        /// What is kept.
        length: u64,
    },
}

/// One fault of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    operation: Operation,
    effect: Effect,
    key_suffix: String,
    nth: u64,
}

impl Fault {
    /// Lets the first call of an operation fail.
    pub fn fail(operation: Operation, kind: ErrorKind) -> Self {
        Fault::new(operation, Effect::Fail(kind))
    }

    /// Lets the first call of `write` fail in its middle.
    pub fn short_write(kind: ErrorKind) -> Self {
        Fault::new(Operation::Write, Effect::ShortWrite(kind))
    }

    /// Flips a bit of the first object that is written.
    pub fn flip_written(offset: u64) -> Self {
        Fault::new(Operation::BeginWrite, Effect::FlipBit { offset })
    }

    /// Flips a bit in the first read that passes this place.
    pub fn flip_read(offset: u64) -> Self {
        Fault::new(Operation::Read, Effect::FlipBit { offset })
    }

    /// Loses the tail of the first object that is written.
    pub fn truncate(length: u64) -> Self {
        Fault::new(Operation::BeginWrite, Effect::Truncate { length })
    }

    /// Only on keys that end so.
    #[must_use]
    pub fn on(mut self, key_suffix: impl Into<String>) -> Self {
        self.key_suffix = key_suffix.into();
        self
    }

    /// At the n-th call that matches, counted from 1.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = nth;
        self
    }

    fn new(operation: Operation, effect: Effect) -> Self {
        Fault { operation, effect, key_suffix: String::new(), nth: 1 }
    }
}

/// A fault whose call has come and whose effect is still to be shown: its number in the script.
#[derive(Clone, Copy)]
pub(super) struct Due {
    number: usize,
    pub(super) effect: Effect,
}

pub(super) struct Script(Mutex<Vec<Entry>>);

struct Entry {
    fault: Fault,
    calls: u64,
    fired: bool,
}

impl Script {
    pub(super) fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        let entry = |fault| Entry { fault, calls: 0, fired: false };
        Script(Mutex::new(faults.into_iter().map(entry).collect()))
    }

    /// Counts a call. Fails when a fault says so, and otherwise returns those that change bytes.
    pub(super) fn calls(&self, operation: Operation, key: &str) -> Result<Vec<Due>> {
        let mut due = Vec::new();
        let mut failure = None;
        for (number, entry) in self.entries().iter_mut().enumerate() {
            if entry.fault.operation != operation || !key.ends_with(&entry.fault.key_suffix) {
                continue;
            }
            entry.calls += 1;
            match entry.fault.effect {
                // Which read passes a place is only known once it does.
                effect @ Effect::FlipBit { .. } if operation == Operation::Read => {
                    if entry.calls >= entry.fault.nth && !entry.fired {
                        due.push(Due { number, effect });
                    }
                }
                _ if entry.calls != entry.fault.nth => {}
                Effect::Fail(kind) => {
                    entry.fired = true;
                    failure = failure.or(Some(kind));
                }
                effect => due.push(Due { number, effect }),
            }
        }
        failure.map_or(Ok(due), |kind| Err(injected(kind)))
    }

    /// Notes that a fault has shown its effect.
    pub(super) fn fired(&self, due: Due) {
        if let Some(entry) = self.entries().get_mut(due.number) {
            entry.fired = true;
        }
    }

    /// The faults that have not shown their effect.
    pub(super) fn waiting(&self) -> Vec<Fault> {
        self.entries().iter().filter(|entry| !entry.fired).map(|entry| entry.fault.clone()).collect()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error that a provider would make of the system's own.
pub(super) fn injected(kind: ErrorKind) -> Error {
    let error = Error::new(kind, "the storage failed as the script says");
    match kind {
        ErrorKind::NoSpace => error.source(io::Error::from(io::ErrorKind::StorageFull)),
        ErrorKind::Io => error.source(io::Error::from(rustix::io::Errno::IO)),
        ErrorKind::Unreachable => error.source(io::Error::from(io::ErrorKind::ConnectionReset)).retryable(),
        ErrorKind::Timeout => error.source(io::Error::from(io::ErrorKind::TimedOut)).retryable(),
        _ => error,
    }
}
