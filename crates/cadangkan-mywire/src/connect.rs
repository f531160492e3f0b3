use std::io;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cadangkan_core::{Control, Error, ErrorKind, Result};
use rustls::ClientConnection;

use crate::answers::Answers;
use crate::auth::Privacy;
use crate::capability as can;
use crate::channel::Channel;
use crate::explain::{explain, network, not_mysql};
use crate::handshake::{Greeting, Response};
use crate::login::log_in;
use crate::socket::{Address, ONE_WAIT, Socket};
use crate::tls::{client_config, server_name};
use crate::transport::{TlsStream, Transport};
use crate::{ServerError, SslMode, Target};

/// The pauses between tries of what may pass.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

const DOING: &str = "connecting";

/// A connection that is logged in.
pub(crate) struct Session {
    pub(crate) channel: Channel,
    pub(crate) greeting: Greeting,
    pub(crate) answers: Answers,
}

/// Connects and logs in; returns also where that was.
pub(crate) fn open(target: &Target, control: &Control<'_>) -> Result<(Session, Address)> {
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

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    Without,
    IfOffered,
    Needed,
}

/// One try: each address in turn, until one takes us or refuses for a reason that another would have as well.
fn open_once(target: &Target, control: &Control<'_>) -> Result<(Session, Address)> {
    let mut last = None;
    for address in addresses(target)? {
        control.check()?;
        match open_at(target, &address, control) {
            Ok(session) => return Ok((session, address)),
            Err(error) if matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Timeout) => {
                last = Some(error)
            }
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| unknown_host(target)))
}

/// Decides about TLS as the clients do: a Unix socket has it only where it must, and `preferred` goes on without
/// where TLS fails, as with servers that are too old for it.
fn open_at(target: &Target, address: &Address, control: &Control<'_>) -> Result<Session> {
    let session = |tls| open_with(target, address, tls, Instant::now() + target.connect_timeout(), control);
    match (target.ssl_mode(), address) {
        (SslMode::Disabled, _) | (SslMode::Preferred, Address::Unix(_)) => session(Tls::Without),
        (SslMode::Preferred, Address::Tcp(_)) => match session(Tls::IfOffered) {
            Err(error) if is_of_tls(&error) => session(Tls::Without).map_err(|_| error),
            other => other,
        },
        (SslMode::Required | SslMode::VerifyCa | SslMode::VerifyIdentity, _) => session(Tls::Needed),
    }
}

/// Connects to one address and logs in.
pub(crate) fn open_with(
    target: &Target,
    address: &Address,
    tls: Tls,
    deadline: Instant,
    control: &Control<'_>,
) -> Result<Session> {
    let connected = Socket::connect(address, deadline, control);
    let socket = connected.map_err(|error| control.check().err().unwrap_or_else(|| network(error, DOING)))?;
    let mut channel = Channel::new(Transport::Plain(socket), deadline);
    let greeting = greet(&mut channel, control)?;
    let offered = greeting.capabilities & can::SSL != 0;
    let encrypted = match tls {
        Tls::Without => false,
        Tls::IfOffered => offered,
        Tls::Needed if offered => true,
        Tls::Needed => return Err(no_tls(target)),
    };
    // The first bit says that we are no MariaDB client of its own dialect; it is right whatever the server is.
    let mut capabilities = greeting.capabilities & can::WANTED | can::LONG_PASSWORD;
    if target.database().is_none() {
        capabilities &= !can::CONNECT_WITH_DB;
    }
    if !encrypted {
        capabilities &= !can::SSL;
    }
    if encrypted {
        channel.send(&[], &Response::request_for_tls(capabilities), control)?;
        channel = channel.upgrade(|transport| encrypt(transport, target, deadline, control))?;
    }
    let privacy = match address {
        _ if encrypted => Privacy::Tls,
        Address::Unix(_) => Privacy::Socket,
        Address::Tcp(_) => Privacy::None,
    };
    log_in(&mut channel, target, &greeting, capabilities, privacy, control)?;
    channel.deadline = None;
    let answers = Answers::new(capabilities & can::DEPRECATE_EOF != 0);
    Ok(Session { channel, greeting, answers })
}

/// Hears the server's greeting, or its reason for not giving one.
fn greet(channel: &mut Channel, control: &Control<'_>) -> Result<Greeting> {
    let packet = channel.receive(control)?;
    match packet.split_first() {
        Some((0xff, rest)) => Err(match ServerError::read(rest) {
            Some(error) => explain(error),
            None => not_mysql("an error that is cut off"),
        }),
        _ => Greeting::read(packet).map_err(not_mysql),
    }
}

fn encrypt(
    transport: Transport,
    target: &Target,
    deadline: Instant,
    control: &Control<'_>,
) -> Result<Transport> {
    let Transport::Plain(socket) = transport else { return Ok(transport) };
    let unusable =
        |error: rustls::Error| Error::new(ErrorKind::Internal, "TLS cannot be set up").source(error);
    let config = Arc::new(client_config(&target.tls)?);
    let session = ClientConnection::new(config, server_name(target)?).map_err(unusable)?;
    let mut stream = TlsStream::new(session, socket);
    loop {
        match stream.handshake() {
            Ok(true) => return Ok(Transport::Tls(Box::new(stream))),
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                control.check()?;
                if Instant::now() >= deadline {
                    return Err(network(io::ErrorKind::TimedOut.into(), DOING));
                }
            }
            Err(error) => {
                return Err(control.check().err().unwrap_or_else(|| network(error, "the beginning of TLS")));
            }
        }
    }
}

fn addresses(target: &Target) -> Result<Vec<Address>> {
    if let Some(path) = target.socket() {
        return Ok(vec![Address::Unix(path.to_owned())]);
    }
    if let Some(address) = target.through {
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

fn no_tls(target: &Target) -> Error {
    Error::new(ErrorKind::Unsupported, "the server has no TLS, and ssl-mode asks for it")
        .context("ssl-mode", target.ssl_mode())
        .hint("switch TLS on at the server (ssl-cert, ssl-key), or set ssl-mode to preferred if the network is trusted")
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
    let error = error.operation("connect");
    let error = match target.socket() {
        Some(path) => error.context("socket", path.display()),
        None => error.context("host", target.host()).context("port", target.port()),
    };
    let error = error.context("user", target.user());
    match target.database() {
        Some(database) => error.context("database", database),
        None => error,
    }
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
