use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cadangkan_core::Control;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketAddrUnix, SocketFlags,
    SocketType, connect, recv, sendmsg, shutdown, socket_with,
};

use crate::gather;

/// The longest time that one wait lasts before cancellation is looked at.
pub(crate) const ONE_WAIT: Duration = Duration::from_millis(200);

/// The longest time that a read waits for more while bytes are gathered.
const ONE_GATHERING: Duration = Duration::from_millis(10);

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// At a port of this or another machine.
    Tcp(SocketAddr),
    /// At a Unix socket, by its file.
    Unix(PathBuf),
}

/// A connected stream whose reads and writes come back within 200 ms, with `WouldBlock` if nothing happened.
pub struct Socket {
    descriptor: OwnedFd,
}

impl Socket {
    /// Connects, until a deadline and while nobody asks to stop.
    pub(crate) fn connect(address: &Address, deadline: Instant, control: &Control<'_>) -> io::Result<Socket> {
        let family = match address {
            Address::Tcp(SocketAddr::V4(_)) => AddressFamily::INET,
            Address::Tcp(SocketAddr::V6(_)) => AddressFamily::INET6,
            Address::Unix(_) => AddressFamily::UNIX,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let descriptor = socket_with(family, SocketType::STREAM, flags, None)?;
        let started = match address {
            Address::Tcp(address) => connect(&descriptor, address),
            Address::Unix(path) => connect(&descriptor, &SocketAddrUnix::new(path)?),
        };
        match started {
            Ok(()) => {}
            Err(error) if error == rustix::io::Errno::INPROGRESS => {
                wait_connected(&descriptor, deadline, control)?;
            }
            // The queue of a Unix socket is full: to the caller the same as a server that refuses.
            Err(error) if error == rustix::io::Errno::AGAIN => {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            Err(error) => return Err(error.into()),
        }
        rustix::io::ioctl_fionbio(&descriptor, false)?;
        sockopt::set_socket_timeout(&descriptor, Timeout::Recv, Some(ONE_WAIT))?;
        sockopt::set_socket_timeout(&descriptor, Timeout::Send, Some(ONE_WAIT))?;
        if matches!(address, Address::Tcp(_)) {
            find_dead_peers(&descriptor)?;
        }
        Ok(Socket { descriptor })
    }

    /// Reads what is there; waits for it when asked to. Zero is the end.
    pub fn read(&self, buffer: &mut [u8], wait: bool) -> io::Result<usize> {
        let flags = if wait { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        recv(&self.descriptor, buffer, flags).map(|(_, length)| length).map_err(interrupted_is_nothing)
    }

    /// Reads that wait return only when this many bytes are there, or after a short while with fewer: each time the
    /// reader is woken costs both sides. `None` puts things back.
    pub(crate) fn gather(&self, bytes: Option<i32>) -> io::Result<()> {
        let limit = if bytes.is_some() { ONE_GATHERING } else { ONE_WAIT };
        sockopt::set_socket_timeout(&self.descriptor, Timeout::Recv, Some(limit))?;
        gather::set_least(&self.descriptor, bytes.unwrap_or(1))
    }

    /// Writes as much as fits.
    pub fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        sendmsg(&self.descriptor, parts, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)
            .map_err(interrupted_is_nothing)
    }

    /// Ends both directions at once, for the server to notice.
    pub(crate) fn shut(&self) {
        // One that is not connected any more is shut already.
        let _ = shutdown(&self.descriptor, Shutdown::Both);
    }
}

/// A signal ends a wait early, so that what its handler set is looked at.
fn interrupted_is_nothing(error: rustix::io::Errno) -> io::Error {
    match error {
        rustix::io::Errno::INTR => io::ErrorKind::WouldBlock.into(),
        other => other.into(),
    }
}

fn wait_connected(descriptor: &OwnedFd, deadline: Instant, control: &Control<'_>) -> io::Result<()> {
    let step = Timespec { tv_sec: 0, tv_nsec: i64::from(ONE_WAIT.subsec_nanos()) };
    loop {
        if control.cancel.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match poll(&mut [PollFd::new(descriptor, PollFlags::OUT)], Some(&step)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(sockopt::socket_error(descriptor)??),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A peer that vanished without a word is found within a minute, also while we only wait.
fn find_dead_peers(descriptor: &OwnedFd) -> io::Result<()> {
    sockopt::set_tcp_nodelay(descriptor, true)?;
    sockopt::set_socket_keepalive(descriptor, true)?;
    sockopt::set_tcp_keepidle(descriptor, Duration::from_secs(30))?;
    sockopt::set_tcp_keepintvl(descriptor, Duration::from_secs(10))?;
    sockopt::set_tcp_keepcnt(descriptor, 3)?;
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(descriptor, 60_000)?;
    Ok(())
}
