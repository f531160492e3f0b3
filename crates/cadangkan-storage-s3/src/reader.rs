//! Reads an object piece by piece, and goes on where it was cut.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Result};
use ureq::BodyReader;

use crate::client::{Client, header};
use crate::failure::Failure;
use crate::request::Request;
use crate::thaw::Thaw;

/// Bytes that one request asks for: enough that asking costs nothing, few enough that a piece has a limit of time.
const PIECE: u64 = 64 << 20;

/// An object, or a range of it, being read. All pieces are of one version: another's are refused.
pub(crate) struct Reader {
    client: Arc<Client>,
    key: String,
    headers: Vec<(String, String)>,
    /// What is still to be read.
    left: Range<u64>,
    version: Option<String>,
    piece: Option<(BodyReader<'static>, u64)>,
    /// Failures since the last byte.
    failures: u32,
}

impl Reader {
    /// Opens an object; the range is cut at its end.
    pub(crate) fn open(
        client: Arc<Client>,
        key: String,
        headers: Vec<(String, String)>,
        range: Range<u64>,
        thaw: Option<&Thaw>,
    ) -> Result<Self> {
        let mut reader =
            Reader { client, key, headers, left: range, version: None, piece: None, failures: 0 };
        let begun = match (reader.begin_piece(), thaw) {
            (Err(failure), Some(thaw)) if failure.code == "InvalidObjectState" => {
                thaw.bring_back(&reader.client, &reader.key, &reader.headers)?;
                reader.begin_piece()
            }
            (begun, _) => begun,
        };
        match begun {
            Ok(()) => {}
            // Nothing lies in the range, or the object is empty.
            Err(failure) if failure.status == 416 => reader.left = 0..0,
            Err(failure) => return Err(failure.into()),
        }
        Ok(reader)
    }

    fn begin_piece(&mut self) -> Result<(), Failure> {
        let last = self.left.end.min(self.left.start.saturating_add(PIECE)).saturating_sub(1);
        let mut request = Request::new(http::Method::GET, self.key.as_str(), "s3:GetObject")
            .header("range", format!("bytes={}-{last}", self.left.start))
            .headers(&self.headers);
        if let Some(version) = &self.version {
            request = request.header("if-match", version);
        }
        let (headers, body) = self.client.open(&request, self.client.backoff()).map_err(|mut failure| {
            if failure.status == 412 || self.version.is_some() && failure.status == 404 {
                failure.error = Error::new(ErrorKind::Conflict, "an object was replaced while it was read")
                    .context("key", &self.key);
            }
            failure
        })?;
        let size = header(&headers, "content-range").and_then(|text| text.rsplit('/').next()?.parse().ok());
        let length = header(&headers, "content-length").and_then(|text| text.parse::<u64>().ok());
        let (Some(size), Some(length)) = (size, length) else {
            return Err(Error::new(ErrorKind::Io, "the server does not read ranges")
                .context("key", &self.key)
                .hint("something between here and the server may have removed the header Range")
                .into());
        };
        self.left.end = self.left.end.min(size);
        self.version = header(&headers, "etag").map(str::to_owned);
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
                self.begin_piece().map_err(|failure| io::Error::other(failure.error))?;
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
                    let Some(pause) = self.client.backoff().pause(self.failures, None) else {
                        return Err(error);
                    };
                    std::thread::sleep(pause);
                }
            }
        }
        Ok(0)
    }
}
