use std::io;
use std::sync::Arc;
use std::time::Instant;

use cadangkan_core::{Control, Error, ErrorKind, Result};
use rustls::ClientConnection;

use crate::tls::{client_config, server_name};
use crate::transport::TlsStream;
use crate::{Address, Socket, TlsSettings, Transport, Words};

const DOING: &str = "connecting";

/// One try of reaching a server: until when, who may stop it, and the words for what goes wrong.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// When it must be over.
    pub deadline: Instant,
    /// Who may stop it.
    pub control: &'a Control<'a>,
    /// What the protocol calls things.
    pub words: &'static Words,
}

impl Attempt<'_> {
    /// Connects a socket.
    pub fn connect(&self, address: &Address) -> Result<Socket> {
        Socket::connect(address, self.deadline, self.control).map_err(|error| self.explain(error))
    }

    /// Calls `step` until it no longer says that nothing happened, the deadline passes, or somebody asks to stop.
    pub fn until<T>(&self, mut step: impl FnMut() -> io::Result<T>) -> Result<T> {
        loop {
            match step() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.control.check()?;
                    if Instant::now() >= self.deadline {
                        return Err(self.words.network(io::ErrorKind::TimedOut.into(), DOING));
                    }
                }
                other => return other.map_err(|error| self.explain(error)),
            }
        }
    }

    /// Begins TLS with a server of this name; files of certificates are read now.
    pub fn encrypt(&self, socket: Socket, settings: &TlsSettings, host: &str) -> Result<Transport> {
        let config = Arc::new(client_config(settings, self.words)?);
        let session = ClientConnection::new(config, server_name(host, self.words)?)
            .map_err(|error| Error::new(ErrorKind::Internal, "TLS cannot be set up").source(error))?;
        let mut stream = TlsStream::new(session, socket);
        while !self.until(|| stream.handshake())? {}
        Ok(Transport::Tls(Box::new(stream)))
    }

    fn explain(&self, error: io::Error) -> Error {
        self.control.check().err().unwrap_or_else(|| self.words.network(error, DOING))
    }
}
