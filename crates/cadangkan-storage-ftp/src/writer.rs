//! Writes one object.

use std::io::{self, Write as _};
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::{Key, ObjectInfo, StorageWriter, WriteOptions, new_partial_name};

use crate::failure::Failure;
use crate::files::{Entry, Kind};
use crate::pool::Pool;
use crate::session::Session;
use crate::socket::Socket;
use crate::walk;

/// What is sent at once. An object that is no larger is sent again when that fails.
const PIECE: usize = 1 << 20;
/// So often a folder is made that somebody else removes meanwhile.
const ATTEMPTS: u32 = 100;
const WHAT: &str = "cannot write an object";

/// A file under its partial name, which gets its own name when it is closed.
pub(crate) struct Writer {
    pool: Arc<Pool>,
    key: Key,
    /// The place of the partial file.
    partial: String,
    overwrite: bool,
    buffer: Vec<u8>,
    /// What was sent before the buffer.
    sent: u64,
    upload: Option<(Session, Socket)>,
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
    pub(crate) fn begin(pool: Arc<Pool>, key: &Key, options: &WriteOptions) -> Result<Self> {
        let name = new_partial_name(key.file_name());
        let partial = if key.folder().is_empty() { name } else { format!("{}/{name}", key.folder()) };
        let mut made = 0;
        pool.with("cannot make a folder", key.folder(), |session| {
            loop {
                match walk::make(session, key.folder()) {
                    // Somebody removed a folder above meanwhile.
                    Err(failure)
                        if failure.is_of_path() && made < ATTEMPTS && walk::expect_root(session).is_ok() =>
                    {
                        made += 1;
                        std::thread::yield_now();
                    }
                    made => return made,
                }
            }
        })?;
        Ok(Writer {
            pool,
            key: key.clone(),
            partial,
            overwrite: options.overwrite,
            buffer: Vec::new(),
            sent: 0,
            upload: None,
            state: State::Writing,
        })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        for part in bytes.chunks(PIECE) {
            if self.buffer.len() + part.len() > PIECE {
                self.flush().map_err(|failure| failure.explain(WHAT, self.key.as_str()))?;
            }
            self.buffer.extend_from_slice(part);
        }
        Ok(())
    }

    /// Sends what is buffered; the upload begins with the first piece.
    fn flush(&mut self) -> Result<(), Failure> {
        let (mut session, mut data) = match self.upload.take() {
            Some(upload) => upload,
            None => {
                let partial = &self.partial;
                // Beginning anew costs nothing as long as nothing was sent.
                self.pool
                    .begin(WHAT, partial, |session| store(session, partial, self.key.folder()))
                    .map_err(Failure::Broken)?
            }
        };
        match data.write_all(&self.buffer) {
            Ok(()) => {
                self.sent += self.buffer.len() as u64;
                self.buffer.clear();
                self.upload = Some((session, data));
                Ok(())
            }
            Err(error) => Err(reason(&mut session, data, error)),
        }
    }

    /// Sends the rest and makes sure that all of it is there.
    fn finish(&mut self) -> Result<Entry> {
        let size = self.sent + self.buffer.len() as u64;
        if self.upload.is_some() {
            self.flush()
                .and_then(|()| self.end_upload())
                .map_err(|failure| failure.explain(WHAT, self.key.as_str()))?;
        } else {
            let Writer { pool, partial, buffer, key, .. } = self;
            pool.with(WHAT, key.as_str(), |session| {
                let mut data = store(session, partial, key.folder())?;
                match data.write_all(buffer) {
                    Ok(()) => end(session, data),
                    Err(error) => Err(reason(session, data, error)),
                }
            })?;
        }
        let found = self.pool.with(WHAT, self.key.as_str(), |session| {
            let path = session.below(&self.partial);
            walk::look(session, &path)
        })?;
        let kept = found.as_ref().and_then(|found| found.size);
        match found {
            Some(found) if kept == Some(size) => Ok(found),
            _ => Err(Error::new(ErrorKind::Io, "the server did not keep all of an object")
                .context("key", &self.key)
                .context("sent", size)
                .context("kept", kept.unwrap_or_default())
                .hint("look at the server's disk and log")),
        }
    }

    /// Waits for the server's word that it has all. Where that is lost, as when a router forgets a connection that has
    /// said nothing during a long upload, the size of the file says the same.
    fn end_upload(&mut self) -> Result<(), Failure> {
        let Some((mut session, data)) = self.upload.take() else { return Ok(()) };
        match end(&mut session, data) {
            Err(Failure::Broken(error)) if error.is_retryable() => {}
            ended => {
                self.pool.give(session);
                return ended;
            }
        }
        Ok(())
    }

    /// Gives the file its name.
    fn publish(&self) -> Result<()> {
        let Writer { partial, key, overwrite, .. } = self;
        let mut tried = false;
        let named = self.pool.with("cannot give a file its name", key.as_str(), |session| {
            let (from, to) = (session.below(partial), session.below(key.as_str()));
            let again = std::mem::replace(&mut tried, true);
            // Nobody but this writer moves away what has this name: the answer was lost.
            if again && walk::look(session, &from)?.is_none() {
                let found = walk::look(session, &to)?;
                return Ok(found.is_some_and(|found| found.size == Some(self.sent_and_buffered())));
            }
            let found = walk::look(session, &to)?;
            if found.is_some() && !overwrite {
                return Ok(false);
            }
            session.call("RNFR", &from)?;
            match session.call("RNTO", &to) {
                Err(Failure::Refused(reply)) if found.is_some_and(|found| found.kind == Kind::File) => {
                    Err(Failure::Broken(
                        Error::new(ErrorKind::Unsupported, "this server cannot replace a file at once")
                            .context("path", to)
                            .hint("use a server whose RNTO replaces, such as one on Unix")
                            .source(format!("the server says: {reply}")),
                    ))
                }
                named => named.map(|_| true),
            }
        })?;
        if named {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Conflict, "an object with this key exists already").context("key", key))
    }

    fn sent_and_buffered(&self) -> u64 {
        self.sent + self.buffer.len() as u64
    }

    fn step<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.state != State::Writing {
            return Err(Error::new(
                ErrorKind::Io,
                "a file cannot be written on after a write to it has failed",
            )
            .context("key", &self.key));
        }
        let done = work(self);
        if done.is_err() {
            // The reason is what matters; what cannot be removed shows up as a leftover.
            let _ = self.throw_away();
            self.state = State::Failed;
        }
        done
    }

    /// Ends the upload and removes what it has made.
    fn throw_away(&mut self) -> Result<()> {
        if let Some((mut session, data)) = self.upload.take() {
            session.break_off(data);
            self.pool.give(session);
        }
        let place = &self.partial;
        self.pool.with("cannot remove an unfinished file", place, |session| walk::remove(session, place))
    }
}

/// Begins to store a file; its folder is made again when somebody has removed it meanwhile.
fn store(session: &mut Session, place: &str, folder: &str) -> Result<Socket, Failure> {
    let path = session.below(place);
    let mut made = 0;
    loop {
        match session.transfer("STOR", &path, 0) {
            Err(failure) if failure.is_of_path() && made < ATTEMPTS => {
                made += 1;
                let above = session.below(folder);
                if walk::look(session, &above)?.is_some() && made > 1 {
                    return Err(failure);
                }
                match walk::make(session, folder) {
                    Err(failure) if !failure.is_of_path() => return Err(failure),
                    _ => {}
                }
            }
            begun => return begun,
        }
    }
}

/// Ends a transfer to the server, and waits for its word.
fn end(session: &mut Session, data: Socket) -> Result<(), Failure> {
    let finished = data.finish();
    // Whatever became of the data, why is said here.
    let told = session.transferred();
    match (finished, told) {
        (Err(error), Ok(())) => Err(error.into()),
        (_, told) => told,
    }
}

/// Asks the server why it takes no more, such as a full disk.
fn reason(session: &mut Session, data: Socket, error: io::Error) -> Failure {
    match session.break_off(data) {
        Some(reply) if reply.class() > 3 => Failure::Refused(reply),
        _ if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Failure::Broken(
            Error::new(ErrorKind::Unreachable, "the server takes no more, and does not say why")
                .hint("its disk may be full, or something in between has cut the connection: look at its log")
                .source(error)
                .retryable(),
        ),
        _ => error.into(),
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
        Ok(ObjectInfo { key: self.key.clone(), size: self.sent_and_buffered(), modified: found.modified })
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
