//! One connection: requests go out, answers come back.

use std::io::{ErrorKind as Io, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result};

use crate::answers::Answers;
use crate::failure::{Failure, OK};
use crate::packet::{Fields, Packet, answer, request};
use crate::settings::Settings;
use crate::ssh::Ssh;

/// The only version that servers in use speak.
const VERSION: u32 = 3;

/// No answer to our requests is larger.
const MAX_ANSWER: usize = 1 << 20;

/// What a request may read or write by the protocol's word, and at most where a server says that it takes more:
/// OpenSSH's limit.
const CHUNK: u64 = 32 * 1024;
const LARGEST_CHUNK: u64 = 255 * 1024;

/// How much may be under way at once, in bytes: more than what `ssh` itself lets be under way (2 MiB).
const WINDOW: usize = 4 << 20;

/// A server that was reached, with the session's own `ssh`.
pub(crate) struct Session {
    ssh: Ssh,
    stream: UnixStream,
    settings: Arc<Settings>,
    last_id: u32,
    extensions: Vec<String>,
    chunk: usize,
    broken: bool,
}

/// What came back for a request.
pub(crate) struct Answer {
    pub(crate) id: u32,
    kind: u8,
    body: Vec<u8>,
}

impl Session {
    /// Connects, logs in and starts the server's side.
    pub(crate) fn connect(settings: &Arc<Settings>) -> Result<Self> {
        let answers = settings.secret.as_ref().map(Answers::prepare).transpose()?;
        let (ssh, stream) = Ssh::start(settings, |command| {
            if let Some(answers) = &answers {
                answers.offer(command);
            }
        })?;
        let limit = |limited: std::io::Result<()>| {
            limited.map_err(|error| Error::io("cannot limit how long a connection waits", error))
        };
        limit(stream.set_read_timeout(Some(settings.timeout)))?;
        limit(stream.set_write_timeout(Some(settings.timeout)))?;
        let mut session = Session {
            ssh,
            stream,
            settings: Arc::clone(settings),
            last_id: 0,
            extensions: Vec::new(),
            chunk: usize::try_from(CHUNK).unwrap_or(usize::MAX),
            broken: false,
        };
        session.begin().map_err(|failure| match failure {
            Failure::Broken(error) => error,
            status => status.explain("cannot begin to speak with the server", &settings.location()),
        })?;
        Ok(session)
    }

    fn begin(&mut self) -> Result<(), Failure> {
        let hello = Packet::new(request::INIT).number(VERSION).end(0);
        self.send(&hello)?;
        let (kind, body) = self.receive_packet()?;
        let mut fields = Fields(&body);
        let version = fields.number();
        if kind != answer::VERSION || version != Some(VERSION) {
            return Err(self.nonsense());
        }
        while let (Some(name), Some(_)) = (fields.text(), fields.text()) {
            self.extensions.push(String::from_utf8_lossy(name).into_owned());
        }
        if self.offers("limits@openssh.com") {
            let (id, packet) = self.request(request::EXTENDED);
            let limits = self.call(id, packet.text("limits@openssh.com"))?.reply(self)?;
            let mut fields = Fields(&limits);
            let (_packet, read, write) = (fields.long(), fields.long(), fields.long());
            let most = read.unwrap_or(CHUNK).min(write.unwrap_or(CHUNK)).clamp(CHUNK, LARGEST_CHUNK);
            self.chunk = usize::try_from(most).unwrap_or(usize::MAX);
        }
        Ok(())
    }

    /// Tells whether the server has an extension.
    pub(crate) fn offers(&self, extension: &str) -> bool {
        self.extensions.iter().any(|offered| offered == extension)
    }

    /// The most bytes that one request reads or writes.
    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    /// The most requests to read or write that are under way at once.
    pub(crate) fn window(&self) -> usize {
        WINDOW / self.chunk
    }

    /// Tells whether more can be asked of it.
    pub(crate) fn is_usable(&self) -> bool {
        !self.broken && self.ssh.runs()
    }

    /// Begins a request, which carries its number.
    pub(crate) fn request(&mut self, kind: u8) -> (u32, Packet) {
        self.last_id = self.last_id.wrapping_add(1);
        (self.last_id, Packet::new(kind).number(self.last_id))
    }

    /// Sends a request and waits for its answer. No other may be under way.
    pub(crate) fn call(&mut self, id: u32, packet: Packet) -> Result<Answer, Failure> {
        self.send(&packet.end(0))?;
        let answer = self.receive()?;
        if answer.id == id { Ok(answer) } else { Err(self.nonsense()) }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stream.write_all(bytes).map_err(|error| self.lost(&error))
    }

    /// Waits for the next answer, whichever request it is to.
    pub(crate) fn receive(&mut self) -> Result<Answer, Failure> {
        let (kind, mut body) = self.receive_packet()?;
        let Some(id) = Fields(&body).number() else { return Err(self.nonsense()) };
        body.drain(..4);
        Ok(Answer { id, kind, body })
    }

    fn receive_packet(&mut self) -> Result<(u8, Vec<u8>), Failure> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).map_err(|error| self.lost(&error))?;
        let [length @ .., kind] = head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if !(1..=MAX_ANSWER).contains(&length) {
            return Err(self.nonsense());
        }
        let mut body = vec![0; length - 1];
        self.stream.read_exact(&mut body).map_err(|error| self.lost(&error))?;
        Ok((kind, body))
    }

    /// Lets the server take longer than usual for what `work` asks.
    pub(crate) fn patiently<T>(
        &mut self,
        limit: Duration,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let usual = self.settings.timeout;
        // It fails for a length of nothing alone.
        let _ = self.stream.set_read_timeout(Some(limit.max(usual)));
        let done = work(self);
        let _ = self.stream.set_read_timeout(Some(usual));
        done
    }

    fn lost(&mut self, error: &std::io::Error) -> Failure {
        self.broken = true;
        let late = matches!(error.kind(), Io::WouldBlock | Io::TimedOut);
        Failure::Broken(if late && self.ssh.runs() {
            let limit = self.settings.timeout.as_secs_f64();
            Error::new(ErrorKind::Timeout, format!("the server did not answer within {limit} s"))
                .context("host", &self.settings.host)
                .retryable()
                .hint("see whether the server is overloaded; `timeout` of the storage says how long to wait")
        } else {
            self.ssh.complaint(&self.settings)
        })
    }

    /// The server does not speak the protocol, or says more than was asked.
    pub(crate) fn nonsense(&mut self) -> Failure {
        self.broken = true;
        Failure::Broken(
            Error::new(ErrorKind::Io, "the server answers what no SFTP server would")
                .context("host", &self.settings.host)
                .hint("programs that the user's shell starts on the server must not print anything"),
        )
    }
}

impl Answer {
    /// What was read, and where in it the bytes begin; `None` at the end of the file.
    pub(crate) fn data(mut self, session: &mut Session) -> Result<Option<(Vec<u8>, usize)>, Failure> {
        if self.kind == answer::DATA {
            let length = Fields(&self.body).text().map(<[u8]>::len).ok_or_else(|| session.nonsense())?;
            self.body.truncate(length.saturating_add(4));
            return Ok(Some((self.body, 4)));
        }
        match self.status(session) {
            Err(Failure::Status { code: crate::failure::EOF, .. }) => Ok(None),
            Err(failure) => Err(failure),
            Ok(()) => Err(session.nonsense()),
        }
    }

    /// Expects that it was done.
    pub(crate) fn status(&self, session: &mut Session) -> Result<(), Failure> {
        let mut fields = Fields(&self.body);
        match fields.number() {
            Some(OK) if self.kind == answer::STATUS => Ok(()),
            Some(code) if self.kind == answer::STATUS => {
                let message = fields.text().map(String::from_utf8_lossy).unwrap_or_default();
                let shown = message.chars().filter(|character| !character.is_control()).take(200);
                Err(Failure::Status { code, message: shown.collect() })
            }
            _ => Err(session.nonsense()),
        }
    }

    pub(crate) fn handle(self, session: &mut Session) -> Result<Vec<u8>, Failure> {
        self.of_kind(answer::HANDLE, session, |fields| fields.text().map(<[u8]>::to_vec))
    }

    pub(crate) fn attributes(self, session: &mut Session) -> Result<crate::packet::Attributes, Failure> {
        self.of_kind(answer::ATTRS, session, |fields| fields.attributes())
    }

    /// The names in a folder, with what they are; none at its end.
    pub(crate) fn names(self, session: &mut Session) -> Result<Vec<crate::files::Entry>, Failure> {
        if self.kind == answer::STATUS {
            return match self.status(session) {
                Err(Failure::Status { code: crate::failure::EOF, .. }) => Ok(Vec::new()),
                Err(failure) => Err(failure),
                Ok(()) => Err(session.nonsense()),
            };
        }
        self.of_kind(answer::NAME, session, |fields| {
            let count = fields.number()?;
            (0..count).map(|_| crate::files::Entry::read(fields)).collect()
        })
    }

    /// What an extension answers.
    pub(crate) fn reply(self, session: &mut Session) -> Result<Vec<u8>, Failure> {
        self.of_kind(answer::EXTENDED_REPLY, session, |fields| Some(fields.0.to_vec()))
    }

    fn of_kind<T>(
        self,
        kind: u8,
        session: &mut Session,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Result<T, Failure> {
        if self.kind != kind {
            return Err(self.status(session).err().unwrap_or_else(|| session.nonsense()));
        }
        read(&mut Fields(&self.body)).ok_or_else(|| session.nonsense())
    }
}
