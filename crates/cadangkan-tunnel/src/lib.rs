//! Connections to a database server through a host that OpenSSH reaches.
//!
//! `ssh` itself does the work: it knows the person's configuration, agent, hardware keys, jump hosts and known hosts,
//! and no password or key passes through here. Each connection is one `ssh -W host:port` whose standard input and
//! output *are* the connection's socket, so no byte is copied by us, and when this program dies the sockets close
//! and every `ssh` that is connected ends by itself.

mod complaint;
mod connection;
mod settings;
mod way;

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Scope};
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result};

use complaint::{Complaint, Complaints};
pub use settings::SshSettings;
pub use way::Way;

/// So many connections may be open through one tunnel.
const MAX_CONNECTIONS: usize = 128;

/// The time from one connection's start to the next one's. By default an SSH server drops some when more than 10 are
/// logging in at once (`MaxStartups` in the manual page sshd_config(5)).
const PACE: Duration = Duration::from_millis(100);

/// How long to wait for what `ssh` says after a connection was cut. It comes at once, except on a busy machine.
const EXPLANATION: Duration = Duration::from_secs(1);

/// An address on this machine, each connection to which ends at the database server.
///
/// The address is on the loopback interface: other users of this machine can connect to it too while the tunnel is
/// open, and then meet the server's own authentication. When the server ends its half of a connection, the whole
/// connection ends. Dropping the tunnel ends all of its connections.
pub struct Tunnel {
    address: SocketAddr,
    host: String,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the acceptor, the connections and the tunnel's owner tell each other.
#[derive(Default)]
struct Shared {
    closing: AtomicBool,
    connections: AtomicUsize,
    complaints: Complaints,
}

impl Tunnel {
    /// Opens a tunnel to `host` and `port` as the SSH host sees them. Nothing is connected yet.
    ///
    /// # Errors
    /// `Usage` when the settings or the target make no sense; else when this machine gives no port or thread.
    pub fn open(settings: &SshSettings, host: &str, port: u16) -> Result<Self> {
        Self::open_with("ssh".as_ref(), MAX_CONNECTIONS, settings, host, port)
    }

    fn open_with(
        program: &OsStr,
        limit: usize,
        settings: &SshSettings,
        host: &str,
        port: u16,
    ) -> Result<Self> {
        settings.check()?;
        let target = settings::forward(host, port)?;
        let cannot = |error| Error::io("cannot open a tunnel on this machine", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        let (ssh_host, settings, program) = (settings.host.clone(), settings.clone(), program.to_owned());
        let command = move || settings.command(&program, &target);
        let accept = move || accept(&listener, &accepting, limit, command);
        let acceptor = thread::Builder::new().name("tunnel".to_owned()).spawn(accept).map_err(cannot)?;
        Ok(Tunnel { address, host: ssh_host, shared, acceptor: Some(acceptor) })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says why a connection through the tunnel failed, where `ssh` was the reason; else only adds the SSH host.
    ///
    /// Waits up to a second for what `ssh` has to say. What it said more than a minute ago is no reason any more.
    pub fn explain(&self, error: Error) -> Error {
        let error = match self.shared.complaints.recent(EXPLANATION) {
            Some(Complaint { message, hint }) => {
                Error::new(ErrorKind::Unreachable, format!("the SSH tunnel failed: {message}"))
                    .hint(hint)
                    .source(error)
            }
            None => error,
        };
        error.context("SSH host", &self.host)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        // Wakes the acceptor up; when even that fails, it has ended already.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }
}

/// Gives every connection a thread and an `ssh` of its own, until the tunnel closes; then waits for their ends.
fn accept(listener: &TcpListener, shared: &Shared, limit: usize, command: impl Fn() -> Command) {
    thread::scope(|scope| {
        for stream in listener.incoming() {
            if shared.closing() {
                return;
            }
            match stream {
                Ok(stream) if shared.connections.load(Ordering::SeqCst) < limit => {
                    begin(scope, stream, command(), shared);
                }
                // The complaint comes before the connection is cut.
                Ok(_stream) => shared.complaints.add(Complaint::too_many(limit)),
                Err(error) => shared.complaints.add(Complaint::not_started("a connection", &error)),
            }
            // Also keeps an error that stays, such as too many open files, from being met in a tight loop.
            thread::sleep(PACE);
        }
    });
}

fn begin<'scope>(
    scope: &'scope Scope<'scope, '_>,
    stream: TcpStream,
    command: Command,
    shared: &'scope Shared,
) {
    shared.connections.fetch_add(1, Ordering::SeqCst);
    let serve = move || {
        connection::serve(stream, command, shared);
        shared.connections.fetch_sub(1, Ordering::SeqCst);
    };
    if let Err(error) = thread::Builder::new().name("tunnel ssh".to_owned()).spawn_scoped(scope, serve) {
        shared.connections.fetch_sub(1, Ordering::SeqCst);
        shared.complaints.add(Complaint::not_started("a thread", &error));
    }
}

#[cfg(test)]
mod tests;
