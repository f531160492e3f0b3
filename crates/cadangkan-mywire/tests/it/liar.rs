use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// What the server can do according to its greeting.
pub(crate) const ORDINARY: u32 = 0x0128_a20f;
/// The same and TLS.
pub(crate) const WITH_TLS: u32 = ORDINARY | 1 << 11;

/// A server that says what it is told to, whatever it hears.
pub(crate) struct Liar {
    listener: TcpListener,
}

impl Liar {
    pub(crate) fn new() -> Liar {
        Liar { listener: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Takes connections while `client` runs. On each, says the first of `lines` at once and each other one when it
    /// has heard something; returns what it heard first after the last of them on its last connection.
    pub(crate) fn tell<T: Send>(&self, lines: &[Vec<u8>], client: impl FnOnce() -> T + Send) -> (T, Vec<u8>) {
        std::thread::scope(|scope| {
            let worker = scope.spawn(client);
            self.listener.set_nonblocking(true).unwrap();
            let mut heard = Vec::new();
            while !worker.is_finished() {
                if let Ok((stream, _)) = self.listener.accept() {
                    heard = converse(stream, lines);
                }
            }
            (worker.join().unwrap(), heard)
        })
    }
}

fn converse(mut stream: TcpStream, lines: &[Vec<u8>]) -> Vec<u8> {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut buffer = [0; 4096];
    let mut heard = 0;
    for line in lines {
        if stream.write_all(line).is_err() {
            break;
        }
        heard = stream.read(&mut buffer).unwrap_or(0);
        if heard == 0 {
            break;
        }
    }
    buffer[..heard].to_vec()
}

/// A packet with its number.
pub(crate) fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    let [a, b, c, _] = u32::try_from(body.len()).unwrap().to_le_bytes();
    [&[a, b, c, number], body].concat()
}

/// The first packet of a server.
pub(crate) fn greeting(capabilities: u32, plugin: &str) -> Vec<u8> {
    let [a, b, c, d] = capabilities.to_le_bytes();
    let mut body = b"\x0a8.0.99\0\x07\0\0\0abcdefgh\0".to_vec();
    body.extend([a, b, 45, 2, 0, c, d, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    body.extend(b"ijklmnopqrst\0");
    body.extend(plugin.as_bytes());
    body.push(0);
    packet(0, &body)
}

/// The way in of a server that trusts everyone, and to its first statement's answer.
pub(crate) fn welcome() -> Vec<Vec<u8>> {
    let ok = |number| packet(number, b"\0\0\0\x02\0\0\0");
    vec![greeting(ORDINARY, "mysql_native_password"), ok(2), ok(1)]
}
