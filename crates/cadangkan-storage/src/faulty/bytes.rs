use std::io::{self, Read};
use std::sync::Arc;

use cadangkan_core::Result;

use super::script::{Due, Effect, Operation, Script, injected};
use crate::{Key, ObjectInfo, StorageWriter};

/// Writes through a script.
pub(super) struct FaultyWriter {
    inner: Box<dyn StorageWriter>,
    key: Key,
    script: Arc<Script>,
    due: Vec<Due>,
    taken: u64,
}

impl FaultyWriter {
    pub(super) fn new(inner: Box<dyn StorageWriter>, key: Key, script: Arc<Script>, due: Vec<Due>) -> Self {
        FaultyWriter { inner, key, script, due, taken: 0 }
    }

    /// Changes the bytes that come next as the script says.
    fn spoil(&self, bytes: &[u8]) -> Vec<u8> {
        let mut spoiled = bytes.to_vec();
        for due in &self.due {
            match due.effect {
                Effect::FlipBit { offset } => flip(&mut spoiled, self.taken, offset, &self.script, *due),
                Effect::Truncate { length } => {
                    let kept = usize::try_from(length.saturating_sub(self.taken)).unwrap_or(usize::MAX);
                    if kept < bytes.len() {
                        spoiled.truncate(kept);
                        self.script.fired(*due);
                    }
                }
                Effect::Fail(_) | Effect::ShortWrite(_) => {}
            }
        }
        spoiled
    }
}

impl StorageWriter for FaultyWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        for due in self.script.calls(Operation::Write, self.key.as_str())? {
            if let Effect::ShortWrite(kind) = due.effect {
                let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
                self.inner.write(&self.spoil(half))?;
                self.script.fired(due);
                return Err(injected(kind));
            }
        }
        self.inner.write(&self.spoil(bytes))?;
        self.taken += bytes.len() as u64;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<ObjectInfo> {
        if let Err(error) = self.script.calls(Operation::Close, self.key.as_str()) {
            self.inner.abort()?;
            return Err(error);
        }
        // A storage that loses bytes does not know it.
        self.inner.close().map(|info| ObjectInfo { size: self.taken, ..info })
    }

    fn abort(self: Box<Self>) -> Result<()> {
        self.inner.abort()
    }
}

/// Reads through a script.
pub(super) struct FaultyReader {
    inner: Box<dyn Read + Send>,
    at: u64,
    script: Arc<Script>,
    due: Vec<Due>,
}

impl FaultyReader {
    pub(super) fn new(inner: Box<dyn Read + Send>, at: u64, script: Arc<Script>, due: Vec<Due>) -> Self {
        FaultyReader { inner, at, script, due }
    }
}

impl Read for FaultyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let bytes = buffer.get_mut(..count).unwrap_or_default();
        for due in &self.due {
            if let Effect::FlipBit { offset } = due.effect {
                flip(bytes, self.at, offset, &self.script, *due);
            }
        }
        self.at += count as u64;
        Ok(count)
    }
}

/// Flips the lowest bit of the byte at `offset`, if it is among these, which begin at `start`.
fn flip(bytes: &mut [u8], start: u64, offset: u64, script: &Script, due: Due) {
    let place = offset.checked_sub(start).and_then(|place| usize::try_from(place).ok());
    if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
        *byte ^= 1;
        script.fired(due);
    }
}
