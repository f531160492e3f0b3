use bytes::BytesMut;
use cadangkan_core::{Control, Error, ErrorKind, Result};
use postgres_protocol::message::frontend;

use crate::Connection;

/// The size of a CopyData message; the server reads each into memory as a whole.
const MESSAGE: usize = 64 << 10;

/// A `COPY … FROM STDIN` that waits for its rows. Dropped without [`finish`](CopyIn::finish), it fails on the
/// server, and no row of it stays.
pub struct CopyIn<'a> {
    connection: &'a mut Connection,
    control: &'a Control<'a>,
    /// Bytes that do not fill a message yet.
    waiting: Vec<u8>,
    is_over: bool,
}

impl<'a> CopyIn<'a> {
    pub(crate) fn new(connection: &'a mut Connection, control: &'a Control<'a>) -> Self {
        CopyIn { connection, control, waiting: Vec::new(), is_over: false }
    }

    /// Sends bytes: any number of rows, or parts of rows. Large pieces are sent from where they lie, small ones are
    /// gathered.
    ///
    /// # Errors
    /// Also an error of an earlier row; then the COPY is over.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.is_over {
            return Err(Error::new(ErrorKind::Internal, "the COPY is over already"));
        }
        if self.waiting.len() + bytes.len() < MESSAGE {
            self.waiting.extend_from_slice(bytes);
            return Ok(());
        }
        self.send_waiting()?;
        let mut pieces = bytes.chunks_exact(MESSAGE);
        for piece in &mut pieces {
            self.send(piece)?;
        }
        self.waiting.extend_from_slice(pieces.remainder());
        Ok(())
    }

    /// Ends the COPY, waits until the server has taken all rows, and returns their number.
    pub fn finish(mut self) -> Result<u64> {
        if self.is_over {
            return Err(Error::new(ErrorKind::Internal, "the COPY is over already"));
        }
        self.send_waiting()?;
        self.is_over = true;
        let mut done = BytesMut::new();
        frontend::copy_done(&mut done);
        self.send_raw(&done, &[])?;
        self.connection.finish_copy(self.control)
    }

    fn send_waiting(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        self.send(&waiting)?;
        waiting.clear();
        self.waiting = waiting;
        Ok(())
    }

    /// Sends one message, after a look at what the server said meanwhile.
    fn send(&mut self, piece: &[u8]) -> Result<()> {
        if let Err(error) = self.control.check() {
            return Err(self.give_up(error));
        }
        match self.connection.channel.take_in() {
            Ok(false) => {}
            Ok(true) => return Err(self.read_failure()),
            Err(error) => {
                self.is_over = true;
                return Err(error);
            }
        }
        let length = u32::try_from(piece.len() + 4).unwrap_or(u32::MAX).to_be_bytes();
        let [a, b, c, d] = length;
        self.send_raw(&[b'd', a, b, c, d], piece)
    }

    fn send_raw(&mut self, header: &[u8], piece: &[u8]) -> Result<()> {
        let sent = self.connection.channel.send(header, piece, self.control);
        sent.map_err(|error| {
            self.is_over = true;
            self.connection.stop_if_cancelled(error, self.control)
        })
    }

    /// Reads the error with which the server ended the COPY early.
    fn read_failure(&mut self) -> Error {
        self.is_over = true;
        match self.connection.until_ready(self.control, |_| Ok(())) {
            Err(error) => error,
            Ok(()) => self.connection.break_off("it ended a COPY before its rows"),
        }
    }

    fn give_up(&mut self, error: Error) -> Error {
        self.is_over = true;
        self.connection.stop(error, self.control)
    }
}

impl Drop for CopyIn<'_> {
    fn drop(&mut self) {
        if self.is_over || self.connection.is_broken() {
            return;
        }
        self.connection.fail_copy(self.control);
    }
}
