use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use ::http::HeaderMap;
use cadangkan_core::{Error, ErrorKind, Result};
use ureq::{Body, BodyReader};

use super::ahead::{Ahead, Ready, SEGMENT, Segment};
use super::header;
use crate::Backoff;

/// Bytes that one request asks for where nothing is fetched ahead: enough that asking costs nothing, few enough that a piece
/// has a limit of time.
const PIECE: u64 = 64 << 20;

/// Asks for a range of an object (the value of `Range`), of this version only where one is given.
///
/// Gives the answer's headers and body; nothing when nothing lies in the range, and `Conflict` when there is another
/// version by now ([`replaced`]).
pub type Fetch = dyn Fn(&str, Option<&str>) -> Result<Option<(HeaderMap, Body)>> + Send + Sync;

/// An object, or a range of it, being read piece by piece; it goes on where it was cut. All pieces are of one version:
/// another's are refused. What follows is fetched over more connections, as far as there is room [`Ahead`].
pub struct Reader {
    fetch: Arc<Fetch>,
    /// The header that names the version.
    mark: &'static str,
    backoff: Backoff,
    ahead: Ahead,
    /// What is still to be read.
    left: Range<u64>,
    version: Option<String>,
    piece: Option<Piece>,
    /// Where the piece that was begun last ends.
    piece_end: u64,
    /// What follows the piece, in order; there may be a gap before the first one, where a segment was cut.
    segments: VecDeque<Segment>,
    /// Failures since the last byte.
    failures: u32,
}

/// Where the next bytes come from.
enum Piece {
    /// The body of an answer, and how many bytes of it are left.
    Body(BodyReader<'static>, u64),
    Ready(Ready),
}

impl Reader {
    /// Opens an object; the range is cut at its end. The header `mark` tells its versions apart.
    pub fn open(
        range: Range<u64>,
        backoff: Backoff,
        mark: &'static str,
        ahead: Ahead,
        fetch: Arc<Fetch>,
    ) -> Result<Self> {
        let mut reader = Reader {
            fetch,
            mark,
            backoff,
            ahead,
            piece_end: range.start,
            left: range,
            version: None,
            piece: None,
            segments: VecDeque::new(),
            failures: 0,
        };
        reader.ask()?;
        Ok(reader)
    }

    /// Takes what was fetched ahead, or asks for what is missing.
    fn begin_piece(&mut self) -> Result<()> {
        if let Some(segment) = self.segments.pop_front_if(|next| next.range.start == self.left.start) {
            self.piece_end = segment.range.end;
            self.piece = Some(Piece::Ready(segment.finish()));
            return Ok(());
        }
        self.ask()
    }

    fn ask(&mut self) -> Result<()> {
        let most = if self.ahead.is_off() { PIECE } else { SEGMENT };
        let end = self.segments.front().map_or(self.left.end, |next| next.range.start);
        let last = end.min(self.left.start.saturating_add(most)).saturating_sub(1);
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
        self.piece_end = self.left.start.saturating_add(length);
        self.piece = Some(Piece::Body(body.into_reader(), length));
        Ok(())
    }

    /// Begins to fetch what follows, where its version can be named.
    fn look_ahead(&mut self) {
        let Some(version) = self.version.as_deref() else { return };
        let mut next = self.segments.back().map_or(self.piece_end, |last| last.range.end);
        while next < self.left.end {
            let range = next..self.left.end.min(next.saturating_add(SEGMENT));
            next = range.end;
            let Some(segment) = Segment::begin(&self.ahead, &self.fetch, version, range) else { break };
            self.segments.push_back(segment);
        }
    }

    /// Reads once; a piece that ends early is an error too.
    fn read_piece(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (reader, left) = match &mut self.piece {
            Some(Piece::Body(reader, left)) => (reader, left),
            Some(Piece::Ready(bytes)) => {
                let count = bytes.read(buffer)?;
                if count == 0 {
                    self.piece = None;
                }
                return Ok(count);
            }
            None => return Ok(0),
        };
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
                    self.look_ahead();
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    /// An object of a server, and what it was asked for.
    #[derive(Default)]
    struct Server {
        object: Vec<u8>,
        /// Bodies end after so many bytes, if they are that long.
        cut: Option<usize>,
        /// Each answer is of a version of its own.
        changes: bool,
        asked: Mutex<Vec<Range<u64>>>,
        now: Mutex<(u32, u32)>,
    }

    /// Counts as a request on its way until it is dropped.
    struct Body {
        bytes: io::Cursor<Vec<u8>>,
        server: Arc<Server>,
    }

    impl Read for Body {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.bytes.position() == 0 {
                // Long enough that others begin.
                std::thread::sleep(Duration::from_millis(2));
            }
            let most = buffer.len().min(1 << 20);
            self.bytes.read(&mut buffer[..most])
        }
    }

    impl Drop for Body {
        fn drop(&mut self) {
            self.server.now.lock().unwrap().0 -= 1;
        }
    }

    impl Server {
        fn new(size: usize) -> Self {
            // No block of it is like another.
            let mut object = vec![0; size];
            for (number, block) in object.chunks_exact_mut(4096).enumerate() {
                block[..8].copy_from_slice(&(number as u64 + 1).to_le_bytes());
            }
            Server { object, ..Server::default() }
        }

        fn answer(
            self: &Arc<Self>,
            range: &str,
            version: Option<&str>,
        ) -> Result<Option<(HeaderMap, ureq::Body)>> {
            let (start, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            let (start, last): (u64, u64) = (start.parse().unwrap(), last.parse().unwrap());
            let asked = start..last.saturating_add(1).min(self.object.len() as u64);
            let mut all = self.asked.lock().unwrap();
            all.push(asked.clone());
            let mark = if self.changes { all.len().to_string() } else { "1".to_owned() };
            drop(all);
            if version.is_some_and(|version| version != mark) {
                return Err(replaced("object"));
            }
            if asked.is_empty() {
                return Ok(None);
            }
            let mut now = self.now.lock().unwrap();
            *now = (now.0 + 1, now.1.max(now.0 + 1));
            drop(now);
            let bytes = &self.object[asked.start as usize..asked.end as usize];
            let whole = format!("bytes {}-{}/{}", asked.start, asked.end - 1, self.object.len());
            let mut headers = HeaderMap::new();
            headers.insert("content-range", whole.parse().unwrap());
            headers.insert("content-length", bytes.len().to_string().parse().unwrap());
            headers.insert("etag", mark.parse().unwrap());
            let sent = &bytes[..self.cut.map_or(bytes.len(), |cut| cut.min(bytes.len()))];
            let body = Body { bytes: io::Cursor::new(sent.to_vec()), server: Arc::clone(self) };
            Ok(Some((headers, ureq::Body::builder().reader(body))))
        }

        fn open(self: &Arc<Self>, range: Range<u64>, ahead: &Ahead) -> Reader {
            let server = Arc::clone(self);
            let fetch = move |range: &str, version: Option<&str>| server.answer(range, version);
            let backoff = Backoff { first: Duration::ZERO, longest: Duration::ZERO, ..Backoff::BRIEF };
            Reader::open(range, backoff, "etag", ahead.clone(), Arc::new(fetch)).unwrap()
        }
    }

    fn read(mut reader: Reader) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    const SIZE: usize = (45 << 20) + 7;

    #[test]
    fn segments_are_fetched_at_once_and_come_in_order() {
        let server = Arc::new(Server::new(SIZE));
        let ahead = Ahead::new(4);
        assert!(read(server.open(0..u64::MAX, &ahead)).unwrap() == server.object);
        let most = server.now.lock().unwrap().1;
        assert!((3..=5).contains(&most), "{most} at once");
        assert_eq!(ahead.free(), 4);
    }

    #[test]
    fn one_connection_asks_for_large_pieces() {
        let server = Arc::new(Server::new(SIZE));
        assert!(read(server.open(0..u64::MAX, &Ahead::new(1))).unwrap() == server.object);
        assert_eq!(server.asked.lock().unwrap().len(), 1);
    }

    #[test]
    fn nothing_is_asked_for_twice_or_outside_of_a_range() {
        let server = Arc::new(Server::new(SIZE));
        let range = 12_345..(33 << 20);
        let bytes = read(server.open(range.clone(), &Ahead::new(3))).unwrap();
        assert!(bytes == server.object[12_345..33 << 20]);
        let mut asked = server.asked.lock().unwrap().clone();
        asked.sort_by_key(|asked| asked.start);
        assert_eq!((asked[0].start, asked.last().unwrap().end), (range.start, range.end));
        assert!(asked.is_sorted_by(|one, next| one.end == next.start), "{asked:?}");
    }

    #[test]
    fn it_goes_on_where_bodies_are_cut() {
        for cut in [1_000_000, 3 << 20, (8 << 20) - 1] {
            let server = Arc::new(Server { cut: Some(cut), ..Server::new(SIZE) });
            let ahead = Ahead::new(4);
            assert!(read(server.open(0..u64::MAX, &ahead)).unwrap() == server.object, "{cut}");
            assert_eq!(ahead.free(), 4);
        }
    }

    #[test]
    fn a_body_that_never_comes_is_an_error() {
        let server = Arc::new(Server { cut: Some(0), ..Server::new(SIZE) });
        let error = read(server.open(0..u64::MAX, &Ahead::new(4))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn another_version_is_refused() {
        let server = Arc::new(Server { changes: true, ..Server::new(SIZE) });
        let error = read(server.open(0..u64::MAX, &Ahead::new(4))).unwrap_err();
        assert!(error.to_string().contains("replaced while it was read"), "{error}");
    }

    #[test]
    fn readers_share_what_may_be_fetched_ahead() {
        let server = Arc::new(Server::new(SIZE));
        let ahead = Ahead::new(2);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| assert!(read(server.open(0..u64::MAX, &ahead)).unwrap() == server.object));
            }
        });
        // Each has a connection of its own, and two are there beside.
        let most = server.now.lock().unwrap().1;
        assert!(most <= 5, "{most} at once");
        assert_eq!(ahead.free(), 2);
    }

    #[test]
    fn one_that_is_limited_has_one_request_at_a_time() {
        let server = Arc::new(Server::new(SIZE));
        let ahead = Ahead::new(4);
        ahead.turn_off();
        assert!(read(server.open(0..u64::MAX, &ahead)).unwrap() == server.object);
        assert_eq!(server.now.lock().unwrap().1, 1);
    }

    #[test]
    fn a_reader_that_is_left_ends_what_it_began() {
        let server = Arc::new(Server::new(SIZE));
        let ahead = Ahead::new(4);
        let mut reader = server.open(0..u64::MAX, &ahead);
        reader.read_exact(&mut [0; 9]).unwrap();
        assert!(ahead.free() < 4);
        drop(reader);
        assert_eq!(ahead.free(), 4);
        assert_eq!(server.now.lock().unwrap().0, 0);
    }
}
