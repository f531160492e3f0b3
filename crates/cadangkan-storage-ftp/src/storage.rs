//! The contract of a storage, kept by an FTP server.

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

use crate::files::Entry;
use crate::pool::Pool;
use crate::reader::Reader;
use crate::writer::Writer;
use crate::{probe, settings, walk};

/// A folder of an FTP server that keeps objects as files.
///
/// The folder itself is made by [`check`](Storage::check) and by the first write. Every other call fails with
/// `Unreachable` while it does not exist.
pub struct Ftp(Arc<Pool>);

impl Ftp {
    /// Makes a storage from settings, without connecting; what fails is tried again as `backoff` says.
    pub fn open(settings: &Value, backoff: Backoff) -> Result<Self, SettingsError> {
        Ok(Ftp(Arc::new(Pool::new(settings::read(settings)?, backoff))))
    }

    fn remove(&self, place: &str) -> Result<()> {
        self.0.with("cannot remove a file", place, |session| walk::remove(session, place))
    }

    /// Returns the files in a folder that `choose` makes something of.
    fn files<T>(&self, prefix: &str, choose: impl Fn(&str, Entry) -> Option<T>) -> Result<Vec<T>> {
        check_folder(prefix)?;
        self.0.with("cannot list a folder", prefix, |session| {
            let mut chosen = Vec::new();
            walk::files(session, prefix, &mut |path, found| chosen.extend(choose(path, found)))?;
            Ok(chosen)
        })
    }
}

impl Storage for Ftp {
    fn location(&self) -> String {
        self.0.settings.location()
    }

    fn capabilities(&self) -> StorageCapabilities {
        // Whether a name is free is asked before RNTO, which replaces on most servers.
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
        let place = key.as_str();
        let found =
            self.0.with("cannot look at an object", place, |session| walk::look_at_file(session, place))?;
        Ok(found.and_then(|found| {
            Some(ObjectInfo { key: key.clone(), size: found.size?, modified: found.modified })
        }))
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        let mut objects = self.files(prefix, |path, found| {
            // What is not a key was not put there by this program.
            Some(ObjectInfo { key: Key::new(path).ok()?, size: found.size?, modified: found.modified })
        })?;
        objects.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        Ok(objects)
    }

    fn delete(&self, key: &Key) -> Result<()> {
        self.remove(key.as_str())
    }

    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        let mut leftovers = self.files(prefix, |path, found| {
            let (location, description) = (path.to_owned(), "unfinished file".to_owned());
            let size_bytes = found.size.unwrap_or_default();
            path.ends_with(PARTIAL).then_some(Leftover { location, description, size_bytes })
        })?;
        leftovers.sort_unstable_by(|left, right| left.location.cmp(&right.location));
        Ok(leftovers)
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        self.remove(partial_path(leftover)?)
    }

    /// FTP has no word for it.
    fn space(&self) -> Result<Option<Space>> {
        Ok(None)
    }
}
