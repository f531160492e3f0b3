//! The contract of a storage, kept by a WebDAV server.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use cadangkan_core::settings::SettingsError;
use cadangkan_core::{Leftover, Result};
use cadangkan_storage::{
    Backoff, Key, ObjectInfo, PARTIAL, Space, Storage, StorageCapabilities, StorageWriter, WriteOptions,
    check_folder, partial_path,
};
use serde_json::Value;

use crate::client::Client;
use crate::reader::Reader;
use crate::writer::Writer;
use crate::{folders, probe, settings};

/// A folder of a WebDAV server that keeps objects as files.
///
/// The folder itself is made by [`check`](Storage::check) and by the first write. Every other call fails with
/// `Unreachable` while it does not exist.
pub struct WebDav(Arc<Client>);

impl WebDav {
    /// Makes a storage from settings, without connecting; what fails is tried again as `backoff` says.
    pub fn open(settings: &Value, backoff: Backoff) -> Result<Self, SettingsError> {
        Ok(WebDav(Arc::new(Client::new(settings::read(settings)?, backoff))))
    }

    /// Removes a file. What is a folder is no object, and stays.
    fn remove(&self, place: &str) -> Result<()> {
        match folders::look_at_file(&self.0, place)? {
            Some(_) => folders::remove(&self.0, place),
            None => Ok(()),
        }
    }
}

impl Storage for WebDav {
    fn location(&self) -> String {
        self.0.settings.location()
    }

    fn capabilities(&self) -> StorageCapabilities {
        // `Overwrite: F` is a must, but not that it holds when two writers race (RFC 4918, section 10.6).
        StorageCapabilities { atomic_create: false, local: false }
    }

    fn check(&self) -> Result<()> {
        probe::check(&self.0)
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        Ok(Box::new(Writer::begin(Arc::clone(&self.0), key, &options)?))
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        let range = range.unwrap_or(0..u64::MAX);
        Ok(Box::new(Reader::open(Arc::clone(&self.0), key.as_str(), range)?))
    }

    fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>> {
        let found = folders::look_at_file(&self.0, key.as_str())?;
        Ok(found.and_then(|found| {
            Some(ObjectInfo { key: key.clone(), size: found.size?, modified: found.modified })
        }))
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        check_folder(prefix)?;
        let mut objects = Vec::new();
        folders::files(&self.0, prefix, &mut |path, found| {
            // What is not a key was not put there by this program.
            if let (Ok(key), Some(size)) = (Key::new(path), found.size) {
                objects.push(ObjectInfo { key, size, modified: found.modified });
            }
        })?;
        objects.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        Ok(objects)
    }

    fn delete(&self, key: &Key) -> Result<()> {
        self.remove(key.as_str())
    }

    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        check_folder(prefix)?;
        let mut leftovers = Vec::new();
        folders::files(&self.0, prefix, &mut |path, found| {
            if path.ends_with(PARTIAL) {
                let description = "unfinished file".into();
                let size_bytes = found.size.unwrap_or_default();
                leftovers.push(Leftover { location: path.into(), description, size_bytes });
            }
        })?;
        leftovers.sort_unstable_by(|left, right| left.location.cmp(&right.location));
        Ok(leftovers)
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        self.remove(partial_path(leftover)?)
    }

    fn space(&self) -> Result<Option<Space>> {
        let root = folders::expect_root(&self.0)?;
        // Servers without a quota say nothing, or a negative number.
        Ok(root.available.map(|available| {
            let total = available.saturating_add(root.used.unwrap_or_default());
            Space { available, total }
        }))
    }
}
