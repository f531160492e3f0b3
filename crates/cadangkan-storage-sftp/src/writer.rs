//! Writes one object, with many requests under way.

use std::collections::HashSet;
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Result, Timestamp};
use cadangkan_storage::{Key, ObjectInfo, StorageWriter, WriteOptions, new_partial_name};

use crate::failure::Failure;
use crate::packet::{Attributes, length, request};
use crate::pool::Pool;
use crate::session::Session;
use crate::walk;

/// A file under its partial name, which gets its own name when it is closed.
pub(crate) struct Writer {
    pool: Arc<Pool>,
    session: Option<Session>,
    handle: Vec<u8>,
    key: Key,
    partial: String,
    options: WriteOptions,
    /// What was sent.
    size: u64,
    unanswered: HashSet<u32>,
    /// Whether nothing is left under the partial name.
    ended: bool,
}

/// So often a folder is made that somebody else removes meanwhile.
const ATTEMPTS: u32 = 100;

impl Writer {
    /// Makes the file, and its folders where they are missing.
    pub(crate) fn begin(pool: Arc<Pool>, key: &Key, options: WriteOptions) -> Result<Self> {
        let mut session = pool.take()?;
        let folder = key.folder();
        let mut made = 0;
        let (partial, handle) = loop {
            let partial = pool.settings.below(&partial_beside(key));
            match session.create(&partial) {
                Ok(handle) => break (partial, handle),
                Err(failure) if failure.is_missing() && made < ATTEMPTS => {
                    made += 1;
                    match walk::make(&mut session, &pool.settings, folder) {
                        // Somebody removed a folder above meanwhile.
                        Err(error) if error.kind() == ErrorKind::NotFound && made < ATTEMPTS => {}
                        made => made?,
                    }
                }
                Err(failure) => {
                    let error = explain(&mut session, failure, "cannot begin to write a file", &partial);
                    pool.give(session);
                    return Err(error);
                }
            }
        };
        Ok(Writer {
            pool,
            session: Some(session),
            handle,
            key: key.clone(),
            partial,
            options,
            size: 0,
            unanswered: HashSet::new(),
            ended: false,
        })
    }

    /// Runs a step of writing. After a failure this can only be thrown away.
    fn step<T>(
        &mut self,
        what: &str,
        work: impl FnOnce(&mut Self, &mut Session) -> Result<T, Failure>,
    ) -> Result<T> {
        let Some(mut session) = self.session.take() else {
            return Err(Error::new(
                ErrorKind::Io,
                "a file cannot be written on after a write to it has failed",
            )
            .context("path", self.path()));
        };
        match work(self, &mut session) {
            Ok(done) => {
                self.session = Some(session);
                Ok(done)
            }
            Err(failure) => {
                // Answers that still come would be taken for those of other requests.
                let error = match self.unanswered.is_empty() || self.drain(&mut session) {
                    true => explain(&mut session, failure, what, &self.path()),
                    false => failure.explain(what, &self.path()),
                };
                self.throw_away(session);
                Err(error)
            }
        }
    }

    fn send(&mut self, session: &mut Session, bytes: &[u8]) -> Result<(), Failure> {
        while self.unanswered.len() >= session.window() {
            self.receive(session)?;
        }
        let (id, packet) = session.request(request::WRITE);
        let head = packet.text(&self.handle).long(self.size).number(length(bytes)).end(bytes.len());
        session.send(&head)?;
        session.send(bytes)?;
        self.unanswered.insert(id);
        self.size = self.size.saturating_add(bytes.len() as u64);
        Ok(())
    }

    fn receive(&mut self, session: &mut Session) -> Result<(), Failure> {
        let answer = session.receive()?;
        if !self.unanswered.remove(&answer.id) {
            return Err(session.nonsense());
        }
        answer.status(session)
    }

    /// Receives what is still to come, whatever it is; false when the connection is lost.
    fn drain(&mut self, session: &mut Session) -> bool {
        while !self.unanswered.is_empty() {
            let _ = self.receive(session);
            if !session.is_usable() {
                return false;
            }
        }
        true
    }

    fn finish(&mut self, session: &mut Session) -> Result<Attributes, Failure> {
        while !self.unanswered.is_empty() {
            self.receive(session)?;
        }
        session.sync(&self.handle)?;
        let found = session.look_at(&self.handle)?;
        session.close(&self.handle)?;
        Ok(found)
    }

    /// Gives the file its name.
    fn publish(&mut self) -> Result<()> {
        let (partial, path, overwrite) = (self.partial.clone(), self.path(), self.options.overwrite);
        let taken = || {
            Error::new(ErrorKind::Conflict, "an object with this key exists already").context("path", &path)
        };
        let Some(session) = self.session.as_mut() else { return Ok(()) };
        let named = if overwrite && session.offers("posix-rename@openssh.com") {
            session.rename_over(&partial, &path)
        } else {
            // The protocol wants this to fail when the name is taken, but not every server does that.
            let found =
                session.look(&path).map_err(|failure| failure.explain("cannot look at a file", &path))?;
            if found.is_some() && overwrite {
                return Err(Error::new(ErrorKind::Unsupported, "this server cannot replace a file at once")
                    .context("path", &path)
                    .hint("use a server that has posix-rename@openssh.com, such as OpenSSH's"));
            }
            if found.is_some() {
                return Err(taken());
            }
            session.rename(&partial, &path)
        };
        let Err(failure) = named else {
            self.ended = true;
            return Ok(());
        };
        if !overwrite
            && matches!(failure, Failure::Status { .. })
            && matches!(session.look(&path), Ok(Some(_)))
        {
            return Err(taken());
        }
        Err(failure.explain("cannot give a file its name", &path))
    }

    /// Removes the partial file, by this connection or another one.
    fn throw_away(&mut self, mut session: Session) -> bool {
        self.ended = true;
        let usable = session.is_usable() && self.drain(&mut session);
        let removed = usable && {
            let _ = session.close(&self.handle);
            self.remove(&mut session)
        };
        self.pool.give(session);
        let again = || self.pool.take().ok();
        removed
            || again().is_some_and(|mut other| {
                let removed = self.remove(&mut other);
                self.pool.give(other);
                removed
            })
    }

    fn remove(&self, session: &mut Session) -> bool {
        let removed = match session.remove(&self.partial) {
            Ok(()) => true,
            Err(failure) => failure.is_missing(),
        };
        walk::prune(session, &self.pool.settings, self.key.folder());
        removed
    }

    fn path(&self) -> String {
        self.pool.settings.below(self.key.as_str())
    }
}

/// Makes an error of a failure; a server does not say that its disk is full, but has no room then.
pub(crate) fn explain(session: &mut Session, failure: Failure, what: &str, path: &str) -> Error {
    /// With less than this left, any write may fail for want of room.
    const LITTLE: u64 = 1 << 20;
    let said = matches!(failure, Failure::Status { .. });
    let error = failure.explain(what, path);
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let full = said
        && error.kind() == ErrorKind::Io
        && matches!(session.space(folder), Ok(Some(space)) if space.available < LITTLE);
    if !full {
        return error;
    }
    error.with_kind(ErrorKind::NoSpace).hint(
        "free space on the server's disk, or in the user's quota: delete old backups with `cadangkan backups delete`, or \
         use a storage on a larger disk",
    )
}

impl StorageWriter for Writer {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.step("cannot write to a file", |writer, session| {
            let chunk = session.chunk();
            bytes.chunks(chunk).try_for_each(|chunk| writer.send(session, chunk))
        })
    }

    fn close(mut self: Box<Self>) -> Result<ObjectInfo> {
        let found = self.step("cannot bring a file to the server's disk", Writer::finish)?;
        if found.size.is_some_and(|size| size != self.size) {
            return Err(Error::new(ErrorKind::Conflict, "somebody else changed a file while it was written")
                .context("path", self.path())
                .hint("let only cadangkan write to the storage"));
        }
        self.publish()?;
        if let Some(session) = self.session.take() {
            self.pool.give(session);
        }
        Ok(info(&self.key, self.size, &found))
    }

    fn abort(mut self: Box<Self>) -> Result<()> {
        let removed = match self.session.take() {
            Some(session) => self.throw_away(session),
            None => true,
        };
        if removed {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unreachable, "cannot remove an unfinished file")
            .context("path", &self.partial)
            .hint("`cadangkan cleanup` removes it once the server is reached"))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(session) = self.session.take()
            && !self.ended
        {
            // There is nobody to tell; what cannot be removed shows up as a leftover.
            self.throw_away(session);
        }
    }
}

/// The place of a new partial file of an object.
fn partial_beside(key: &Key) -> String {
    let name = new_partial_name(key.file_name());
    if key.folder().is_empty() { name } else { format!("{}/{name}", key.folder()) }
}

/// What is known of an object.
pub(crate) fn info(key: &Key, size: u64, attributes: &Attributes) -> ObjectInfo {
    let modified = attributes.modified.and_then(|seconds| Timestamp::from_second(i64::from(seconds)).ok());
    ObjectInfo { key: key.clone(), size, modified }
}
