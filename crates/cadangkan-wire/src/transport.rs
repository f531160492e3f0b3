use std::io::{self, IoSlice, Read, Write};

use rustls::ClientConnection;

use crate::socket::Socket;

const TLS_READ: usize = 64 << 10;

/// Bytes to and from the server, with TLS or without. Every call comes back soon, with `WouldBlock` if nothing
/// happened.
pub enum Transport {
    /// Without TLS.
    Plain(Socket),
    /// With TLS.
    Tls(Box<TlsStream>),
}

impl Transport {
    /// Reads what is there; waits for it when asked to. Zero is the end.
    pub fn read(&mut self, buffer: &mut [u8], wait: bool) -> io::Result<usize> {
        match self {
            Transport::Plain(socket) => socket.read(buffer, wait),
            Transport::Tls(stream) => stream.read(buffer, wait),
        }
    }

    /// Takes as much as fits. What was taken is on its way only after [`flush`](Transport::flush).
    pub fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Transport::Plain(socket) => socket.write(parts),
            Transport::Tls(stream) => stream.write(parts),
        }
    }

    /// Sends what was taken; to be called again after `WouldBlock`.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Transport::Plain(_) => Ok(()),
            Transport::Tls(stream) => stream.flush(),
        }
    }

    /// The server's certificate, when there is TLS.
    pub fn certificate(&self) -> Option<&[u8]> {
        match self {
            Transport::Plain(_) => None,
            Transport::Tls(stream) => Some(stream.session.peer_certificates()?.first()?.as_ref()),
        }
    }

    /// Reads that wait return only when this many bytes are there, or after 10 ms with fewer: each time the reader is
    /// woken costs both sides. `None` puts things back.
    pub fn gather(&self, bytes: Option<i32>) -> io::Result<()> {
        match self {
            Transport::Plain(socket) => socket.gather(bytes),
            Transport::Tls(stream) => stream.socket.gather(bytes),
        }
    }

    /// Ends the connection without a goodbye.
    pub fn shut(&self) {
        match self {
            Transport::Plain(socket) => socket.shut(),
            Transport::Tls(stream) => stream.socket.shut(),
        }
    }

    /// Whether it has TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self, Transport::Tls(_))
    }
}

/// A TLS session over a socket.
pub struct TlsStream {
    session: ClientConnection,
    socket: Socket,
    /// Encrypted bytes that the session has not taken yet: it takes little at once, and system calls cost.
    encrypted: Vec<u8>,
    taken: usize,
}

impl TlsStream {
    pub(crate) fn new(session: ClientConnection, socket: Socket) -> Self {
        TlsStream { session, socket, encrypted: Vec::with_capacity(TLS_READ), taken: 0 }
    }

    /// Goes one step of the handshake; true once it is over.
    pub(crate) fn handshake(&mut self) -> io::Result<bool> {
        self.flush()?;
        if self.session.is_handshaking() && self.advance(true)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.flush()?;
        Ok(!self.session.is_handshaking())
    }

    fn read(&mut self, buffer: &mut [u8], wait: bool) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            if self.advance(wait)? == 0 {
                return Ok(0);
            }
        }
    }

    /// Gives the session some encrypted bytes; zero when there are no more.
    fn advance(&mut self, wait: bool) -> io::Result<usize> {
        if self.taken == self.encrypted.len() {
            self.encrypted.resize(TLS_READ, 0);
            self.taken = 0;
            let read = self.socket.read(&mut self.encrypted, wait);
            self.encrypted.truncate(*read.as_ref().unwrap_or(&0));
            read?;
        }
        let mut rest = self.encrypted.get(self.taken..).unwrap_or_default();
        let taken = self.session.read_tls(&mut rest)?;
        self.taken += taken;
        if let Err(error) = self.session.process_new_packets() {
            // The alert that says why; that it cannot be sent changes nothing.
            let _ = self.flush();
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(taken)
    }

    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush()?;
        let taken = self.session.writer().write_vectored(parts)?;
        match self.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut Outlet(&self.socket))?;
        }
        Ok(())
    }
}

/// The socket as the session wants to see it.
struct Outlet<'a>(&'a Socket);

impl Write for Outlet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
