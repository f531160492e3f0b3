//! A login at the server: commands, their replies, and transfers.

use std::io::{self, BufReader, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cadangkan_core::{Error, ErrorKind};
use rustls::ClientConfig;

use crate::failure::Failure;
use crate::reply::Reply;
use crate::settings::{Settings, Tls};
use crate::socket::Socket;

/// Servers end a session that says nothing for some minutes.
const IDLE: Duration = Duration::from_secs(30);
/// How long the server may take to notice that a transfer is not wanted any more.
const BREAK_OFF: Duration = Duration::from_secs(10);

/// A connection for commands. While a transfer is under way it can do nothing else.
pub(crate) struct Session {
    control: BufReader<Socket>,
    settings: Arc<Settings>,
    /// For data too, when TLS is used.
    tls: Option<Arc<ClientConfig>>,
    /// Where the server was found.
    address: SocketAddr,
    /// The storage's folder, from the root on; without a slash at its end.
    root: String,
    /// Whether the server describes files in a form of its own (MLST, RFC 3659).
    pub(crate) describes: bool,
    /// Whether it has told by a failed `EPSV` that it only knows `PASV`.
    old: bool,
    broken: bool,
    used: Instant,
}

impl Session {
    /// Connects and logs in.
    pub(crate) fn begin(settings: &Arc<Settings>, tls: Option<&Arc<ClientConfig>>) -> Result<Self, Failure> {
        let (socket, address) = Socket::to_host(&settings.host, settings.port(), settings.timeout)?;
        let socket = match tls.filter(|_| settings.tls == Tls::Implicit) {
            Some(config) => socket.secure(config, &settings.host)?,
            None => socket,
        };
        let mut session = Session {
            control: BufReader::new(socket),
            settings: Arc::clone(settings),
            tls: tls.cloned(),
            address,
            root: String::new(),
            describes: false,
            old: false,
            broken: false,
            used: Instant::now(),
        };
        session.greeted()?;
        if let Some(config) = tls.filter(|_| settings.tls == Tls::Explicit) {
            session = session.secure(config)?;
        }
        session.log_in()?;
        session.look_around()?;
        Ok(session)
    }

    /// Waits until the server speaks, which it does first.
    fn greeted(&mut self) -> Result<(), Failure> {
        match self.receive(2) {
            Err(Failure::Broken(error)) if error.kind() == ErrorKind::Timeout => {
                let hint = match self.settings.tls {
                    Tls::Implicit => "correct `host` and `port`; `timeout` says how long is waited",
                    _ => {
                        "correct `host` and `port`; where TLS comes before all else, set `tls: implicit`; `timeout` says \
                         how long is waited"
                    }
                };
                Err(Failure::Broken(
                    Error::new(ErrorKind::Timeout, "the server says nothing, and one of FTP speaks first")
                        .context("host", &self.settings.host)
                        .context("port", self.settings.port())
                        .hint(hint)
                        .retryable(),
                ))
            }
            greeting => greeting.map(drop),
        }
    }

    /// Asks for TLS. Nothing that was said before counts, so that nobody can have put it there.
    fn secure(mut self, config: &Arc<ClientConfig>) -> Result<Self, Failure> {
        self.call("AUTH", "TLS").map_err(|failure| match failure {
            Failure::Refused(reply) => Failure::Broken(
                Error::new(ErrorKind::Unsupported, "the server does not offer TLS")
                    .context("host", &self.settings.host)
                    .hint("set `tls: implicit` if it has a port of its own for that; `none` sends the password in the clear")
                    .source(format!("the server says: {reply}")),
            ),
            broken => broken,
        })?;
        if !self.control.buffer().is_empty() {
            return Err(io::Error::from(io::ErrorKind::InvalidData).into());
        }
        let Session { control, settings, tls, address, root, describes, old, broken, used } = self;
        let control = BufReader::new(control.into_inner().secure(config, &settings.host)?);
        Ok(Session { control, settings, tls, address, root, describes, old, broken, used })
    }

    fn log_in(&mut self) -> Result<(), Failure> {
        let settings = Arc::clone(&self.settings);
        let refused = |failure| match failure {
            Failure::Refused(reply) => {
                let error = Error::new(ErrorKind::Denied, "the server refuses the login")
                    .at_login()
                    .context("host", &settings.host)
                    .context("user", &settings.user)
                    .source(format!("the server says: {reply}"));
                Failure::Broken(match settings.tls {
                    Tls::None => {
                        error.hint("check `user` and `password`; some servers want TLS: `tls: explicit`")
                    }
                    _ => error.hint("check `user` and `password`"),
                })
            }
            broken => broken,
        };
        let asked = self.send("USER", &settings.user).and_then(|()| self.receive_any()).map_err(refused)?;
        match asked.class() {
            2 => {}
            3 => self.call("PASS", &settings.password).map(drop).map_err(refused)?,
            _ => return Err(refused(Failure::Refused(asked))),
        }
        if self.tls.is_some() {
            self.call("PBSZ", "0")?;
            self.call("PROT", "P")?;
        }
        Ok(())
    }

    /// Finds out what the server can do and where the login begins.
    fn look_around(&mut self) -> Result<(), Failure> {
        let features = match self.call("FEAT", "") {
            Ok(reply) => reply.text,
            Err(failure) if failure.is_unknown() => String::new(),
            Err(failure) => return Err(failure),
        };
        for feature in features.lines().map(str::trim) {
            let (name, facts) = feature.split_once(' ').unwrap_or((feature, ""));
            if name.eq_ignore_ascii_case("UTF8") {
                // Some have it on, and do not know how it is switched.
                self.refusable("OPTS", "UTF8 ON")?;
            } else if name.eq_ignore_ascii_case("MLST") {
                self.describes = true;
                if facts.to_ascii_lowercase().contains("unique;") {
                    self.refusable("OPTS", "MLST type;size;modify;unique;")?;
                }
            }
        }
        self.call("TYPE", "I")?;
        let path = self.settings.path.clone();
        self.root = if path.starts_with('/') || path.is_empty() {
            path
        } else {
            let reply = self.call("PWD", "")?;
            let home = quoted(&reply.text).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, "the server does not say where a login begins")
            })?;
            format!("{}/{path}", home.trim_end_matches('/'))
        };
        Ok(())
    }

    /// The path on the server of a place below the storage's folder.
    pub(crate) fn below(&self, place: &str) -> String {
        match (self.root.as_str(), place) {
            ("", "") => "/".to_owned(),
            (root, "") => root.to_owned(),
            (root, place) => format!("{root}/{place}"),
        }
    }

    /// Sends a command and expects that it was done, or goes on.
    pub(crate) fn call(&mut self, command: &str, argument: &str) -> Result<Reply, Failure> {
        self.send(command, argument)?;
        match self.receive_any()? {
            reply if matches!(reply.class(), 2 | 3) => Ok(reply),
            reply => Err(Failure::Refused(reply)),
        }
    }

    /// Begins a transfer: returns the connection for its data.
    pub(crate) fn transfer(&mut self, command: &str, path: &str, offset: u64) -> Result<Socket, Failure> {
        let address = self.passive()?;
        let connected = Socket::to(address, self.settings.timeout);
        let socket = self.noted(connected)?;
        if offset > 0 {
            self.call("REST", &offset.to_string())?;
        }
        self.send(command, path)?;
        self.receive(1)?;
        let Some(config) = self.tls.clone() else { return Ok(socket) };
        let secured = socket.secure(&config, &self.settings.host);
        self.noted(secured)
    }

    /// Expects that a transfer has ended well.
    pub(crate) fn transferred(&mut self) -> Result<(), Failure> {
        self.receive(2).map(drop)
    }

    /// Ends a transfer of which no more comes or is wanted. Whatever the server says to it, it has ended then.
    pub(crate) fn break_off(&mut self, data: Socket) -> Option<Reply> {
        drop(data);
        let wait = self.control.get_ref().wait_at_most(BREAK_OFF.min(self.settings.timeout));
        let told = wait.ok().and_then(|()| self.receive_any().ok());
        self.broken |= told.is_none() || self.control.get_ref().wait_at_most(self.settings.timeout).is_err();
        told
    }

    /// Whether another call can be made.
    pub(crate) fn is_usable(&self) -> bool {
        !self.broken
            && self.used.elapsed() < IDLE
            && self.control.buffer().is_empty()
            && self.control.get_ref().is_quiet()
    }

    /// Asks where data goes. Of the answer only the port counts: behind a router servers name addresses that nobody
    /// reaches, and a bad one could send us elsewhere.
    fn passive(&mut self) -> Result<SocketAddr, Failure> {
        let mut port = None;
        if !self.old {
            match self.call("EPSV", "") {
                Ok(reply) => port = extended_port(&reply.text),
                Err(failure) if failure.is_unknown() => self.old = true,
                Err(failure) => return Err(failure),
            }
        }
        if self.old {
            port = port_of_old(&self.call("PASV", "")?.text);
        }
        let port = port.ok_or_else(|| {
            self.broken = true;
            io::Error::new(io::ErrorKind::InvalidData, "the server names no port for data")
        })?;
        Ok(SocketAddr::new(self.address.ip(), port))
    }

    /// Sends a command that need not be done.
    fn refusable(&mut self, command: &str, argument: &str) -> Result<(), Failure> {
        match self.call(command, argument) {
            Err(Failure::Broken(error)) => Err(Failure::Broken(error)),
            _ => Ok(()),
        }
    }

    fn send(&mut self, command: &str, argument: &str) -> Result<(), Failure> {
        let line = match argument {
            "" => format!("{command}\r\n"),
            argument => format!("{command} {argument}\r\n"),
        };
        let control = self.control.get_mut();
        let sent = control.write_all(line.as_bytes()).and_then(|()| control.flush());
        self.noted(sent)
    }

    fn receive(&mut self, class: u16) -> Result<Reply, Failure> {
        match self.receive_any()? {
            reply if reply.class() == class => Ok(reply),
            reply => Err(Failure::Refused(reply)),
        }
    }

    fn receive_any(&mut self) -> Result<Reply, Failure> {
        let read = Reply::read(&mut self.control, self.settings.timeout.saturating_mul(2));
        let reply = self.noted(read)?;
        self.used = Instant::now();
        if reply.code == 421 {
            self.broken = true;
            let error = Error::new(ErrorKind::Unreachable, "the server ends the session")
                .retryable()
                .hint("it may allow fewer connections at once, or be about to stop; see its log")
                .source(format!("the server says: {reply}"));
            return Err(Failure::Broken(error));
        }
        Ok(reply)
    }

    /// After a failure of the connection no reply can be told from another any more.
    fn noted<T>(&mut self, result: io::Result<T>) -> Result<T, Failure> {
        result.map_err(|error| {
            self.broken = true;
            error.into()
        })
    }
}

/// Reads `"path" is the current directory`, in which a quote is doubled.
fn quoted(text: &str) -> Option<String> {
    let rest = text.split_once('"')?.1;
    let mut path = String::new();
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' if characters.as_str().starts_with('"') => {
                characters.next();
                path.push('"');
            }
            '"' => return Some(path),
            other => path.push(other),
        }
    }
    None
}

/// Reads `(|||6446|)` (RFC 2428, section 3); what separates is the server's to choose.
fn extended_port(text: &str) -> Option<u16> {
    let inner = text.rsplit_once('(')?.1.split_once(')')?.0;
    inner.trim_matches(|character: char| !character.is_ascii_digit()).parse().ok()
}

/// Reads the last two of `h1,h2,h3,h4,p1,p2` (RFC 959, section 4.1.2).
fn port_of_old(text: &str) -> Option<u16> {
    let is_part = |character: char| character.is_ascii_digit() || character == ',';
    let numbers = text.split(|character| !is_part(character)).find(|part| part.matches(',').count() == 5)?;
    let mut numbers = numbers.rsplit(',').map(str::parse::<u8>);
    let (low, high) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_servers_name_are_read() {
        assert_eq!(quoted("\"/a \"\"b\"\"\" is it").as_deref(), Some("/a \"b\""));
        assert_eq!((quoted("\"/a"), quoted("/a")), (None, None));
        assert_eq!(extended_port("Entering extended passive mode (|||6446|)."), Some(6446));
        assert_eq!(extended_port("(|||66000|)"), None);
        assert_eq!(port_of_old("Entering passive mode (10,0,0,1,4,1)."), Some(1025));
        assert_eq!(port_of_old("227 =10,0,0,1,4,256"), None);
    }
}
