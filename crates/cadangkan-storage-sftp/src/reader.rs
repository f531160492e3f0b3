//! Reads one object, with many requests under way.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Result};

use crate::failure::Failure;
use crate::packet::request;
use crate::pool::Pool;
use crate::session::Session;

/// A file that is open on the server.
pub(crate) struct Reader {
    pool: Arc<Pool>,
    /// `None` when it ended.
    session: Option<Session>,
    handle: Vec<u8>,
    path: String,
    /// What was not asked for yet.
    rest: Range<u64>,
    asked: VecDeque<Asked>,
    /// What came, and how much of it was given out.
    current: (Vec<u8>, usize),
}

/// A part that was asked for; parts may come in another order.
struct Asked {
    id: u32,
    at: u64,
    length: usize,
    came: Option<(Vec<u8>, usize)>,
}

impl Reader {
    /// Reads a range of an open file, which is all there.
    pub(crate) fn new(
        pool: Arc<Pool>,
        session: Session,
        handle: Vec<u8>,
        path: String,
        rest: Range<u64>,
    ) -> Self {
        Reader {
            pool,
            session: Some(session),
            handle,
            path,
            rest,
            asked: VecDeque::new(),
            current: (Vec::new(), 0),
        }
    }

    /// Fetches the next bytes; false at the end.
    fn fetch(&mut self) -> Result<bool> {
        let Some(mut session) = self.session.take() else { return Ok(false) };
        match self.fetch_from(&mut session) {
            Ok(true) => {
                self.session = Some(session);
                Ok(true)
            }
            Ok(false) => {
                if session.close(&self.handle).is_ok() {
                    self.pool.give(session);
                }
                Ok(false)
            }
            Err(failure) => Err(failure.explain("cannot read an object", &self.path)),
        }
    }

    fn fetch_from(&mut self, session: &mut Session) -> Result<bool, Failure> {
        while self.asked.len() < session.window() && !self.rest.is_empty() {
            let most = u64::try_from(session.chunk()).unwrap_or(u64::MAX);
            let length = most.min(self.rest.end - self.rest.start);
            let (at, length) = (self.rest.start, usize::try_from(length).unwrap_or(session.chunk()));
            let id = self.ask(session, at, length)?;
            self.asked.push_back(Asked { id, at, length, came: None });
            self.rest.start = at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        loop {
            let Some(first) = self.asked.front_mut() else { return Ok(false) };
            if let Some((bytes, begin)) = first.came.take() {
                let had = bytes.len() - begin;
                let (at, length) = (first.at, first.length);
                self.asked.pop_front();
                self.current = (bytes, begin);
                if had < length {
                    // A server may give less than it was asked for; the rest is asked for again.
                    let at = at.saturating_add(u64::try_from(had).unwrap_or(u64::MAX));
                    let id = self.ask(session, at, length - had)?;
                    self.asked.push_front(Asked { id, at, length: length - had, came: None });
                }
                return Ok(true);
            }
            let answer = session.receive()?;
            let id = answer.id;
            let came = answer.data(session)?;
            let Some(asked) = self.asked.iter_mut().find(|asked| asked.id == id && asked.came.is_none())
            else {
                return Err(session.nonsense());
            };
            match came {
                Some((bytes, begin)) if (1..=asked.length).contains(&(bytes.len() - begin)) => {
                    asked.came = Some((bytes, begin));
                }
                Some(_) => return Err(session.nonsense()),
                None => {
                    return Err(Failure::Broken(
                        Error::new(ErrorKind::Conflict, "the file became shorter while it was read")
                            .hint("let only cadangkan write to the storage"),
                    ));
                }
            }
        }
    }

    fn ask(&self, session: &mut Session, at: u64, length: usize) -> Result<u32, Failure> {
        let (id, packet) = session.request(request::READ);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        session.send(&packet.text(&self.handle).long(at).number(length).end(0))?;
        Ok(id)
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.current.1 >= self.current.0.len() {
            if !self.fetch().map_err(as_io)? {
                return Ok(0);
            }
        }
        let (bytes, begin) = &mut self.current;
        let left = bytes.get(*begin..).unwrap_or_default();
        let count = left.len().min(buffer.len());
        for (to, from) in [(buffer.get_mut(..count), left.get(..count))] {
            if let (Some(to), Some(from)) = (to, from) {
                to.copy_from_slice(from);
            }
        }
        *begin += count;
        Ok(count)
    }
}

/// The error of a reader, of a kind that tells whether the connection was the reason.
fn as_io(error: Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::Timeout => io::ErrorKind::TimedOut,
        ErrorKind::Unreachable => io::ErrorKind::ConnectionReset,
        ErrorKind::Denied => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Answers that are under way belong to nobody: the connection can only serve on when there are none.
        if let Some(mut session) = self.session.take()
            && self.asked.is_empty()
            && session.close(&self.handle).is_ok()
        {
            self.pool.give(session);
        }
    }
}
