//! One upload whose size is not known beforehand, sent by a thread.

use std::io::{self, Read};
use std::sync::Arc;
use std::thread::JoinHandle;

use cadangkan_core::{Error, ErrorKind, Result};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::client::{Client, Request};
use crate::failure::Failure;

/// Pieces that wait to be sent.
const QUEUE: usize = 4;

/// An upload under way. It is ended by [`finish`](Stream::finish), well or not.
pub(crate) struct Stream {
    pieces: Sender<Vec<u8>>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Stream {
    /// Begins to send to a path on the server.
    pub(crate) fn begin(client: Arc<Client>, path: String) -> Result<Self> {
        let (pieces, taken) = bounded(QUEUE);
        let work =
            move || client.stream(&Request::new("PUT", path), Pieces { taken, piece: Vec::new(), read: 0 });
        let thread = std::thread::Builder::new()
            .name("webdav upload".into())
            .spawn(work)
            .map_err(|error| Error::io("cannot start a thread", error))?;
        Ok(Stream { pieces, thread })
    }

    /// Hands over a piece; waits while enough are under way. False once the upload has failed.
    pub(crate) fn push(&self, piece: Vec<u8>) -> bool {
        self.pieces.send(piece).is_ok()
    }

    /// Sends what is still under way, and waits for the server's answer.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        drop(self.pieces);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "an upload has panicked").into()))
    }
}

/// The pieces one after another.
struct Pieces {
    taken: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    read: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.piece.len() {
            // Whoever writes has ended.
            let Ok(piece) = self.taken.recv() else { return Ok(0) };
            (self.piece, self.read) = (piece, 0);
        }
        let mut rest = self.piece.get(self.read..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.read += count;
        Ok(count)
    }
}
