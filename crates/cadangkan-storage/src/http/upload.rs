use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Result, ResultExt as _};

use super::workers::{Part, Workers};
use crate::{Key, ObjectInfo, StorageWriter};

/// What a server does to make one object: at once when it is small, else of parts.
pub trait Assembly: Send + Sync + 'static {
    /// What the server calls an upload that has begun.
    type Id: Clone + Send + Sync + 'static;
    /// What it says of a part.
    type Part: Send + 'static;

    /// The size of the part with this number, from 1 on; `None` when there may be no such part.
    fn size_of(&self, number: u32) -> Option<usize>;
    /// Makes the whole object by one request.
    fn put(&self, bytes: &[u8]) -> Result<()>;
    /// Begins to make it of parts.
    fn begin(&self) -> Result<Self::Id>;
    /// Sends a part; called by several threads at once.
    fn send(&self, id: &Self::Id, part: Part<'_>) -> Result<Self::Part>;
    /// Makes the object of its parts, all of which were sent.
    fn complete(&self, id: &Self::Id, parts: &[Self::Part]) -> Result<()>;
    /// Looks at what was made: it must be what was written.
    fn look(&self, written: u64) -> Result<ObjectInfo>;
    /// How many bytes of parts were not sent, since the server had them already.
    fn passed_over(&self) -> u64 {
        0
    }
    /// Gives up the parts that were sent. Done also when there are none.
    fn withdraw(&self, id: &Self::Id) -> Result<()>;
}

/// An object on its way. Nothing is sent before the first part is full.
pub struct Upload<A: Assembly> {
    object: Arc<A>,
    key: Key,
    connections: usize,
    buffer: Vec<u8>,
    written: u64,
    /// The number of the part that is being filled.
    number: u32,
    begun: Option<(A::Id, Workers<A::Part>)>,
    failed: bool,
}

impl<A: Assembly> Upload<A> {
    /// Begins to write an object whose parts are sent over so many connections at once.
    pub fn new(object: A, key: &Key, connections: usize) -> Self {
        Upload {
            object: Arc::new(object),
            key: key.clone(),
            connections,
            buffer: Vec::new(),
            written: 0,
            number: 1,
            begun: None,
            failed: false,
        }
    }

    /// Makes the object of so many bytes that the server has already: no part carries any.
    pub fn gather(mut self, size: u64, progress: &mut dyn FnMut(u64) -> Result<()>) -> Result<ObjectInfo> {
        loop {
            let part = self.part_size()? as u64;
            self.written = self.written.saturating_add(part).min(size);
            if self.written == size {
                return self.finish();
            }
            self.send_part(false)?;
            progress(self.written)?;
        }
    }

    /// The size of the part that is being filled.
    fn part_size(&self) -> Result<usize> {
        self.object.size_of(self.number).ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                format!("the object needs more than {} parts", self.number - 1),
            )
            .hint("set a larger `part_size_mib` for this storage")
        })
    }

    fn append(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let size = self.part_size()?;
            // A full part is sent once there is more: the last one may have any size.
            if self.buffer.len() >= size {
                self.send_part(false)?;
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(size - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            self.written = self.written.saturating_add(now.len() as u64);
            bytes = later;
        }
        Ok(())
    }

    fn send_part(&mut self, last: bool) -> Result<()> {
        if self.begun.is_none() {
            let id = self.object.begin()?;
            let (object, same) = (Arc::clone(&self.object), id.clone());
            match Workers::start(self.connections, Box::new(move |part| object.send(&same, part))) {
                Ok(workers) => self.begun = Some((id, workers)),
                Err(error) => return Err(self.withdraw(&id, error)),
            }
        }
        let Some((_, workers)) = &self.begun else { return Ok(()) };
        self.buffer = workers.send(self.number, last, std::mem::take(&mut self.buffer))?;
        self.number += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<ObjectInfo> {
        if self.failed {
            return Err(Error::new(
                ErrorKind::Io,
                "an object cannot be closed after a write to it has failed",
            ));
        }
        if self.begun.is_none() {
            self.object.put(&self.buffer)?;
            return self.object.look(self.written);
        }
        // There is always one: a full part waits for more.
        self.send_part(true)?;
        let Some((id, workers)) = self.begun.take() else { return self.object.look(self.written) };
        let ended = workers.finish().and_then(|parts| {
            if parts.len() as u64 + 1 != u64::from(self.number) {
                return Err(Error::new(ErrorKind::Internal, "parts of an upload are missing"));
            }
            self.object.complete(&id, &parts)
        });
        match ended {
            Ok(()) => self.object.look(self.written),
            Err(error) => Err(self.withdraw(&id, error)),
        }
    }

    /// Gives up what was sent; when even that fails, the error says that it is there.
    fn withdraw(&self, id: &A::Id, error: Error) -> Error {
        match self.object.withdraw(id) {
            Ok(()) => error,
            Err(problem) => error.context("parts left behind, named by `cadangkan cleanup`", problem),
        }
    }

    fn throw_away(&mut self) -> Result<()> {
        self.buffer = Vec::new();
        self.failed = true;
        let Some((id, workers)) = self.begun.take() else { return Ok(()) };
        workers.cancel();
        self.object.withdraw(&id)
    }
}

impl<A: Assembly> StorageWriter for Upload<A> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let appended = self.append(bytes);
        self.failed |= appended.is_err();
        appended.context("key", &self.key)
    }

    fn passed_over(&self) -> u64 {
        self.object.passed_over()
    }

    fn close(mut self: Box<Self>) -> Result<ObjectInfo> {
        let key = self.key.clone();
        self.finish().context("key", key)
    }

    fn abort(mut self: Box<Self>) -> Result<()> {
        self.throw_away()
    }
}

impl<A: Assembly> Drop for Upload<A> {
    fn drop(&mut self) {
        // There is nobody to tell; what cannot be removed shows up as a leftover.
        let _ = self.throw_away();
    }
}
