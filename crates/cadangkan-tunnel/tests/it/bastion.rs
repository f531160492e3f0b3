//! An SSH server of a test's own, and a database server that is none.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use cadangkan_testkit::sshd::Sshd;
use cadangkan_tunnel::{SshSettings, Tunnel};

/// The longest that anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// An SSH server, and tunnels through it.
pub(crate) struct Bastion(Sshd);

impl Bastion {
    /// Starts one; none where there is no `sshd`, except in CI.
    pub(crate) fn start() -> Option<Self> {
        Sshd::start().map(Bastion)
    }

    pub(crate) fn settings(&self) -> SshSettings {
        settings(&self.file("config"), self.port())
    }

    pub(crate) fn tunnel(&self, target: SocketAddr) -> Tunnel {
        Tunnel::open(&self.settings(), &target.ip().to_string(), target.port()).unwrap()
    }
}

impl Deref for Bastion {
    type Target = Sshd;

    fn deref(&self) -> &Sshd {
        &self.0
    }
}

pub(crate) fn settings(config: &Path, port: u16) -> SshSettings {
    let settings = SshSettings::parse("127.0.0.1").unwrap();
    SshSettings { port: Some(port), config: Some(config.to_owned()), ..settings }
}

/// An address where nobody listens.
pub(crate) fn unused() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// A server that lives as long as the test process, and does the same with every connection.
pub(crate) fn server(serve: fn(TcpStream) -> io::Result<()>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let accept = move || {
        for stream in listener.incoming() {
            let stream = limited(stream.unwrap());
            thread::Builder::new().spawn(move || serve(stream)).unwrap();
        }
    };
    thread::Builder::new().spawn(accept).unwrap();
    address
}

/// Sends back what it gets.
pub(crate) fn echo(stream: TcpStream) -> io::Result<()> {
    io::copy(&mut &stream, &mut &stream)?;
    stream.shutdown(Shutdown::Write)
}

pub(crate) fn limited(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

pub(crate) fn connect(tunnel: &Tunnel) -> TcpStream {
    limited(TcpStream::connect_timeout(&tunnel.address(), LIMIT).unwrap())
}

pub(crate) fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < LIMIT, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
