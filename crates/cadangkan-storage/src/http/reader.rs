use std::io::{self, Read};
use std::ops::Range;

use ::http::HeaderMap;
use cadangkan_core::{Error, ErrorKind, Result};
use ureq::{Body, BodyReader};

use super::header;
use crate::Backoff;

/// Bytes that one request asks for: enough that asking costs nothing, few enough that a piece has a limit of time.
const PIECE: u64 = 64 << 20;

/// Asks for a range of an object (the value of `Range`), of this version only where one is given.
///
/// Gives the answer's headers and body; nothing when nothing lies in the range, and `Conflict` when there is another
/// version by now ([`replaced`]).
pub type Fetch = dyn Fn(&str, Option<&str>) -> Result<Option<(HeaderMap, Body)>> + Send;

/// An object, or a range of it, being read piece by piece; it goes on where it was cut. All pieces are of one version:
/// another's are refused.
pub struct Reader {
    fetch: Box<Fetch>,
    /// The header that names the version.
    mark: &'static str,
    backoff: Backoff,
    /// What is still to be read.
    left: Range<u64>,
    version: Option<String>,
    piece: Option<(BodyReader<'static>, u64)>,
    /// Failures since the last byte.
    failures: u32,
}

impl Reader {
    /// Opens an object; the range is cut at its end. The header `mark` tells its versions apart.
    pub fn open(range: Range<u64>, backoff: Backoff, mark: &'static str, fetch: Box<Fetch>) -> Result<Self> {
        let mut reader =
            Reader { fetch, mark, backoff, left: range, version: None, piece: None, failures: 0 };
        reader.begin_piece()?;
        Ok(reader)
    }

    fn begin_piece(&mut self) -> Result<()> {
        let last = self.left.end.min(self.left.start.saturating_add(PIECE)).saturating_sub(1);
        let range = format!("bytes={}-{last}", self.left.start);
        let Some((headers, body)) = (self.fetch)(&range, self.version.as_deref())? else {
            // Nothing lies in the range, or the object is empty.
            self.left = 0..0;
            return Ok(());
        };
        let size = header(&headers, "content-range").and_then(|text| text.rsplit('/').next()?.parse().ok());
        let length = header(&headers, "content-length").and_then(|text| text.parse::<u64>().ok());
        let (Some(size), Some(length)) = (size, length) else {
            return Err(Error::new(ErrorKind::Io, "the server does not read ranges")
                .hint("something between here and the server may have removed the header Range"));
        };
        self.left.end = self.left.end.min(size);
        self.version = header(&headers, self.mark).map(str::to_owned);
        self.piece = Some((body.into_reader(), length));
        Ok(())
    }

    /// Reads once; a piece that ends early is an error too.
    fn read_piece(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((reader, left)) = &mut self.piece else { return Ok(0) };
        let wanted = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        let count = reader.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if count == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        *left = left.saturating_sub(count as u64);
        if *left == 0 {
            // Read to the end of the body, so that the connection is used again.
            let _ = reader.read(&mut [0; 1]);
            self.piece = None;
        }
        Ok(count)
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while !self.left.is_empty() {
            if self.piece.is_none() {
                self.begin_piece().map_err(io::Error::other)?;
            }
            match self.read_piece(buffer) {
                Ok(0) => {}
                Ok(count) => {
                    self.left.start += count as u64;
                    self.failures = 0;
                    return Ok(count);
                }
                Err(error) => {
                    self.piece = None;
                    self.failures += 1;
                    let Some(pause) = self.backoff.pause(self.failures, None) else { return Err(error) };
                    std::thread::sleep(pause);
                }
            }
        }
        Ok(0)
    }
}

/// The error of an object that is another one by now.
pub fn replaced(key: &str) -> Error {
    Error::new(ErrorKind::Conflict, "an object was replaced while it was read").context("key", key)
}
