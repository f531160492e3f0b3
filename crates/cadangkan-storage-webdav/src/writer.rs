//! Writes one object.

use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::{Key, ObjectInfo, StorageWriter, WriteOptions, new_partial_name};

use crate::answers::Entry;
use crate::client::{Client, Request};
use crate::failure::Failure;
use crate::folders;
use crate::stream::Stream;

/// What is sent at once. An object that is no larger is sent again when that fails.
const PIECE: usize = 1 << 20;

/// A file under its partial name, which gets its own name when it is closed.
pub(crate) struct Writer {
    client: Arc<Client>,
    key: Key,
    /// The place of the partial file.
    partial: String,
    overwrite: bool,
    buffer: Vec<u8>,
    size: u64,
    stream: Option<Stream>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Writing,
    /// A step has failed, and what was written is removed as far as possible.
    Failed,
    /// Nothing is left under the partial name.
    Ended,
}

impl Writer {
    /// Makes the folders, where they are missing.
    pub(crate) fn begin(client: Arc<Client>, key: &Key, options: &WriteOptions) -> Result<Self> {
        folders::make(&client, key.folder())?;
        let name = new_partial_name(key.file_name());
        let partial = if key.folder().is_empty() { name } else { format!("{}/{name}", key.folder()) };
        Ok(Writer {
            client,
            key: key.clone(),
            partial,
            overwrite: options.overwrite,
            buffer: Vec::new(),
            size: 0,
            stream: None,
            state: State::Writing,
        })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        for part in bytes.chunks(PIECE) {
            if self.buffer.len() + part.len() > PIECE {
                self.flush()?;
            }
            self.buffer.extend_from_slice(part);
        }
        Ok(())
    }

    /// Hands what is buffered over to the upload, which begins with the first piece.
    fn flush(&mut self) -> Result<()> {
        let piece = std::mem::take(&mut self.buffer);
        self.size += piece.len() as u64;
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => Stream::begin(Arc::clone(&self.client), self.client.settings.below(&self.partial))?,
        };
        if stream.push(piece) {
            self.stream = Some(stream);
            return Ok(());
        }
        stream.finish()?;
        Err(Error::new(ErrorKind::Io, "the server answered before it had all of an object")
            .context("url", self.url()))
    }

    /// Sends the rest and makes sure that all of it is there.
    fn finish(&mut self) -> Result<Entry> {
        if self.stream.is_some() {
            self.flush()?;
            self.stream.take().map_or(Ok(()), Stream::finish)?;
        } else {
            self.size = self.buffer.len() as u64;
            let path = self.client.settings.below(&self.partial);
            self.client.send(&Request::new("PUT", path).body(&self.buffer))?;
        }
        let found = folders::look(&self.client, &self.partial)?;
        let size = found.as_ref().and_then(|found| found.size);
        match found {
            Some(found) if size == Some(self.size) => Ok(found),
            _ => Err(Error::new(ErrorKind::Io, "the server did not keep all of an object")
                .context("url", self.url())
                .context("sent", self.size)
                .context("kept", size.unwrap_or_default())
                .hint(
                    "look at the server's disk and log; behind some proxies and FastCGI it does not take requests \
                     in chunks",
                )),
        }
    }

    /// Gives the file its name.
    fn publish(&self) -> Result<()> {
        let settings = &self.client.settings;
        let request = Request::new("MOVE", settings.below(&self.partial))
            .header("destination", settings.url(&settings.below(self.key.as_str())))
            .header("overwrite", if self.overwrite { "T" } else { "F" });
        let Err(failure) = self.client.send(&request) else { return Ok(()) };
        if self.is_published(&failure)? { Ok(()) } else { Err(failure.into()) }
    }

    /// Tells whether a move was made although it is refused now: the answer to it was lost, and it was tried again.
    fn is_published(&self, failure: &Failure) -> Result<bool> {
        // Nobody but this writer moves away what has this name.
        if failure.status == 0 || folders::look(&self.client, &self.partial)?.is_some() {
            return Ok(false);
        }
        let found = folders::look(&self.client, self.key.as_str())?;
        Ok(found.is_some_and(|found| found.size == Some(self.size)))
    }

    fn step<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.state != State::Writing {
            return Err(Error::new(
                ErrorKind::Io,
                "a file cannot be written on after a write to it has failed",
            )
            .context("url", self.url()));
        }
        let done = work(self);
        if done.is_err() {
            // The reason is what matters; what cannot be removed shows up as a leftover.
            let _ = self.throw_away();
            self.state = State::Failed;
        }
        done
    }

    /// Ends the upload as if all were there, so that the server is done with it, and removes what it has made.
    fn throw_away(&mut self) -> Result<()> {
        if let Some(stream) = self.stream.take() {
            let _ = stream.finish();
        }
        folders::remove(&self.client, &self.partial)
    }

    fn url(&self) -> String {
        self.client.settings.url(&self.client.settings.below(self.key.as_str()))
    }
}

impl StorageWriter for Writer {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.step(|writer| writer.append(bytes))
    }

    fn close(mut self: Box<Self>) -> Result<ObjectInfo> {
        let found = self.step(|writer| {
            let found = writer.finish()?;
            writer.publish()?;
            Ok(found)
        })?;
        self.state = State::Ended;
        Ok(ObjectInfo { key: self.key.clone(), size: self.size, modified: found.modified })
    }

    fn abort(mut self: Box<Self>) -> Result<()> {
        self.state = State::Ended;
        self.throw_away()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.state == State::Writing {
            // There is nobody to tell; what cannot be removed shows up as a leftover.
            let _ = self.throw_away();
        }
    }
}
