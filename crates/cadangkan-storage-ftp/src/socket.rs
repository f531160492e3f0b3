//! A connection to the server, with TLS or without; every wait on it is bounded.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(15);

pub(crate) enum Socket {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Socket {
    /// Connects to whichever address of a host answers.
    pub(crate) fn to_host(host: &str, port: u16, limit: Duration) -> io::Result<(Self, SocketAddr)> {
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in (host, port).to_socket_addrs()? {
            match Socket::to(address, limit) {
                Ok(socket) => return Ok((socket, address)),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Connects to an address.
    pub(crate) fn to(address: SocketAddr, limit: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, CONNECT.min(limit))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        Ok(Socket::Plain(stream))
    }

    /// Goes on with TLS, once the server has shown that it is who it should be.
    pub(crate) fn secure(self, config: &Arc<ClientConfig>, host: &str) -> io::Result<Self> {
        let Socket::Plain(mut stream) = self else { return Ok(self) };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let mut connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(Socket::Tls(Box::new(StreamOwned::new(connection, stream))))
    }

    /// Says that nothing more comes, and waits until the server has taken it all.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        if let Socket::Tls(stream) = &mut self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.stream().shutdown(Shutdown::Write)?;
        // What comes are tickets at most, by which the next connection goes on with this session.
        match io::copy(&mut (&mut self).take(64 << 10), &mut io::sink()) {
            Err(error)
                if error.kind() == io::ErrorKind::TimedOut || error.kind() == io::ErrorKind::WouldBlock =>
            {
                Err(error)
            }
            // Many servers end TLS without a word; whether they have all, they say in their reply.
            _ => Ok(()),
        }
    }

    /// Whether anything has come, or the end, although nothing is waited for.
    pub(crate) fn is_quiet(&self) -> bool {
        let stream = self.stream();
        let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0; 1]));
        let quiet = matches!(&peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        quiet && stream.set_nonblocking(false).is_ok()
    }

    /// Sets the longest wait for anything to come.
    pub(crate) fn wait_at_most(&self, limit: Duration) -> io::Result<()> {
        self.stream().set_read_timeout(Some(limit))
    }

    fn stream(&self) -> &TcpStream {
        match self {
            Socket::Plain(stream) => stream,
            Socket::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Plain(stream) => stream.read(buffer),
            Socket::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Plain(stream) => stream.write(bytes),
            Socket::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Socket::Plain(stream) => stream.flush(),
            Socket::Tls(stream) => stream.flush(),
        }
    }
}
