//! The contract of a storage, kept by a remote of `rclone`.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Leftover, Result};
use cadangkan_storage::{
    Key, ObjectInfo, PARTIAL, Space, Storage, StorageCapabilities, StorageWriter, WriteOptions, check_folder,
    new_partial_name, partial_path,
};

use crate::Settings;
use crate::reader::Reader;
use crate::writer::Writer;

const PROBE: &[u8] = b"cadangkan can write here";

/// A folder of a remote.
///
/// An object is written under a name that ends in `.partial`, and then renamed. Whether its name is taken is looked at
/// before, so two machines that write one key at once are not told apart.
pub struct Rclone(Arc<Settings>);

impl Rclone {
    pub(crate) fn new(settings: Settings) -> Self {
        Rclone(Arc::new(settings))
    }

    /// Reads a range of a file of which the size is known.
    fn reader(&self, path: &str, size: u64, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        let range = range.unwrap_or(0..size);
        let end = range.end.min(size);
        let range = range.start.min(end)..end;
        if range.is_empty() {
            return Ok(Box::new(std::io::empty()));
        }
        let process = self.0.begin_read(path, &range)?;
        Ok(Box::new(Reader::new(process, Arc::clone(&self.0), path.to_owned(), range.end - range.start)))
    }

    /// Writes, renames, and reads back a small file.
    fn probe(&self, first: &str, second: &str) -> Result<Vec<u8>> {
        let cannot =
            |error| Error::io("cannot read from the storage", error).context("place", &self.0.remote);
        let mut process = self.0.begin_write(first)?;
        let written =
            process.stream.as_mut().map_or(Ok(()), |stream| std::io::Write::write_all(stream, PROBE));
        written.map_err(|error| process.explain(error, "cannot write to the storage", &self.0.remote))?;
        process.finish()?.map_err(|ended| ended.explain("cannot write to the storage", &self.0.remote))?;
        self.0.rename(first, second)?;
        let mut content = Vec::new();
        let size = PROBE.len() as u64;
        self.reader(second, size, None)?.read_to_end(&mut content).map_err(cannot)?;
        Ok(content)
    }
}

impl Storage for Rclone {
    fn location(&self) -> String {
        self.0.remote.clone()
    }

    fn capabilities(&self) -> StorageCapabilities {
        StorageCapabilities { atomic_create: false, local: false }
    }

    fn check(&self) -> Result<()> {
        self.0.make_folder()?;
        // Names of unfinished files, so that a probe that is killed leaves nothing that looks like an object.
        let [first, second] = ["probe", "to-probe"].map(new_partial_name);
        let tried = self.probe(&first, &second);
        let removed = self.0.remove(&first).and(self.0.remove(&second));
        if tried? == PROBE {
            return removed;
        }
        Err(Error::new(ErrorKind::Io, "the storage does not give back what was written to it")
            .context("place", &self.0.remote))
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        Ok(Box::new(Writer::begin(Arc::clone(&self.0), key, options)?))
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        match self.stat(key)? {
            Some(found) => self.reader(key.as_str(), found.size, range),
            None => Err(Error::new(ErrorKind::NotFound, "no such object")
                .context("place", self.0.below(key.as_str()))),
        }
    }

    fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>> {
        match self.0.look(key.as_str())? {
            Some(found) => Ok(found.info(key)),
            None => self.0.expect_folder().map(|()| None),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        check_folder(prefix)?;
        let files = self.0.files(prefix)?;
        // What is not a key was not put there by this program.
        Ok(files.iter().filter_map(|(path, entry)| entry.info(&Key::new(path.as_str()).ok()?)).collect())
    }

    fn delete(&self, key: &Key) -> Result<()> {
        self.0.remove(key.as_str())
    }

    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        check_folder(prefix)?;
        let files = self.0.files(prefix)?.into_iter().filter(|(path, _)| path.ends_with(PARTIAL));
        let leftover = |(location, entry): (String, crate::remote::Entry)| Leftover {
            location,
            description: "unfinished file".into(),
            size_bytes: entry.size().unwrap_or_default(),
        };
        Ok(files.map(leftover).collect())
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        self.0.remove(partial_path(leftover)?)
    }

    fn space(&self) -> Result<Option<Space>> {
        self.0.space()
    }
}
