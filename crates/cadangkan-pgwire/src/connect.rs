use std::io::{self, IoSlice};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use cadangkan_core::{Control, Error, ErrorKind, Result};
use postgres_protocol::message::frontend;
use rustls::ClientConnection;

use crate::channel::Channel;
use crate::explain::{is_refused_entry, network, not_postgres};
use crate::login::log_in;
use crate::socket::{Address, ONE_WAIT, Socket};
use crate::tls::{client_config, server_name};
use crate::transport::{TlsStream, Transport};
use crate::{SslMode, Target};

/// The pauses between tries of what may pass.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// Connects and logs in; returns also where that was.
pub(crate) fn open(target: &Target, control: &Control<'_>) -> Result<(Channel, Address)> {
    let mut pauses = PAUSES.into_iter();
    loop {
        match open_once(target, control) {
            Err(error) if error.is_retryable() => match pauses.next() {
                Some(pause) => wait(pause, control)?,
                None => return Err(named(error, target)),
            },
            other => return other.map_err(|error| named(error, target)),
        }
    }
}

/// Reaches the server without logging in, with TLS or without, as another connection did.
pub(crate) fn reach_again(
    target: &Target,
    address: &Address,
    encrypted: bool,
    deadline: Instant,
    control: &Control<'_>,
) -> Result<Transport> {
    let tls = if encrypted { Tls::Needed } else { Tls::Without };
    reach(target, address, tls, deadline, control)
}

/// Calls `attempt` until it no longer says that nothing happened, the deadline passes, or somebody asks to stop.
pub(crate) fn until<T>(
    deadline: Instant,
    control: &Control<'_>,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                control.check()?;
                if Instant::now() >= deadline {
                    return Err(network(io::ErrorKind::TimedOut.into(), DOING));
                }
            }
            other => {
                return other.map_err(|error| control.check().err().unwrap_or_else(|| network(error, DOING)));
            }
        }
    }
}

const DOING: &str = "connecting";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tls {
    Without,
    IfOffered,
    Needed,
}

/// One try: each address in turn, until one takes us or refuses for a reason that another would have as well.
fn open_once(target: &Target, control: &Control<'_>) -> Result<(Channel, Address)> {
    let mut last = None;
    for address in addresses(target)? {
        control.check()?;
        match open_at(target, &address, control) {
            Ok(channel) => return Ok((channel, address)),
            Err(error) if matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Timeout) => {
                last = Some(error)
            }
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| unknown_host(target)))
}

/// Tries TLS and no TLS in the order of the `sslmode` (manual, "SSL Mode Descriptions").
fn open_at(target: &Target, address: &Address, control: &Control<'_>) -> Result<Channel> {
    let session = |tls| open_with(target, address, tls, control);
    let mode = if matches!(address, Address::Unix(_)) { SslMode::Disable } else { target.tls.mode };
    match mode {
        SslMode::Disable => session(Tls::Without),
        SslMode::Allow => match session(Tls::Without) {
            Err(error) if is_refused_entry(&error) => session(Tls::Needed),
            other => other,
        },
        SslMode::Prefer => match session(Tls::IfOffered) {
            Err(error) if is_refused_entry(&error) || is_of_tls(&error) => {
                session(Tls::Without).map_err(|_| error)
            }
            other => other,
        },
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => session(Tls::Needed),
    }
}

fn open_with(target: &Target, address: &Address, tls: Tls, control: &Control<'_>) -> Result<Channel> {
    let deadline = Instant::now() + target.connect_timeout();
    let transport = reach(target, address, tls, deadline, control)?;
    let private = match address {
        Address::Tcp(address) => address.ip().is_loopback(),
        Address::Unix(_) => true,
    };
    let mut channel = Channel::new(transport, deadline);
    log_in(&mut channel, target, private, control)?;
    channel.deadline = None;
    Ok(channel)
}

fn reach(
    target: &Target,
    address: &Address,
    tls: Tls,
    deadline: Instant,
    control: &Control<'_>,
) -> Result<Transport> {
    let connected = Socket::connect(address, deadline, control);
    let socket = connected.map_err(|error| control.check().err().unwrap_or_else(|| network(error, DOING)))?;
    if tls == Tls::Without {
        return Ok(Transport::Plain(socket));
    }
    match ask_for_tls(&socket, deadline, control)? {
        b'S' => {}
        b'N' if tls == Tls::IfOffered => return Ok(Transport::Plain(socket)),
        b'N' => {
            return Err(Error::new(ErrorKind::Unsupported, "the server has no TLS, and sslmode asks for it")
                .context("sslmode", target.tls.mode)
                .hint("switch TLS on (ssl = on) at the server, or set sslmode to prefer if the network is trusted"));
        }
        // What follows is not read: nobody proved yet to be the server.
        b'E' => return Err(network(io::ErrorKind::ConnectionRefused.into(), DOING)),
        other => return Err(not_postgres(format!("it answers {other:#04x} to a request for TLS"))),
    }
    let unusable =
        |error: rustls::Error| Error::new(ErrorKind::Internal, "TLS cannot be set up").source(error);
    let config = Arc::new(client_config(&target.tls)?);
    let session = ClientConnection::new(config, server_name(target)?).map_err(unusable)?;
    let mut stream = TlsStream::new(session, socket);
    while !until(deadline, control, || stream.handshake())? {}
    Ok(Transport::Tls(Box::new(stream)))
}

/// Asks whether the server has TLS. Exactly one byte is read, so that nothing sent before the handshake can be
/// taken for something sent within.
fn ask_for_tls(socket: &Socket, deadline: Instant, control: &Control<'_>) -> Result<u8> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    until(deadline, control, || socket.write(&[IoSlice::new(&request)]))?;
    let mut answer = [0];
    match until(deadline, control, || socket.read(&mut answer, true))? {
        0 => Err(not_postgres("it closes the connection when asked for TLS")
            .retryable()
            .with_kind(ErrorKind::Unreachable)),
        _ => Ok(answer.first().copied().unwrap_or_default()),
    }
}

fn addresses(target: &Target) -> Result<Vec<Address>> {
    if let Some(path) = target.unix_socket() {
        return Ok(vec![Address::Unix(path)]);
    }
    let known =
        target.through.or_else(|| target.hostaddr.map(|address| SocketAddr::new(address, target.port())));
    if let Some(address) = known {
        return Ok(vec![Address::Tcp(address)]);
    }
    // The system's resolver has limits of its own (resolv.conf: `timeout`, `attempts`).
    let found = (target.host(), target.port()).to_socket_addrs();
    let found = found.map_err(|error| unknown_host(target).source(error))?;
    Ok(found.map(Address::Tcp).collect())
}

fn unknown_host(target: &Target) -> Error {
    Error::new(ErrorKind::Unreachable, "the server's name cannot be resolved")
        .hint(format!("check the host's spelling and this machine's DNS: `getent hosts {}`", target.host()))
}

/// Whether TLS itself failed, not what was said within.
fn is_of_tls(error: &Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        if source.is::<rustls::Error>() {
            return true;
        }
        let inner = source.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        next = source.source();
    }
    false
}

fn named(error: Error, target: &Target) -> Error {
    if error.kind() == ErrorKind::Cancelled {
        return error;
    }
    error
        .operation("connect")
        .context("host", target.host())
        .context("port", target.port())
        .context("user", target.user())
        .context("database", target.database())
}

fn wait(pause: Duration, control: &Control<'_>) -> Result<()> {
    let end = Instant::now() + pause;
    loop {
        control.check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(ONE_WAIT));
    }
}
