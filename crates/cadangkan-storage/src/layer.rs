use std::io::Read;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use cadangkan_core::{Leftover, Result};

use crate::{
    Key, Lifecycle, ObjectInfo, Origin, Space, Storage, StorageCapabilities, StorageWriter, WriteOptions,
};

/// A storage around another one, that passes on whatever it does not do itself.
///
/// Whoever implements it is a [`Storage`], and implements those calls that differ.
pub trait Layer: Send + Sync {
    /// The storage within.
    fn inner(&self) -> &dyn Storage;

    /// See [`Storage::check`].
    fn check(&self) -> Result<()> {
        self.inner().check()
    }

    /// See [`Storage::begin_write`].
    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        self.inner().begin_write(key, options)
    }

    /// See [`Storage::read`].
    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        self.inner().read(key, range)
    }

    /// See [`Storage::origin`].
    fn origin(&self, key: &Key) -> Result<Option<Origin>> {
        self.inner().origin(key)
    }

    /// See [`Storage::copy`].
    fn copy(
        &self,
        origin: &Origin,
        key: &Key,
        options: WriteOptions,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Option<ObjectInfo>> {
        self.inner().copy(origin, key, options, progress)
    }

    /// See [`Storage::stat`].
    fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>> {
        self.inner().stat(key)
    }

    /// See [`Storage::list`].
    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        self.inner().list(prefix)
    }

    /// See [`Storage::delete`].
    fn delete(&self, key: &Key) -> Result<()> {
        self.inner().delete(key)
    }

    /// See [`Storage::space`].
    fn space(&self) -> Result<Option<Space>> {
        self.inner().space()
    }

    /// See [`Storage::read_no_more_than_asked`].
    fn read_no_more_than_asked(&self) {
        self.inner().read_no_more_than_asked();
    }

    /// See [`Storage::local_path`].
    fn local_path(&self, key: &Key) -> Option<PathBuf> {
        self.inner().local_path(key)
    }
}

impl<L: Layer> Storage for L {
    fn location(&self) -> String {
        self.inner().location()
    }

    fn capabilities(&self) -> StorageCapabilities {
        self.inner().capabilities()
    }

    fn locked_for(&self) -> Option<Duration> {
        self.inner().locked_for()
    }

    fn check(&self) -> Result<()> {
        Layer::check(self)
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        Layer::begin_write(self, key, options)
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        Layer::read(self, key, range)
    }

    fn origin(&self, key: &Key) -> Result<Option<Origin>> {
        Layer::origin(self, key)
    }

    fn copy(
        &self,
        origin: &Origin,
        key: &Key,
        options: WriteOptions,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Option<ObjectInfo>> {
        Layer::copy(self, origin, key, options, progress)
    }

    fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>> {
        Layer::stat(self, key)
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        Layer::list(self, prefix)
    }

    fn delete(&self, key: &Key) -> Result<()> {
        Layer::delete(self, key)
    }

    fn shred(&self, key: &Key) -> Result<()> {
        self.inner().shred(key)
    }

    fn about_shredding(&self) -> String {
        self.inner().about_shredding()
    }

    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        self.inner().leftovers(prefix)
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        self.inner().discard(leftover)
    }

    fn lifecycle(&self) -> Option<Box<dyn Lifecycle + '_>> {
        self.inner().lifecycle()
    }

    fn space(&self) -> Result<Option<Space>> {
        Layer::space(self)
    }

    fn notes(&self) -> Vec<String> {
        self.inner().notes()
    }

    fn read_no_more_than_asked(&self) {
        Layer::read_no_more_than_asked(self);
    }

    fn local_path(&self, key: &Key) -> Option<PathBuf> {
        Layer::local_path(self, key)
    }
}
