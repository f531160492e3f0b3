//! Reads an object, and goes on where it was cut.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Result};
use ureq::BodyReader;

use crate::client::{Client, Request, header};
use crate::failure::{Failure, unanswered};
use crate::folders;

/// An object, or a range of it, being read. All of it is of one version: another's is refused.
pub(crate) struct Reader {
    client: Arc<Client>,
    path: String,
    /// What is still to be read.
    left: Range<u64>,
    version: Option<String>,
    body: Option<BodyReader<'static>>,
    /// Failures since the last byte.
    failures: u32,
}

impl Reader {
    /// Opens an object; the range is cut at its end.
    pub(crate) fn open(client: Arc<Client>, place: &str, range: Range<u64>) -> Result<Self> {
        let missing = || Error::new(ErrorKind::NotFound, "no such object").context("key", place);
        let path = client.settings.below(place);
        let mut reader = Reader { client, path, left: range, version: None, body: None, failures: 0 };
        if reader.left.is_empty() {
            return folders::look_at_file(&reader.client, place)?.map(|_| reader).ok_or_else(missing);
        }
        match reader.begin() {
            Ok(()) => {}
            // Nothing lies in the range, or the object is empty.
            Err(failure) if failure.status == 416 => reader.left = 0..0,
            // Of a folder, or of something below a file, servers give various reasons.
            Err(failure) if failure.status != 0 && failure.status != 401 => {
                let found = folders::look_at_file(&reader.client, place)?;
                return Err(found.map_or_else(missing, |_| failure.into()));
            }
            Err(failure) => return Err(failure.into()),
        }
        Ok(reader)
    }

    fn begin(&mut self) -> Result<(), Failure> {
        let last = if self.left.end == u64::MAX { String::new() } else { (self.left.end - 1).to_string() };
        let request = Request::new("GET", self.path.as_str())
            .header("range", format!("bytes={}-{last}", self.left.start));
        let replaced = || {
            Error::new(ErrorKind::Conflict, "an object was replaced while it was read")
                .context("path", &self.path)
        };
        let response = self.client.open(&request).map_err(|mut failure| {
            if self.version.is_some() && matches!(failure.status, 404 | 416) {
                failure.error = replaced();
            }
            failure
        })?;
        let (parts, body) = response.into_parts();
        let mut body = body.into_reader();
        let mark = |name| header(&parts.headers, name);
        // What is weak at first, since the file is new, may not be so later.
        let version = mark("etag").map(|tag| tag.trim_start_matches("W/")).or(mark("last-modified"));
        if self.version.is_some() && self.version.as_deref() != version {
            return Err(replaced().into());
        }
        let part = parts.status == http::StatusCode::PARTIAL_CONTENT;
        let size = match part {
            true => mark("content-range").and_then(|range| range.rsplit('/').next()),
            false => mark("content-length"),
        };
        let size = size.and_then(|size| size.parse::<u64>().ok()).ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "the server does not say how long an object is")
                .context("path", &self.path)
                .hint("something between here and the server may pack or change what it sends")
        })?;
        let end = self.left.end.min(size);
        let skipped = if part { 0 } else { self.left.start.min(size) };
        // A server that does not read ranges gives all of it.
        let read = io::copy(&mut body.by_ref().take(skipped), &mut io::sink());
        let read = read.map_err(|error| self.lost(error))?;
        if read < skipped {
            return Err(self.lost(io::ErrorKind::UnexpectedEof.into()));
        }
        self.version = version.map(str::to_owned);
        self.left = self.left.start.min(end)..end;
        self.body = Some(body);
        Ok(())
    }

    fn lost(&self, error: io::Error) -> Failure {
        unanswered(ureq::Error::from(error), &self.client.settings.url(&self.path))
    }

    /// Reads once; a body that ends early is an error too.
    fn read_on(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        if self.body.is_none() {
            self.begin()?;
        }
        let Some(body) = self.body.as_mut().filter(|_| !self.left.is_empty()) else { return Ok(0) };
        let left = usize::try_from(self.left.end - self.left.start).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let count = match body.read(buffer.get_mut(..wanted).unwrap_or_default()) {
            Ok(0) => return Err(self.lost(io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => count,
            Err(error) => return Err(self.lost(error)),
        };
        if count == left {
            // Read to the end of the body, so that the connection is used again.
            let _ = body.read(&mut [0; 1]);
        }
        Ok(count)
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() && !self.left.is_empty() {
            let failure = match self.read_on(buffer) {
                Ok(count) => {
                    self.left.start += count as u64;
                    self.failures = 0;
                    return Ok(count);
                }
                Err(failure) => failure,
            };
            self.body = None;
            self.failures += if failure.error.kind() == ErrorKind::Timeout { 3 } else { 1 };
            let pause = self.client.backoff.pause(self.failures, failure.wait);
            let Some(pause) = pause.filter(|_| failure.error.is_retryable()) else {
                return Err(io::Error::other(failure.error));
            };
            std::thread::sleep(pause);
        }
        Ok(0)
    }
}
