//! Writes one object.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Result};

use super::branch::{ATTEMPTS, Branch};
use super::failure::explain;
use super::flusher::Flusher;
use super::folder::{Entry, Folder};
use super::partial;
use crate::{Key, ObjectInfo, StorageWriter, WriteOptions};

/// A file under its partial name, which gets its own name when it is closed.
pub(super) struct LocalWriter {
    key: Key,
    path: PathBuf,
    options: WriteOptions,
    folder: Folder,
    partial_name: String,
    file: File,
    flusher: Flusher,
    size: u64,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Open,
    /// Some bytes are missing: this can only be thrown away.
    Failed,
    /// Nothing is left under the partial name.
    Ended,
}

impl LocalWriter {
    pub(super) fn begin(root: &Path, key: &Key, options: WriteOptions) -> Result<LocalWriter> {
        let path = root.join(key.as_str());
        let mut attempt = 0;
        let (folder, partial_name, file) = loop {
            let folder = Branch::create(root, key.folder())?.into_last();
            match partial::create(&folder, key.file_name()) {
                Ok((name, file)) => break (folder, name, file),
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(explain("cannot begin to write a file", &path, error)),
            }
        };
        Ok(LocalWriter {
            key: key.clone(),
            path,
            options,
            folder,
            partial_name,
            file,
            flusher: Flusher::default(),
            size: 0,
            state: State::Open,
        })
    }

    fn finish(&mut self) -> Result<ObjectInfo> {
        if self.state == State::Failed {
            return Err(Error::new(ErrorKind::Io, "a file cannot be closed after a write to it has failed")
                .context("path", self.path.display()));
        }
        self.flusher
            .stop()
            .and_then(|()| self.file.sync_all())
            .map_err(|error| explain("cannot bring a file to the disk", &self.path, error))?;
        let entry =
            Entry::of(&self.file).map_err(|error| explain("cannot look at a file", &self.path, error))?;
        if entry.size != self.size {
            return Err(Error::new(ErrorKind::Conflict, "somebody else changed a file while it was written")
                .context("path", self.path.display())
                .hint("let only cadangkan write to the storage"));
        }
        self.publish()?;
        Ok(entry.info(&self.key))
    }

    /// Gives the file its name. When the name itself cannot be made durable, it is taken back; a file that was
    /// replaced cannot be, but whichever of the two is found later is whole.
    fn publish(&mut self) -> Result<()> {
        let name = self.key.file_name();
        let renamed = if self.options.overwrite {
            self.folder.rename(&self.partial_name, name)
        } else {
            self.folder.rename_to_free(&self.partial_name, name)
        };
        renamed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                Error::new(ErrorKind::Conflict, "an object with this key exists already")
                    .context("path", self.path.display())
                    .source(error)
            }
            _ => explain("cannot give a file its name", &self.path, error),
        })?;
        self.state = State::Ended;
        self.folder.sync().map_err(|error| {
            if !self.options.overwrite {
                let _ = self.folder.remove_file(name);
            }
            explain("cannot bring the name of a file to the disk", &self.path, error)
        })
    }

    fn throw_away(&mut self) -> io::Result<()> {
        self.state = State::Ended;
        let removed = self.folder.remove_file(&self.partial_name);
        // What the kernel still holds need not go to the disk, and the flusher ends at once.
        let _ = self.file.set_len(0);
        let _ = self.flusher.stop();
        removed
    }
}

impl StorageWriter for LocalWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes).and_then(|()| self.flusher.wrote(&self.file, bytes.len()));
        if let Err(error) = written {
            self.state = State::Failed;
            return Err(explain("cannot write to a file", &self.path, error));
        }
        self.size = self.size.saturating_add(bytes.len() as u64);
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<ObjectInfo> {
        self.finish()
    }

    fn abort(mut self: Box<Self>) -> Result<()> {
        self.throw_away().map_err(|error| {
            explain("cannot remove an unfinished file", &self.path.with_file_name(&self.partial_name), error)
        })
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        if self.state != State::Ended {
            // There is nobody to tell; what cannot be removed shows up as a leftover.
            let _ = self.throw_away();
        }
    }
}
