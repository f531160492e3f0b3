//! Writes one object.

use std::io::Write as _;
use std::sync::{Arc, PoisonError};

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::{Key, ObjectInfo, StorageWriter, WriteOptions, new_partial_name};

use crate::Settings;
use crate::process::Process;

/// A file under its partial name, which gets its own name when it is closed.
pub(crate) struct Writer {
    settings: Arc<Settings>,
    /// `None` when it ended.
    process: Option<Process>,
    key: Key,
    partial: String,
    options: WriteOptions,
    size: u64,
    /// Whether nothing is left under the partial name.
    ended: bool,
}

impl Writer {
    pub(crate) fn begin(settings: Arc<Settings>, key: &Key, options: WriteOptions) -> Result<Self> {
        let name = new_partial_name(key.file_name());
        let partial = if key.folder().is_empty() { name } else { format!("{}/{name}", key.folder()) };
        let process = settings.begin_write(&partial)?;
        Ok(Writer {
            settings,
            process: Some(process),
            key: key.clone(),
            partial,
            options,
            size: 0,
            ended: false,
        })
    }

    fn finish(&mut self) -> Result<ObjectInfo> {
        let place = self.settings.below(self.key.as_str());
        let Some(mut process) = self.process.take() else {
            return Err(Error::new(
                ErrorKind::Io,
                "an object cannot be closed after a write to it has failed",
            )
            .context("place", place));
        };
        process.finish()?.map_err(|ended| ended.explain("cannot write an object", &place))?;
        let written = self.settings.look(&self.partial)?.and_then(|entry| entry.info(&self.key));
        let Some(written) = written.filter(|written| written.size == self.size) else {
            return Err(Error::new(ErrorKind::Io, "the remote does not have all that was written to it")
                .context("place", place)
                .hint("see whether the remote takes files whose size is not known before"));
        };
        let naming = self.settings.naming.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.options.overwrite && self.settings.look(self.key.as_str())?.is_some() {
            return Err(Error::new(ErrorKind::Conflict, "an object with this key exists already")
                .context("place", place));
        }
        self.settings.rename(&self.partial, self.key.as_str())?;
        drop(naming);
        self.ended = true;
        Ok(written)
    }

    /// Ends `rclone` and removes what it wrote.
    fn throw_away(&mut self) -> Result<()> {
        self.ended = true;
        self.process = None;
        self.settings.remove(&self.partial)
    }
}

impl StorageWriter for Writer {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let place = self.settings.below(self.key.as_str());
        let Some(process) = &mut self.process else {
            return Err(Error::new(
                ErrorKind::Io,
                "an object cannot be written on after a write to it has failed",
            )
            .context("place", place));
        };
        let written = process.stream.as_mut().map_or(Ok(()), |stream| stream.write_all(bytes));
        if let Err(error) = written {
            let error = process.explain(error, "cannot write an object", &place);
            // What cannot be removed shows up as a leftover.
            let _ = self.throw_away();
            return Err(error);
        }
        self.size = self.size.saturating_add(bytes.len() as u64);
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<ObjectInfo> {
        self.finish()
    }

    fn abort(mut self: Box<Self>) -> Result<()> {
        if self.ended { Ok(()) } else { self.throw_away() }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.ended {
            // There is nobody to tell; what cannot be removed shows up as a leftover.
            let _ = self.throw_away();
        }
    }
}
