use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};

use cadangkan_core::{Control, Error, ErrorKind, Result};

use crate::Address;
use crate::socket::ONE_WAIT;

/// The pauses between tries of what may pass.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// Opens a session at one of the addresses, and returns also at which. What may pass is tried three times, after
/// 250 ms and after another second.
pub fn open<T>(
    control: &Control<'_>,
    addresses: impl Fn() -> Result<Vec<Address>>,
    open_at: impl Fn(&Address) -> Result<T>,
) -> Result<(T, Address)> {
    let mut pauses = PAUSES.into_iter();
    loop {
        match open_once(control, addresses()?, &open_at) {
            Err(error) if error.is_retryable() => wait(pauses.next().ok_or(error)?, control)?,
            other => return other,
        }
    }
}

/// The addresses of a host; never none.
pub fn resolve(host: &str, port: u16) -> Result<Vec<Address>> {
    // The system's resolver has limits of its own (resolv.conf: `timeout`, `attempts`).
    let found = (host, port).to_socket_addrs().map_err(|error| unknown(host).source(error))?;
    let addresses: Vec<Address> = found.map(Address::Tcp).collect();
    if addresses.is_empty() { Err(unknown(host)) } else { Ok(addresses) }
}

/// One try: each address in turn, until one takes us or refuses for a reason that another would have as well.
fn open_once<T>(
    control: &Control<'_>,
    addresses: Vec<Address>,
    open_at: &impl Fn(&Address) -> Result<T>,
) -> Result<(T, Address)> {
    let mut last = None;
    for address in addresses {
        control.check()?;
        match open_at(&address) {
            Ok(session) => return Ok((session, address)),
            Err(error) if matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Timeout) => {
                last = Some(error)
            }
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| Error::new(ErrorKind::Internal, "there is no address to connect to")))
}

fn unknown(host: &str) -> Error {
    Error::new(ErrorKind::Unreachable, "the server's name cannot be resolved")
        .hint(format!("check the host's spelling and this machine's DNS: `getent hosts {host}`"))
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
