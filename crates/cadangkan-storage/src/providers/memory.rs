//! A storage in memory, for tests; also the simplest example of the contract.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cadangkan_core::{Error, ErrorKind, Leftover, Result};

use crate::key::check_folder;
use crate::{Key, ObjectInfo, Space, Storage, StorageCapabilities, StorageWriter, WriteOptions};

/// Keeps objects in memory; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    objects: BTreeMap<Key, Arc<[u8]>>,
    /// What writers have begun and not ended, by the number of the writer.
    unfinished: BTreeMap<u64, (Key, u64)>,
    last_writer: u64,
}

impl Memory {
    /// Makes an empty storage.
    pub fn new() -> Self {
        Memory::default()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // A panic elsewhere cannot leave the maps half changed: each call changes them once.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for Memory {
    fn location(&self) -> String {
        "memory".into()
    }

    fn capabilities(&self) -> StorageCapabilities {
        StorageCapabilities { atomic_create: true, local: false }
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        let mut content = self.content();
        content.last_writer += 1;
        let number = content.last_writer;
        content.unfinished.insert(number, (key.clone(), 0));
        Ok(Box::new(MemoryWriter {
            storage: self.clone(),
            number,
            key: key.clone(),
            options,
            bytes: Vec::new(),
        }))
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        let Some(bytes) = self.content().objects.get(key).cloned() else {
            return Err(Error::new(ErrorKind::NotFound, "no such object").context("key", key));
        };
        let mut reader = Cursor::new(bytes);
        let Some(range) = range else { return Ok(Box::new(reader)) };
        reader.set_position(range.start);
        Ok(Box::new(reader.take(range.end.saturating_sub(range.start))))
    }

    fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>> {
        Ok(self.content().objects.get(key).map(|bytes| info(key, bytes)))
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        check_folder(prefix)?;
        let content = self.content();
        let inside = content.objects.iter().filter(|(key, _)| lies_in(key, prefix));
        Ok(inside.map(|(key, bytes)| info(key, bytes)).collect())
    }

    fn delete(&self, key: &Key) -> Result<()> {
        self.content().objects.remove(key);
        Ok(())
    }

    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        check_folder(prefix)?;
        let content = self.content();
        let inside = content.unfinished.iter().filter(|(_, (key, _))| lies_in(key, prefix));
        Ok(inside
            .map(|(number, (key, size_bytes))| Leftover {
                location: number.to_string(),
                description: format!("unfinished {}", key.file_name()),
                size_bytes: *size_bytes,
            })
            .collect())
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        let number = leftover.location.parse::<u64>().map_err(|source| {
            Error::new(ErrorKind::Usage, "not a leftover of this storage")
                .context("location", leftover.location.escape_debug())
                .source(source)
        })?;
        self.content().unfinished.remove(&number);
        Ok(())
    }

    fn space(&self) -> Result<Option<Space>> {
        Ok(None)
    }
}

fn info(key: &Key, bytes: &[u8]) -> ObjectInfo {
    ObjectInfo { key: key.clone(), size: bytes.len() as u64, modified: None }
}

fn lies_in(key: &Key, prefix: &str) -> bool {
    let below = |rest: &str| prefix.is_empty() || rest.starts_with('/');
    key.as_str().strip_prefix(prefix).is_some_and(below)
}

struct MemoryWriter {
    storage: Memory,
    number: u64,
    key: Key,
    options: WriteOptions,
    bytes: Vec<u8>,
}

impl StorageWriter for MemoryWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        if let Some((_, size)) = self.storage.content().unfinished.get_mut(&self.number) {
            *size = self.bytes.len() as u64;
        }
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<ObjectInfo> {
        let bytes = std::mem::take(&mut self.bytes);
        let info = info(&self.key, &bytes);
        let mut content = self.storage.content();
        if !self.options.overwrite && content.objects.contains_key(&self.key) {
            return Err(Error::new(ErrorKind::Conflict, "an object with this key exists already")
                .context("key", &self.key));
        }
        content.objects.insert(self.key.clone(), bytes.into());
        Ok(info)
    }

    fn abort(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        self.storage.content().unfinished.remove(&self.number);
    }
}
