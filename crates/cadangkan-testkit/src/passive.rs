//! A way to an FTP server of this machine that can be cut, data and all.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests may fail; threads end with the tests' process"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use crate::relay::Relay;

/// A relay to a server that speaks of ports for data: those it names lead through the relay too. Counts the connections
/// for commands.
pub fn passive(server: u16) -> (Arc<Relay>, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = Arc::new(Relay::to(listener.local_addr().unwrap().port()));
    let shared = Arc::downgrade(&relay);
    let logins = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&logins);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            let (client, relay) = (client.unwrap(), Weak::clone(&shared));
            let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                to.shutdown(Shutdown::Both)
            });
            std::thread::spawn(move || rename_ports(&server, &client, &relay));
        }
    });
    (relay, logins)
}

/// Passes on what a server says, with other ports in its answers to `EPSV`.
fn rename_ports(server: &TcpStream, mut client: &TcpStream, relay: &Weak<Relay>) {
    for line in BufReader::new(server).lines() {
        let Ok(mut line) = line else { break };
        if let Some(port) = line.strip_prefix("229 ").and_then(|rest| rest.split('|').nth(3)) {
            let Some(relay) = relay.upgrade() else { break };
            line = format!("229 (|||{}|)", relay.also(port.parse().unwrap()));
        }
        if client.write_all(format!("{line}\r\n").as_bytes()).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}
