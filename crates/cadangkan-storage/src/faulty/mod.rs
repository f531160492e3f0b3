//! A storage that fails by a script, for tests of whoever uses storages.

mod bytes;
mod script;

use std::io::Read;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use cadangkan_core::Result;

use crate::{Key, ObjectInfo, Storage, StorageWriter, WriteOptions};
use bytes::{FaultyReader, FaultyWriter};
use script::Script;
pub use script::{Effect, Fault, Operation};

/// Passes every call on to another storage, and lets those fail that a script names.
pub struct Faulty {
    inner: Arc<dyn Storage>,
    script: Arc<Script>,
}

impl Faulty {
    /// Wraps a storage.
    pub fn new(inner: Arc<dyn Storage>, script: impl IntoIterator<Item = Fault>) -> Self {
        Faulty { inner, script: Arc::new(Script::new(script)) }
    }

    /// Panics unless every fault of the script has shown its effect: one that did not tests nothing.
    pub fn assert_all_fired(&self) {
        let waiting = self.script.waiting();
        assert!(waiting.is_empty(), "these faults never fired: {waiting:#?}");
    }
}

impl crate::Layer for Faulty {
    fn inner(&self) -> &dyn Storage {
        self.inner.as_ref()
    }

    fn check(&self) -> Result<()> {
        self.script.calls(Operation::Check, "")?;
        self.inner.check()
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        let due = self.script.calls(Operation::BeginWrite, key.as_str())?;
        let inner = self.inner.begin_write(key, options)?;
        Ok(Box::new(FaultyWriter::new(inner, key.clone(), Arc::clone(&self.script), due)))
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        let due = self.script.calls(Operation::Read, key.as_str())?;
        let start = range.as_ref().map_or(0, |range| range.start);
        let inner = self.inner.read(key, range)?;
        Ok(Box::new(FaultyReader::new(inner, start, Arc::clone(&self.script), due)))
    }

    fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>> {
        self.script.calls(Operation::Stat, key.as_str())?;
        self.inner.stat(key)
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        self.script.calls(Operation::List, prefix)?;
        self.inner.list(prefix)
    }

    fn delete(&self, key: &Key) -> Result<()> {
        self.script.calls(Operation::Delete, key.as_str())?;
        self.inner.delete(key)
    }

    /// None, so that nobody reads past the faults.
    fn local_path(&self, _key: &Key) -> Option<PathBuf> {
        None
    }
}

#[cfg(test)]
mod tests;
