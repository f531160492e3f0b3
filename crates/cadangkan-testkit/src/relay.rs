//! A way to a server of this machine that can be cut, or made to hang.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests may fail; a relay ends with its value"
)]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Forwards connections from a port of its own to a server's. Ends with its value, and all connections with it.
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
}

/// Whose bytes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Those of the client.
    Client,
    /// Those of the server.
    Server,
}

/// What happens once so many bytes have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Connections are cut; the next ones pass.
    Cut,
    /// Connections are cut, and the next ones too.
    Gone,
    /// Nothing passes any more, and connections stay open.
    Hang,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    change: Condvar,
}

#[derive(Default)]
struct State {
    plan: Option<(From, u64, Fault)>,
    struck: u32,
    gone: bool,
    hangs: bool,
    closing: bool,
    open: Vec<TcpStream>,
    /// By the ports where they accept.
    acceptors: Vec<(u16, JoinHandle<()>)>,
}

impl Relay {
    /// Begins to forward to a port on 127.0.0.1.
    pub fn to(server: u16) -> Self {
        let mut relay = Relay { port: 0, shared: Arc::default() };
        relay.port = relay.also(server);
        relay
    }

    /// Forwards to another port too, and returns where it listens for that. Faults count and strike on all of them.
    pub fn also(&self, server: u16) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepting = Arc::clone(&self.shared);
        let acceptor = thread::spawn(move || accept(&listener, server, &accepting));
        self.shared.lock().acceptors.push((port, acceptor));
        port
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets a fault strike once so many bytes have passed from now on.
    pub fn after(&self, from: From, bytes: u64, fault: Fault) {
        self.shared.lock().plan = Some((from, bytes, fault));
    }

    /// Returns how many faults have struck.
    pub fn struck(&self) -> u32 {
        self.shared.lock().struck
    }

    /// Lets connections pass again.
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        (state.plan, state.gone, state.hangs) = (None, false, false);
        self.shared.change.notify_all();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closing = true;
        state.cut();
        let acceptors = std::mem::take(&mut state.acceptors);
        drop(state);
        self.shared.change.notify_all();
        for (port, acceptor) in acceptors {
            let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many of these bytes pass; waits while all hang.
    fn pass(&self, from: From, count: usize) -> usize {
        let mut state = self.lock();
        let mut passes = count;
        if let Some((counted, left, fault)) = state.plan
            && counted == from
        {
            passes = count.min(usize::try_from(left).unwrap_or(usize::MAX));
            let left = left - passes as u64;
            state.plan = (left > 0).then_some((counted, left, fault));
            if left == 0 {
                state.struck += 1;
                match fault {
                    Fault::Hang => state.hangs = true,
                    Fault::Cut | Fault::Gone => {
                        state.gone = fault == Fault::Gone;
                        state.cut();
                    }
                }
            }
        }
        let waits = |state: &mut State| state.hangs && !state.closing;
        drop(self.change.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner));
        passes
    }
}

impl State {
    fn cut(&mut self) {
        for stream in self.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, server: u16, shared: &Shared) {
    thread::scope(|scope| {
        for client in listener.incoming() {
            let client = client.unwrap();
            let mut state = shared.lock();
            if state.closing {
                return;
            }
            if state.gone {
                continue;
            }
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { continue };
            let [client, server] = [client, server].map(|stream| {
                state.open.push(stream.try_clone().unwrap());
                stream.set_nodelay(true).unwrap();
                Arc::new(stream)
            });
            for (from, input, output) in [(From::Client, &client, &server), (From::Server, &server, &client)]
            {
                let (input, output) = (Arc::clone(input), Arc::clone(output));
                scope.spawn(move || forward(from, &input, &output, shared));
            }
        }
    });
}

/// Forwards until one end closes.
fn forward(from: From, mut input: &TcpStream, mut output: &TcpStream, shared: &Shared) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = input.read(&mut buffer) {
        let passes = shared.pass(from, count);
        let bytes = buffer.get(..passes).unwrap_or_default();
        if count == 0 {
            break;
        }
        if output.write_all(bytes).is_err() {
            // Whoever sends finds out, as it would without us.
            let _ = input.shutdown(Shutdown::Both);
            break;
        }
    }
    let _ = output.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends back what comes.
    fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().take(3) {
                let stream = stream.unwrap();
                thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        port
    }

    fn say(relay: &Relay, text: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).unwrap();
        let mut heard = Vec::new();
        let _ = stream.write_all(text).and_then(|()| stream.shutdown(Shutdown::Write));
        let _ = stream.read_to_end(&mut heard);
        heard
    }

    #[test]
    fn all_passes_until_the_fault_strikes() {
        let relay = Relay::to(echo());
        assert_eq!(say(&relay, b"first"), b"first");
        relay.after(From::Client, 3, Fault::Gone);
        assert!(say(&relay, b"second").len() <= 3);
        assert_eq!((relay.struck(), say(&relay, b"third")), (1, Vec::new()));
        relay.heal();
        assert_eq!(say(&relay, b"fourth"), b"fourth");
    }
}
