use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_wire::{Transport, lost};

use crate::ServerError;
use crate::explain::{WORDS, explain, not_mysql};
use crate::inbox::{FULL_PART, Inbox};

/// How long a server that closed the connection may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// So much of a line that is no packet is shown.
const LONGEST_LINE: usize = 60;
/// What a server refuses for its length has at least this one, in bytes.
const LONG: usize = 1 << 20;

/// Packets to and from the server, with limits on every wait.
pub(crate) struct Channel {
    transport: Transport,
    inbox: Inbox,
    /// The longest time that the server may send nothing.
    pub(crate) silence: Option<Duration>,
    /// When all that is under way must be over.
    pub(crate) deadline: Option<Instant>,
    /// What is under way, for messages.
    pub(crate) doing: &'static str,
    pub(crate) broken: bool,
}

impl Channel {
    pub(crate) fn new(transport: Transport, deadline: Instant) -> Self {
        Channel {
            transport,
            inbox: Inbox::new(),
            silence: None,
            deadline: Some(deadline),
            doing: "the login",
            broken: false,
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }

    /// Goes on by another transport, made of the one before. What was sent before must have been taken: nothing of
    /// it may count as said within TLS.
    pub(crate) fn upgrade(self, make: impl FnOnce(Transport) -> Result<Transport>) -> Result<Channel> {
        if !self.inbox.is_empty() {
            return Err(not_mysql("more than its greeting before TLS"));
        }
        Ok(Channel { transport: make(self.transport)?, ..self })
    }

    /// Waits for the next packet.
    #[inline]
    pub(crate) fn receive(&mut self, control: &Control<'_>) -> Result<&[u8]> {
        let range = loop {
            match self.inbox.next() {
                Ok(Some(range)) => break range,
                Ok(None) => self.fill(control)?,
                Err(what) => return Err(self.broken_by(not_mysql(what))),
            }
        };
        self.broken |= self.inbox.out_of_turn;
        Ok(self.inbox.packet(range))
    }

    /// Begins a conversation with a command.
    pub(crate) fn command(&mut self, command: u8, body: &[u8], control: &Control<'_>) -> Result<()> {
        if !self.inbox.is_empty() {
            // The server's farewell, perhaps.
            let said = self.last_words();
            return Err(self.broken_by(said.unwrap_or_else(|| not_mysql("answers that nobody asked for"))));
        }
        self.inbox.sequence = 0;
        self.send(&[command], body, control)
    }

    /// Sends one packet, its second piece straight from where it lies, in as many parts as it takes.
    pub(crate) fn send(&mut self, first: &[u8], second: &[u8], control: &Control<'_>) -> Result<()> {
        let (mut first, mut rest) = (first, second);
        loop {
            let room = FULL_PART.saturating_sub(first.len());
            let (part, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            let length = first.len() + part.len();
            let [a, b, c, _] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
            let header = [&[a, b, c, self.inbox.sequence], first].concat();
            self.write(&header, part, second.len(), control)?;
            self.inbox.sequence = self.inbox.sequence.wrapping_add(1);
            (first, rest) = (&[], later);
            if length < FULL_PART {
                return Ok(());
            }
        }
    }

    fn write(&mut self, first: &[u8], second: &[u8], whole: usize, control: &Control<'_>) -> Result<()> {
        let (mut first, mut second) = (first, second);
        let mut progress = Instant::now();
        while !(first.is_empty() && second.is_empty()) {
            match self.transport.write(&[IoSlice::new(first), IoSlice::new(second)]) {
                Ok(0) => return Err(self.lost(io::ErrorKind::WriteZero.into(), whole)),
                Ok(sent) => {
                    let (of_first, of_second) = (sent.min(first.len()), sent.saturating_sub(first.len()));
                    first = first.get(of_first..).unwrap_or_default();
                    second = second.get(of_second..).unwrap_or_default();
                    progress = Instant::now();
                }
                Err(error) => self.stalled(error, progress, whole, control)?,
            }
        }
        while let Err(error) = self.transport.flush() {
            self.stalled(error, progress, whole, control)?;
        }
        Ok(())
    }

    /// Waits for bytes. Asks for cancellation, and looks at the limits, once for each piece that arrives.
    fn fill(&mut self, control: &Control<'_>) -> Result<()> {
        let begin = Instant::now();
        loop {
            control.check()?;
            self.check_limits(begin)?;
            let transport = &mut self.transport;
            match self.inbox.fill(|room| transport.read(room, true)) {
                Ok(0) => return Err(self.broken_by(lost(self.doing))),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(self.broken_by(WORDS.network(error, self.doing))),
            }
        }
    }

    fn check_limits(&mut self, progress: Instant) -> Result<()> {
        let late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let silent = self.silence.is_some_and(|limit| progress.elapsed() >= limit);
        if late || silent {
            return Err(self.broken_by(WORDS.network(io::ErrorKind::TimedOut.into(), self.doing)));
        }
        Ok(())
    }

    /// Decides what a write that did nothing means. A server talks while we send only to say that it takes no more.
    fn stalled(
        &mut self,
        error: io::Error,
        progress: Instant,
        whole: usize,
        control: &Control<'_>,
    ) -> Result<()> {
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(self.lost(error, whole));
        }
        if let Err(cancelled) = control.check() {
            // A packet is half sent: nothing else can be said on this connection.
            return Err(self.broken_by(cancelled));
        }
        self.check_limits(progress)?;
        let transport = &mut self.transport;
        match self.inbox.fill(|room| transport.read(room, false)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Ok(0) => Err(self.lost(io::ErrorKind::UnexpectedEof.into(), whole)),
            Ok(_) => Err(self.lost(io::ErrorKind::ConnectionAborted.into(), whole)),
            Err(error) => Err(self.lost(error, whole)),
        }
    }

    /// The connection broke while sending: the server may have said why before.
    fn lost(&mut self, error: io::Error, whole: usize) -> Error {
        let said = self.last_words();
        let mut error = said.unwrap_or_else(|| WORDS.network(error, self.doing));
        if whole >= LONG && error.kind() == ErrorKind::Unreachable {
            error =
                Error::new(ErrorKind::Unreachable, "the connection was lost while a long statement was sent")
                    .context("bytes", whole)
                    .source(error)
                    .hint("raise max_allowed_packet at the server, in bytes; see also its log");
        }
        self.broken_by(error)
    }

    fn last_words(&mut self) -> Option<Error> {
        let begin = Instant::now();
        loop {
            while let Some(range) = self.inbox.next().ok()? {
                if let Some((0xff, rest)) = self.inbox.packet(range).split_first() {
                    return ServerError::read(rest).map(explain);
                }
            }
            let transport = &mut self.transport;
            match self.inbox.fill(|room| transport.read(room, true)) {
                Ok(0) => return None,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return None,
                _ if begin.elapsed() >= LAST_WORDS => return None,
                _ => {}
            }
        }
    }

    /// What came instead of a packet, when it is a line of text.
    pub(crate) fn line(&self) -> Option<String> {
        let line = self.inbox.arrived().split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
        let line = line.get(..LONGEST_LINE).unwrap_or(line);
        let is_text = line.len() > 3 && line.iter().all(|byte| matches!(byte, b' '..=b'~'));
        is_text.then(|| String::from_utf8_lossy(line).into_owned())
    }

    /// Says what is no packet, and hears the first byte of an answer that comes soon.
    pub(crate) fn ask(&mut self, bytes: &[u8], control: &Control<'_>) -> Option<u8> {
        let begin = Instant::now();
        self.transport.write(&[IoSlice::new(bytes)]).ok()?;
        let mut answer = [0];
        loop {
            match self.transport.read(&mut answer, true) {
                Ok(1) => return answer.first().copied(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => return None,
            }
            if begin.elapsed() >= LAST_WORDS || control.check().is_err() {
                return None;
            }
        }
    }

    /// Sends a command that nobody waits for, if that is possible at once.
    pub(crate) fn say_once(&mut self, command: u8) {
        if self.transport.write(&[IoSlice::new(&[1, 0, 0, 0, command])]).is_ok() {
            let _ = self.transport.flush();
        }
    }

    /// Ends the connection without a goodbye, so that the server drops what it was doing for us.
    pub(crate) fn shut(&mut self) {
        self.broken = true;
        self.transport.shut();
    }

    pub(crate) fn broken_by(&mut self, error: Error) -> Error {
        self.broken = true;
        error
    }

    /// Fails when an earlier failure left the connection unusable.
    pub(crate) fn check_usable(&self) -> Result<()> {
        if self.broken {
            return Err(Error::new(ErrorKind::Unreachable, "the connection is no longer usable")
                .hint("connect again; an earlier error says what broke it"));
        }
        Ok(())
    }
}
