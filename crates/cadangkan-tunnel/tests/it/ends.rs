//! Every connection ends, and every `ssh` with it, whoever ends first.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cadangkan_core::{Error, ErrorKind};
use cadangkan_tunnel::Tunnel;

use crate::bastion::{Bastion, LIMIT, connect, echo, server, settings, wait_until};

/// Sends a byte through and back, so that the whole way is known to be open.
fn greet(tunnel: &Tunnel) -> TcpStream {
    let mut stream = connect(tunnel);
    stream.write_all(b"?").unwrap();
    let mut answer = [0; 1];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"?");
    stream
}

/// Answers once, then is silent and never ends.
fn stall(mut stream: TcpStream) -> io::Result<()> {
    let mut byte = [0; 1];
    stream.read_exact(&mut byte)?;
    stream.write_all(&byte)?;
    std::thread::sleep(2 * LIMIT);
    Ok(())
}

/// Answers once, then closes with bytes unread, as a server that dies does.
fn die(mut stream: TcpStream) -> io::Result<()> {
    let mut byte = [0; 1];
    stream.read_exact(&mut byte)?;
    stream.write_all(&byte)
}

/// Answers once, then closes its own half only.
fn end_our_half(mut stream: TcpStream) -> io::Result<()> {
    let mut byte = [0; 1];
    stream.read_exact(&mut byte)?;
    stream.write_all(&byte)?;
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::sink()).map(|_| ())
}

#[test]
fn the_servers_end_reaches_us() {
    let Some(bastion) = Bastion::start() else { return };
    for serve in [die, end_our_half] {
        let tunnel = bastion.tunnel(server(serve));
        let mut stream = greet(&tunnel);
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
        wait_until("ssh ends", || bastion.clients() == 0);
        // That was not ssh's doing.
        let error = tunnel.explain(Error::new(ErrorKind::Unreachable, "the server closed the connection"));
        assert_eq!(error.message(), "the server closed the connection");
    }
}

#[test]
fn our_end_reaches_the_server() {
    let Some(bastion) = Bastion::start() else { return };
    let tunnel = bastion.tunnel(server(echo));
    let stream = greet(&tunnel);
    assert_eq!(bastion.clients(), 1);
    drop(stream);
    // The server ends when it hears of it, and then ssh does.
    wait_until("ssh ends", || bastion.clients() == 0);
    drop(greet(&tunnel));
}

#[test]
fn dropping_the_tunnel_ends_all() {
    let Some(bastion) = Bastion::start() else { return };
    // This must not let any ssh stay for later connections.
    let control = bastion.file("control");
    bastion.configure(&format!("ControlMaster auto\nControlPersist yes\nControlPath {}", control.display()));
    let tunnel = bastion.tunnel(server(stall));
    let streams: Vec<_> = (0..3).map(|_| greet(&tunnel)).collect();
    assert_eq!(bastion.clients(), 3);
    let begin = Instant::now();
    drop(tunnel);
    assert!(begin.elapsed() < LIMIT / 2, "{:?}", begin.elapsed());
    assert_eq!(bastion.clients(), 0);
    assert!(!control.exists());
    for mut stream in streams {
        assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    }
}

#[test]
fn a_shared_connection_is_used_and_outlives_the_tunnel() {
    let Some(bastion) = Bastion::start() else { return };
    let control = bastion.file("control");
    bastion.configure(&format!("ControlPath {}", control.display()));
    let master = Command::new("ssh")
        .args(["-M", "-N", "-p", &bastion.port().to_string(), "-F"])
        .arg(bastion.file("config"))
        .arg("127.0.0.1")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut master = Killed(master);
    wait_until("the shared connection", || control.exists());
    // No key is needed any more.
    std::fs::remove_file(bastion.file("key")).unwrap();
    let tunnel = bastion.tunnel(server(stall));
    let mut stream = greet(&tunnel);
    drop(tunnel);
    assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    assert!(master.0.try_wait().unwrap().is_none());
    assert_eq!(bastion.clients(), 1);
}

#[test]
fn dropping_the_tunnel_ends_what_is_still_connecting() {
    let Some(bastion) = Bastion::start() else { return };
    let mark = bastion.file("connecting");
    // A way to the bastion that never answers.
    bastion.configure(&format!("ProxyCommand sh -c 'touch {}; sleep 600; :'", mark.display()));
    let tunnel = bastion.tunnel(server(echo));
    let _stream = connect(&tunnel);
    wait_until("ssh connects", || mark.exists());
    let begin = Instant::now();
    drop(tunnel);
    assert!(begin.elapsed() < LIMIT / 2, "{:?}", begin.elapsed());
    assert_eq!(bastion.clients(), 0);
}

const CONFIG: &str = "CADANGKAN_TEST_CONFIG";
const PORTS: &str = "CADANGKAN_TEST_PORTS";

/// A process that is killed at the latest when the test ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_killed_process_leaves_no_ssh_behind() {
    let Some(bastion) = Bastion::start() else { return };
    let ports = format!("{} {}", bastion.port(), server(echo).port());
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["ends::child_that_holds_a_tunnel", "--exact", "--ignored", "--nocapture"])
        .env(CONFIG, bastion.file("config"))
        .env(PORTS, ports)
        .stdout(Stdio::null())
        .spawn();
    let mut child = Killed(child.unwrap());
    wait_until("the child's connections", || {
        assert!(child.0.try_wait().unwrap().is_none(), "the child ended");
        bastion.file("config.open").exists()
    });
    assert_eq!(bastion.clients(), 3);
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    wait_until("every ssh ends", || bastion.clients() == 0);
}

#[test]
#[ignore = "the child of another test"]
fn child_that_holds_a_tunnel() {
    let Some((config, ports)) = told() else { return };
    let (bastion, target) = ports.split_once(' ').unwrap();
    let settings = settings(&config, bastion.parse().unwrap());
    let tunnel = Tunnel::open(&settings, "127.0.0.1", target.parse().unwrap()).unwrap();
    let _streams: Vec<_> = (0..3).map(|_| greet(&tunnel)).collect();
    std::fs::write(config.with_extension("open"), "").unwrap();
    std::thread::sleep(LIMIT + Duration::from_secs(30));
}

#[allow(clippy::disallowed_methods, reason = "how a test tells its own child what to do")]
fn told() -> Option<(PathBuf, String)> {
    Some((std::env::var_os(CONFIG)?.into(), std::env::var(PORTS).ok()?))
}
