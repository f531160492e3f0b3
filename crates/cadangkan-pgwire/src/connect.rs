use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::BytesMut;
use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_wire::{Address, Attempt, Socket, Tls, Transport, is_of_tls, resolve};
use postgres_protocol::message::frontend;

use crate::channel::Channel;
use crate::explain::{WORDS, is_refused_entry, not_postgres};
use crate::login::log_in;
use crate::{SslMode, Target};

/// Connects and logs in; returns also where that was.
pub(crate) fn open(target: &Target, control: &Control<'_>) -> Result<(Channel, Address)> {
    cadangkan_wire::open(control, || addresses(target), |address| open_at(target, address, control))
        .map_err(|error| named(error, target))
}

/// Tries TLS and no TLS in the order of the `sslmode` (manual, "SSL Mode Descriptions").
fn open_at(target: &Target, address: &Address, control: &Control<'_>) -> Result<Channel> {
    let session = |tls| open_with(target, address, tls, control);
    let mode = if matches!(address, Address::Unix(_)) { SslMode::Disable } else { target.sslmode };
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
    let transport = reach(target, address, tls, &Attempt { deadline, control, words: &WORDS })?;
    let private = match address {
        Address::Tcp(address) => address.ip().is_loopback(),
        Address::Unix(_) => true,
    };
    let mut channel = Channel::new(transport, deadline);
    log_in(&mut channel, target, private, control)?;
    channel.deadline = None;
    Ok(channel)
}

/// Reaches the server without logging in.
pub(crate) fn reach(
    target: &Target,
    address: &Address,
    tls: Tls,
    attempt: &Attempt<'_>,
) -> Result<Transport> {
    let socket = attempt.connect(address)?;
    if tls == Tls::Without {
        return Ok(Transport::Plain(socket));
    }
    match ask_for_tls(&socket, attempt)? {
        b'S' => attempt.encrypt(socket, &target.tls, &target.named_host()),
        b'N' if tls == Tls::IfOffered => Ok(Transport::Plain(socket)),
        b'N' => Err(Error::new(ErrorKind::Unsupported, "the server has no TLS, and sslmode asks for it")
            .context("sslmode", target.sslmode)
            .hint(
                "switch TLS on (ssl = on) at the server, or set sslmode to prefer if the network is trusted",
            )),
        // What follows is not read: nobody proved yet to be the server.
        b'E' => Err(WORDS.network(io::ErrorKind::ConnectionRefused.into(), "connecting")),
        other => Err(not_postgres(format!("it answers {other:#04x} to a request for TLS"))),
    }
}

/// Asks whether the server has TLS. Exactly one byte is read, so that nothing sent before the handshake can be
/// taken for something sent within.
fn ask_for_tls(socket: &Socket, attempt: &Attempt<'_>) -> Result<u8> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    attempt.until(|| socket.write(&[IoSlice::new(&request)]))?;
    let mut answer = [0];
    match attempt.until(|| socket.read(&mut answer, true))? {
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
    match known {
        Some(address) => Ok(vec![Address::Tcp(address)]),
        None => resolve(&target.host, target.port()),
    }
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
