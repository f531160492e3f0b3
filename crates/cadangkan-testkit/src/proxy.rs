//! A proxy of connections on this machine that does to them what networks do.
#![allow(clippy::expect_used, reason = "helpers of tests may fail")]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// What happens to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is reset once this many bytes went to the server.
    CutSending(u64),
    /// It is reset once this many bytes came from the server.
    CutReceiving(u64),
    /// A request is read, as far as it comes at once, and this is the answer; the server hears nothing of it.
    Answer(String),
    /// The client's bytes are taken, and no answer ever comes.
    Silence,
    /// The request goes to the server, whose answer is thrown away; then the connection is reset.
    LoseAnswer,
    /// So many bytes a second go through, each way.
    Rate(u64),
}

impl Fault {
    /// An answer of HTTP with a body of XML, as S3 gives it.
    pub fn refuse(status: u16, code: &str, headers: &str) -> Fault {
        let body = format!("<Error><Code>{code}</Code><Message>from the proxy</Message></Error>");
        Fault::Answer(format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
            body.len()
        ))
    }
}

/// A proxy in front of a port; it ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// What happens one after another, and to how many connections still.
    plan: Mutex<VecDeque<(Fault, u32)>>,
    happened: AtomicU32,
    /// Bytes that went through, both ways.
    passed: AtomicU64,
    stop: AtomicBool,
    /// Both ends of each connection, with its number.
    open: Mutex<Vec<(u32, TcpStream)>>,
    connections: AtomicU32,
}

impl Proxy {
    /// Starts one before a server on 127.0.0.1.
    pub fn start(server: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let ours = Arc::clone(&shared);
        let work = move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ours.stop.load(Ordering::Relaxed) {
                    return;
                }
                let ours = Arc::clone(&ours);
                let _ = Builder::new().spawn(move || ours.serve(client, server));
            }
        };
        let listener = Builder::new().name("proxy".into()).spawn(work).expect("a thread");
        Proxy { port, shared, listener: Some(listener) }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets a fault happen to the next connections; those that are open are closed.
    pub fn set(&self, fault: Fault, times: u32) {
        *self.shared.plan() = VecDeque::from([(fault, times)]);
        self.shared.happened.store(0, Ordering::Relaxed);
        self.shared.close_all();
    }

    /// Lets another fault happen after those that are set.
    pub fn then(&self, fault: Fault, times: u32) {
        self.shared.plan().push_back((fault, times));
    }

    /// Lets everything through from now on.
    pub fn heal(&self) {
        self.shared.plan().clear();
        self.shared.close_all();
    }

    /// How many bytes have gone through, both ways.
    pub fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::Relaxed)
    }

    /// How often the fault has happened since it was set.
    pub fn happened(&self) -> u32 {
        self.shared.happened.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        self.shared.close_all();
        let _ = self.listener.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn next(&self) -> Option<Fault> {
        let mut plan = self.plan();
        while plan.front().is_some_and(|(_, times)| *times == 0) {
            plan.pop_front();
        }
        let (fault, times) = plan.front_mut()?;
        *times -= 1;
        Some(fault.clone())
    }

    fn plan(&self) -> MutexGuard<'_, VecDeque<(Fault, u32)>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close_all(&self) {
        for (_, stream) in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn note(&self) {
        self.happened.fetch_add(1, Ordering::Relaxed);
    }

    fn serve(&self, client: TcpStream, server: u16) {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let _ = self.try_serve(number, client, server);
        // A connection is closed, and so reset, only when nobody holds it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| *other != number);
    }

    fn try_serve(&self, number: u32, mut client: TcpStream, server: u16) -> io::Result<()> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push((number, client.try_clone()?));
        client.set_nodelay(true)?;
        let fault = self.next();
        match &fault {
            Some(Fault::Answer(answer)) => {
                self.note();
                let _ = client.read(&mut [0; 65536])?;
                client.write_all(answer.as_bytes())?;
                client.shutdown(Shutdown::Write)?;
                // Reading the rest lets the answer arrive before the connection is gone.
                client.set_read_timeout(Some(Duration::from_secs(5)))?;
                while client.read(&mut [0; 65536])? > 0 {}
                return Ok(());
            }
            Some(Fault::Silence) => {
                self.note();
                while client.read(&mut [0; 65536])? > 0 {}
                return Ok(());
            }
            _ => {}
        }
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server))?;
        server.set_nodelay(true)?;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push((number, server.try_clone()?));
        let (to, from) = (server.try_clone()?, client.try_clone()?);
        let (sending, receiving) = match fault {
            Some(Fault::CutSending(bytes)) => (Way::cut(bytes), Way::OPEN),
            Some(Fault::CutReceiving(bytes)) => (Way::OPEN, Way::cut(bytes)),
            Some(Fault::LoseAnswer) => (Way::OPEN, Way::cut(0)),
            Some(Fault::Rate(rate)) => (Way::slow(rate), Way::slow(rate)),
            _ => (Way::OPEN, Way::OPEN),
        };
        std::thread::scope(|scope| {
            scope.spawn(|| self.pump(from, to, sending));
            self.pump(server, client, receiving);
        });
        Ok(())
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, way: Way) {
        let mut left = way.cut.unwrap_or(u64::MAX);
        let mut buffer = vec![0; if way.rate.is_some() { 1 << 12 } else { 1 << 16 }];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if let Some(rate) = way.rate {
                self.note();
                std::thread::sleep(Duration::from_secs_f64(count as f64 / rate as f64));
            }
            let passed = count.min(usize::try_from(left).unwrap_or(usize::MAX));
            if to.write_all(buffer.get(..passed).unwrap_or_default()).is_err() {
                break;
            }
            left -= passed as u64;
            self.passed.fetch_add(passed as u64, Ordering::Relaxed);
            if left == 0 {
                self.note();
                reset(&from);
                reset(&to);
                return;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
        let _ = from.shutdown(Shutdown::Read);
    }
}

#[derive(Clone, Copy)]
struct Way {
    cut: Option<u64>,
    rate: Option<u64>,
}

impl Way {
    const OPEN: Way = Way { cut: None, rate: None };

    fn cut(bytes: u64) -> Way {
        Way { cut: Some(bytes), rate: None }
    }

    fn slow(rate: u64) -> Way {
        Way { cut: None, rate: Some(rate) }
    }
}

/// Closes a connection so that its other end sees a reset.
fn reset(stream: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
    let _ = stream.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each line with itself.
    fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let work = move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = stream.try_clone().unwrap();
                let mut writer = stream;
                let _ = io::copy(&mut reader, &mut writer);
            }
        };
        Builder::new().spawn(work).unwrap();
        port
    }

    fn ask(port: u16, text: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_millis(500)))?;
        stream.write_all(text.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn faults_happen_as_often_as_they_are_set() {
        let proxy = Proxy::start(echo());
        assert_eq!(ask(proxy.port(), "hello").unwrap(), "hello");
        proxy.set(Fault::Answer("no".into()), 2);
        assert_eq!(ask(proxy.port(), "hello").unwrap(), "no");
        assert_eq!(ask(proxy.port(), "hello").unwrap(), "no");
        assert_eq!(ask(proxy.port(), "hello").unwrap(), "hello");
        assert_eq!(proxy.happened(), 2);
        for fault in [Fault::CutSending(3), Fault::CutReceiving(3), Fault::Silence, Fault::LoseAnswer] {
            proxy.set(fault.clone(), 1);
            assert_ne!(ask(proxy.port(), "hello").ok().as_deref(), Some("hello"), "{fault:?}");
            assert_eq!(proxy.happened(), 1, "{fault:?}");
            assert_eq!(ask(proxy.port(), "hello").unwrap(), "hello");
        }
        proxy.set(Fault::Rate(1000), 1);
        assert_eq!(ask(proxy.port(), "hello").unwrap(), "hello");
        assert!(proxy.happened() > 0);
    }
}
