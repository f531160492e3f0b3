//! A mail server for tests: the real protocol with STARTTLS, TLS and AUTH, and every way to go wrong.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How a server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// STARTTLS, then AUTH PLAIN.
    Good,
    /// STARTTLS, then AUTH LOGIN only.
    Login,
    /// TLS from the first byte.
    Tls,
    /// No TLS, no AUTH.
    Plain,
    /// Says a command's name and this instead of what it should.
    Says(&'static str, &'static str),
    /// Cuts the connection at a command.
    Cuts(&'static str),
    /// Says nothing any more from a command on.
    Hangs(&'static str),
    /// Sends one byte after the other and never a whole line.
    Drips,
    /// Never ends its line.
    Endless,
    /// Says more than it may before TLS.
    Injects,
}

pub(crate) struct MailServer {
    pub(crate) port: u16,
    heard: Receiver<Vec<String>>,
}

struct Certificate {
    ca: PathBuf,
    _folder: tempfile::TempDir,
    config: Arc<ServerConfig>,
}

static CERTIFICATE: LazyLock<Certificate> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let (ca, key) = (folder.path().join("ca.crt"), folder.path().join("ca.key"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    command.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    let status = command.arg("-keyout").arg(&key).arg("-out").arg(&ca).stderr(Stdio::null()).status();
    assert!(status.unwrap().success());
    let chain = CertificateDer::pem_file_iter(&ca).unwrap().map(Result::unwrap).collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config =
        config.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(&key).unwrap());
    Certificate { ca, config: Arc::new(config.unwrap()), _folder: folder }
});

/// The file with the authority of the servers' certificate.
pub(crate) fn ca_file() -> PathBuf {
    CERTIFICATE.ca.clone()
}

impl MailServer {
    /// Starts one that serves one connection.
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, heard) = channel();
        let serve = move || {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut session = Session { behaviour, heard: Vec::new() };
            if behaviour == Behaviour::Tls {
                session.talk(encrypted(stream), true);
            } else if let Some(stream) = session.talk(stream, false) {
                session.talk(encrypted(stream), true);
            }
            let _ = tell.send(session.heard);
        };
        let _ = std::thread::Builder::new().spawn(serve).unwrap();
        MailServer { port, heard }
    }

    /// What came, line by line, once the connection is over. Logins are decoded.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}

fn encrypted(stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(Arc::clone(&CERTIFICATE.config)).unwrap(), stream)
}

struct Session {
    behaviour: Behaviour,
    heard: Vec<String>,
}

impl Session {
    /// Serves until the end, or until TLS is to begin: then the stream comes back.
    fn talk<S: Read + Write>(&mut self, stream: S, has_tls: bool) -> Option<S> {
        let mut stream = BufReader::new(stream);
        let first = self.behaviour == Behaviour::Tls || !has_tls;
        if first && !self.say(&mut stream, "CONNECT", "220 test ready") {
            return None;
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).is_ok_and(|count| count == 0) || line.is_empty() {
                return None;
            }
            let line = line.trim_end().to_owned();
            let command = line.split([' ', ':']).next().unwrap().to_ascii_uppercase();
            self.heard.push(decoded(&line));
            let answer = match command.as_str() {
                "EHLO" => self.offers(has_tls),
                "STARTTLS" => "220 go on",
                "AUTH" if line.contains("LOGIN") => {
                    for _ in 0..2 {
                        stream.get_mut().write_all(b"334 VXNlcm5hbWU6\r\n").unwrap();
                        let mut answer = String::new();
                        stream.read_line(&mut answer).unwrap();
                        self.heard.push(decoded(&format!("AUTH {}", answer.trim_end())));
                    }
                    "235 welcome"
                }
                "AUTH" => "235 welcome",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            if !self.say(&mut stream, &command, answer) {
                return None;
            }
            match command.as_str() {
                "STARTTLS" => return Some(stream.into_inner()),
                "DATA" => {
                    self.content(&mut stream);
                    if !self.say(&mut stream, "CONTENT", "250 taken") {
                        return None;
                    }
                }
                _ => {}
            }
        }
    }

    fn offers(&self, has_tls: bool) -> &'static str {
        match (self.behaviour, has_tls) {
            (Behaviour::Plain, _) => "250-test\r\n250 8BITMIME",
            (Behaviour::Login, true) => "250-test\r\n250-SIZE 1000000\r\n250 AUTH LOGIN CRAM-MD5",
            (_, true) => "250-test\r\n250-SIZE 1000000\r\n250 AUTH PLAIN LOGIN",
            (_, false) => "250-test\r\n250 STARTTLS",
        }
    }

    fn content<S: Read + Write>(&mut self, stream: &mut BufReader<S>) {
        let mut line = String::new();
        while stream.read_line(&mut line).is_ok_and(|count| count > 0) && line != ".\r\n" {
            assert!(line.ends_with("\r\n") && line.len() <= 1000, "{line:?}");
            self.heard.push(std::mem::take(&mut line).trim_end().to_owned());
        }
    }

    /// Answers a command; returns whether it goes on.
    fn say<S: Read + Write>(&self, stream: &mut BufReader<S>, command: &str, answer: &str) -> bool {
        let output = stream.get_mut();
        match self.behaviour {
            Behaviour::Cuts(at) if at == command => return false,
            Behaviour::Hangs(at) if at == command => {
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest);
                return false;
            }
            Behaviour::Drips => {
                while output.write_all(b"2").and_then(|()| output.flush()).is_ok() {
                    std::thread::sleep(Duration::from_millis(100));
                }
                return false;
            }
            Behaviour::Endless => {
                while output.write_all(&[b'2'; 4096]).is_ok() {}
                return false;
            }
            _ => {}
        }
        let answer = match self.behaviour {
            Behaviour::Says(at, other) if at == command => other,
            Behaviour::Injects if command == "STARTTLS" => "220 go on\r\n250-test\r\n250 AUTH PLAIN",
            _ => answer,
        };
        output.write_all(format!("{answer}\r\n").as_bytes()).and_then(|()| output.flush()).is_ok()
    }
}

/// A login as it was before Base64.
fn decoded(line: &str) -> String {
    let last = line.rsplit(' ').next().unwrap();
    match BASE64.decode(last) {
        Ok(bytes) if line.starts_with("AUTH") && !line.ends_with("LOGIN") => {
            line.replace(last, &String::from_utf8_lossy(&bytes).replace('\0', "|"))
        }
        _ => line.to_owned(),
    }
}
