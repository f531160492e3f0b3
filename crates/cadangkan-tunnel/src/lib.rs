//! Connections to a database server through a host that OpenSSH reaches.
//!
//! `ssh` itself does the work: it knows the person's configuration, agent, hardware keys, jump hosts and known hosts,
//! and no password or key passes through here. Each connection is one `ssh -W host:port` whose standard input and
//! output *are* the connection's socket, so no byte is copied by us, and when this program dies the sockets close
//! and every `ssh` ends by itself.

mod settings;

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result};

pub use settings::SshSettings;

/// So many connections may be open through one tunnel.
const MAX_CONNECTIONS: usize = 64;

/// How much of what one `ssh` says is kept.
const MAX_MESSAGE: u64 = 8 * 1024;

/// An address on this machine, each connection to which ends at the database server.
///
/// The address is on the loopback interface: other users of this machine can connect to it too while the tunnel is
/// open, and then meet the server's own authentication. Dropping the tunnel ends all of its connections.
pub struct Tunnel {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    closing: AtomicBool,
    children: Mutex<Vec<Child>>,
    complaint: Mutex<Option<String>>,
}

impl Tunnel {
    /// Opens a tunnel to `host` and `port` as the SSH host sees them. Nothing is connected yet.
    pub fn open(settings: &SshSettings, host: &str, port: u16) -> Result<Self> {
        let cannot = |error| Error::io("cannot open a tunnel on this machine", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let shared = Arc::new(Shared::default());
        let (settings, target) = (settings.clone(), settings::forward(host, port)?);
        let accepting = Arc::clone(&shared);
        let accept = move || accept(&listener, &accepting, || settings.command(&target));
        let acceptor = std::thread::Builder::new().name("tunnel".to_owned()).spawn(accept).map_err(cannot)?;
        Ok(Tunnel { address, shared, acceptor: Some(acceptor) })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says why a connection through the tunnel failed, where `ssh` was the reason; else returns the error as it is.
    pub fn explain(&self, error: Error) -> Error {
        // The complaint comes when ssh ends, a moment after the connection was cut.
        for _ in 0..10 {
            if let Some(text) = self.shared.complaint() {
                return Error::new(ErrorKind::Unreachable, format!("the SSH tunnel failed: {text}"))
                    .hint("try the same host with `ssh` by hand: its key must be known, and yours accepted without a question");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        error
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
        for mut child in self.shared.children.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Shared {
    fn complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn complain(&self, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.replace('\n', "; "));
        }
    }

    /// Forgets connections that are over, and tells whether there is room for one more.
    fn has_room(&self) -> bool {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain_mut(|child| !matches!(child.try_wait(), Ok(Some(_))));
        children.len() < MAX_CONNECTIONS
    }
}

/// Gives every connection an `ssh` of its own, until the tunnel closes.
fn accept(listener: &TcpListener, shared: &Arc<Shared>, command: impl Fn() -> Command) {
    for stream in listener.incoming() {
        if shared.closing.load(Ordering::SeqCst) {
            return;
        }
        let started = stream.and_then(|stream| {
            if shared.has_room() { start(stream, command(), shared) } else { Ok(()) }
        });
        if let Err(error) = started {
            shared.complain(&format!("cannot start ssh: {error}"));
        }
    }
}

fn start(stream: TcpStream, mut command: Command, shared: &Arc<Shared>) -> std::io::Result<()> {
    let input = OwnedFd::from(stream.try_clone()?);
    let output = OwnedFd::from(stream);
    command.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(stderr) = child.stderr.take() {
        let shared = Arc::clone(shared);
        // Ends with the ssh that it listens to.
        std::thread::Builder::new().name("ssh messages".to_owned()).spawn(move || listen(stderr, &shared))?;
    }
    shared.children.lock().unwrap_or_else(PoisonError::into_inner).push(child);
    Ok(())
}

fn listen(mut stderr: ChildStderr, shared: &Shared) {
    let mut said = String::new();
    let read = stderr.by_ref().take(MAX_MESSAGE).read_to_string(&mut said);
    // Read on, so that ssh is never held up; what it says after so much is of no use.
    let rest = std::io::copy(&mut stderr, &mut std::io::sink());
    if read.is_ok() && rest.is_ok() && !shared.closing.load(Ordering::SeqCst) {
        shared.complain(&said);
    }
}
