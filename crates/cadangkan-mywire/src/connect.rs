use std::time::Instant;

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_wire::{Address, Attempt, Tls, Transport, is_of_tls, resolve};

use crate::answers::Answers;
use crate::auth::Privacy;
use crate::capability as can;
use crate::channel::Channel;
use crate::explain::{WORDS, explain, not_mysql};
use crate::handshake::{Greeting, Response};
use crate::login::log_in;
use crate::{ServerError, SslMode, Target};

/// How PostgreSQL is asked for TLS, which it answers by one letter (its manual, "Message Formats", SSLRequest).
const POSTGRES_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A connection that is logged in.
pub(crate) struct Session {
    pub(crate) channel: Channel,
    pub(crate) greeting: Greeting,
    pub(crate) answers: Answers,
}

/// Connects and logs in; returns also where that was.
pub(crate) fn open(target: &Target, control: &Control<'_>) -> Result<(Session, Address)> {
    cadangkan_wire::open(control, || addresses(target), |address| open_at(target, address, control))
        .map_err(|error| named(error, target))
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
    let attempt = Attempt { deadline, control, words: &WORDS };
    let mut channel = Channel::new(Transport::Plain(attempt.connect(address)?), deadline);
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
        channel = channel.upgrade(|transport| match transport {
            Transport::Plain(socket) => attempt.encrypt(socket, &target.tls, target.host()),
            encrypted @ Transport::Tls(_) => Ok(encrypted),
        })?;
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
    let packet = channel.receive(control).map(<[u8]>::to_vec);
    let packet = packet.map_err(|error| stranger(channel, error, control))?;
    match packet.split_first() {
        Some((0xff, rest)) => Err(match ServerError::read(rest) {
            Some(error) => explain(error),
            None => not_mysql("an error that is cut off"),
        }),
        _ => Greeting::read(&packet).map_err(not_mysql),
    }
}

/// Says who is there instead of a server that greets: one that says something else, or waits to be spoken to.
fn stranger(channel: &mut Channel, error: Error, control: &Control<'_>) -> Error {
    if error.kind() == ErrorKind::Cancelled {
        return error;
    }
    if let Some(line) = channel.line() {
        return not_mysql(format!("it says `{line}`"));
    }
    if error.kind() != ErrorKind::Timeout {
        return error;
    }
    match channel.ask(&POSTGRES_TLS, control) {
        Some(b'S' | b'N') => not_mysql("it is a PostgreSQL server"),
        _ => Error::new(ErrorKind::Timeout, "something takes connections there, but does not greet as a MySQL server does")
            .source(error)
            .hint("check host and port: a server that waits to be spoken to, such as a web server, may listen there, or the network lets nothing back"),
    }
}

fn addresses(target: &Target) -> Result<Vec<Address>> {
    match (target.socket(), target.through) {
        (Some(path), _) => Ok(vec![Address::Unix(path.to_owned())]),
        (None, Some(address)) => Ok(vec![Address::Tcp(address)]),
        (None, None) => resolve(target.host(), target.port()),
    }
}

fn no_tls(target: &Target) -> Error {
    Error::new(ErrorKind::Unsupported, "the server has no TLS, and ssl-mode asks for it")
        .context("ssl-mode", target.ssl_mode())
        .hint("switch TLS on at the server (ssl-cert, ssl-key), or set ssl-mode to preferred if the network is trusted")
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
