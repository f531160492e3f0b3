use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_http::TlsTrouble;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// A connection that ends at a deadline, whatever the other side does.
pub(super) enum Stream {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

/// A socket, each of whose waits lasts until the deadline and no longer.
pub(super) struct Timed {
    socket: TcpStream,
    deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl Stream {
    pub(super) fn plain(socket: TcpStream, deadline: Instant) -> Self {
        Stream::Plain(Timed { socket, deadline })
    }

    /// Begins TLS.
    pub(super) fn encrypt(self, config: ClientConfig, name: ServerName<'static>) -> Result<Self> {
        let Stream::Plain(mut timed) = self else { return Ok(self) };
        let mut connection = ClientConnection::new(Arc::new(config), name)
            .map_err(|error| Error::new(ErrorKind::Internal, "TLS cannot be set up").source(error))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut timed).map_err(failed)?;
        }
        Ok(Stream::Tls(Box::new(StreamOwned::new(connection, timed))))
    }

    /// Adds what comes next to a buffer; the end of the connection is an error.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        let mut bytes = [0; 4096];
        let count = match self {
            Stream::Plain(timed) => timed.read(&mut bytes),
            Stream::Tls(stream) => stream.read(&mut bytes),
        };
        let count = count.map_err(failed)?;
        if count == 0 {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        buffer.extend(bytes.iter().take(count));
        Ok(())
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = match self {
            Stream::Plain(timed) => timed.write_all(bytes).and_then(|()| timed.flush()),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        };
        sent.map_err(failed)
    }

    /// This end as a literal, for a machine without a whole name (RFC 5321, section 4.1.3).
    pub(super) fn literal(&self) -> String {
        let timed = match self {
            Stream::Plain(timed) => timed,
            Stream::Tls(stream) => &stream.sock,
        };
        match timed.socket.local_addr() {
            Ok(std::net::SocketAddr::V6(address)) => format!("[IPv6:{}]", address.ip()),
            Ok(std::net::SocketAddr::V4(address)) => format!("[{}]", address.ip()),
            Err(_) => "[127.0.0.1]".to_owned(),
        }
    }
}

/// What a connection failed with.
pub(super) fn failed(error: io::Error) -> Error {
    if let Some(trouble) = TlsTrouble::of_io(&error) {
        return trouble.error("`host`, `port` and `tls`").source(error).retryable();
    }
    // A wait that was too long is one or the other, by the system.
    let (kind, message) = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            (ErrorKind::Timeout, "the mail server does not answer in time")
        }
        _ => (ErrorKind::Unreachable, "the connection to the mail server was lost or not made"),
    };
    Error::new(kind, message).source(error).retryable()
}
