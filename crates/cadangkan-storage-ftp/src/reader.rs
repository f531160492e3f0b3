//! Reads an object, and goes on where it was cut.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Result};

use crate::failure::Failure;
use crate::files::Entry;
use crate::pool::Pool;
use crate::session::Session;
use crate::socket::Socket;
use crate::walk;

const WHAT: &str = "cannot read an object";

/// An object, or a range of it, being read. All of it is of one version: another's is refused, as far as size, time
/// and the server's own mark tell them apart.
pub(crate) struct Reader {
    pool: Arc<Pool>,
    place: String,
    version: Entry,
    /// What is still to be read; all there is.
    left: Range<u64>,
    /// Whether the object goes on behind what is wanted.
    partly: bool,
    transfer: Option<(Session, Socket)>,
    /// Failures since the last byte.
    failures: u32,
}

impl Reader {
    /// Opens an object; the range is cut at its end.
    pub(crate) fn open(pool: Arc<Pool>, place: &str, range: Range<u64>) -> Result<Self> {
        let found = pool.with(WHAT, place, |session| walk::look_at_file(session, place))?;
        let size = found.as_ref().and_then(|found| found.size);
        let (Some(version), Some(size)) = (found, size) else {
            return Err(Error::new(ErrorKind::NotFound, "no such object").context("key", place));
        };
        let end = range.end.min(size);
        let left = range.start.min(end)..end;
        let (partly, place) = (end < size, place.to_owned());
        let mut reader = Reader { pool, place, version, left, partly, transfer: None, failures: 0 };
        while reader.transfer.is_none() && !reader.left.is_empty() {
            if let Err(failure) = reader.begin() {
                reader.pause(failure)?;
            }
        }
        Ok(reader)
    }

    fn begin(&mut self) -> Result<(), Failure> {
        let mut session = self.pool.take()?;
        let begun = self.begin_with(&mut session);
        match begun {
            Ok(data) => self.transfer = Some((session, data)),
            Err(failure) => {
                self.pool.give(session);
                return Err(failure);
            }
        }
        Ok(())
    }

    fn begin_with(&mut self, session: &mut Session) -> Result<Socket, Failure> {
        if self.failures > 0 && walk::look_at_file(session, &self.place)?.as_ref() != Some(&self.version) {
            return Err(Failure::Broken(
                Error::new(ErrorKind::Conflict, "an object was replaced while it was read")
                    .context("key", &self.place),
            ));
        }
        let path = session.below(&self.place);
        session.transfer("RETR", &path, self.left.start)
    }

    /// Waits before the next attempt, or fails.
    fn pause(&mut self, failure: Failure) -> Result<()> {
        let error = failure.explain(WHAT, &self.place);
        self.failures += if error.kind() == ErrorKind::Timeout { 3 } else { 1 };
        let pause = self.pool.backoff.pause(self.failures, None).filter(|_| error.is_retryable());
        std::thread::sleep(pause.ok_or(error)?);
        Ok(())
    }

    /// Reads once; data that ends early is an error too.
    fn read_on(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        if self.transfer.is_none() {
            self.begin()?;
        }
        let Some((_, data)) = self.transfer.as_mut() else { return Ok(0) };
        let left = usize::try_from(self.left.end - self.left.start).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        match data.read(buffer.get_mut(..wanted).unwrap_or_default())? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            count => Ok(count),
        }
    }

    /// Ends the transfer, and gives back the session when it is of use.
    fn end(&mut self) {
        let Some((mut session, mut data)) = self.transfer.take() else { return };
        // Past the end there is nothing more but the server's word.
        if self.left.is_empty() && !self.partly && !matches!(data.read(&mut [0; 1]), Ok(1..)) {
            drop(data);
            if session.transferred().is_err() {
                return;
            }
        } else {
            session.break_off(data);
        }
        self.pool.give(session);
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() && !self.left.is_empty() {
            match self.read_on(buffer) {
                Ok(count) => {
                    self.left.start += count as u64;
                    self.failures = 0;
                    if self.left.is_empty() {
                        self.end();
                    }
                    return Ok(count);
                }
                Err(failure) => {
                    self.transfer = None;
                    self.pause(failure).map_err(io::Error::other)?;
                }
            }
        }
        Ok(0)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.end();
    }
}
