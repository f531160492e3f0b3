use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_wire::{Transport, lost};
use postgres_protocol::message::backend::Message;

use crate::ServerError;
use crate::explain::{WORDS, explain, not_postgres};
use crate::inbox::{Inbox, Raw};
use crate::session::Session;

/// How long a server that closed the connection may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Once so many bytes of rows came, more are sure to come.
const MANY: usize = 1 << 20;
/// So many bytes are then awaited at a time: a few of the server's own 8 KiB pieces, and a quarter of what the inbox
/// holds at rest. More gains nothing; without it a backup takes 7 % longer on two cores that are busy.
const GATHERED: i32 = 64 << 10;

/// Whether a stream of rows is long enough that gathering pays: the end of each costs one short wait.
#[derive(Default)]
struct Gathering {
    came: usize,
    is_on: bool,
}

impl Gathering {
    /// Counts bytes; true when it is time to begin.
    fn begins(&mut self, came: usize) -> bool {
        self.came = self.came.saturating_add(came);
        self.came >= MANY && !std::mem::replace(&mut self.is_on, self.came >= MANY)
    }
}

/// Messages to and from the server, with limits on every wait.
pub(crate) struct Channel {
    transport: Transport,
    inbox: Inbox,
    /// A message that came while we were sending.
    early: Option<Message>,
    pub(crate) session: Session,
    /// The longest time that the server may send nothing.
    pub(crate) silence: Option<Duration>,
    /// When all that is under way must be over.
    pub(crate) deadline: Option<Instant>,
    /// What is under way, for messages.
    pub(crate) doing: &'static str,
    pub(crate) broken: bool,
}

/// What [`Channel::receive_rows`] stopped at.
pub(crate) enum Received {
    /// A message that is no row.
    Message(Message),
    /// Whoever takes the rows takes no more.
    Refused(Error),
}

impl Channel {
    pub(crate) fn new(transport: Transport, deadline: Instant) -> Self {
        Channel {
            transport,
            inbox: Inbox::new(),
            early: None,
            session: Session::default(),
            silence: None,
            deadline: Some(deadline),
            doing: "the login",
            broken: false,
        }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Waits for the next message that is an answer.
    pub(crate) fn receive(&mut self, control: &Control<'_>) -> Result<Message> {
        let mut unexpected = |_: &[u8]| Err(not_postgres("rows of a COPY that nobody asked for"));
        match self.receive_rows(control, &mut unexpected)? {
            Received::Message(message) => Ok(message),
            Received::Refused(error) => {
                self.broken = true;
                Err(error)
            }
        }
    }

    /// Hands rows of a COPY over, straight from the buffer, until another message comes.
    pub(crate) fn receive_rows(
        &mut self,
        control: &Control<'_>,
        row: &mut impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<Received> {
        if let Some(message) = self.early.take() {
            return Ok(Received::Message(message));
        }
        let mut gathering = Gathering::default();
        let received = self.receive_rows_with(&mut gathering, control, row);
        if gathering.is_on {
            self.transport.gather(None).map_err(|error| self.lost(error))?;
        }
        received
    }

    fn receive_rows_with(
        &mut self,
        gathering: &mut Gathering,
        control: &Control<'_>,
        row: &mut impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<Received> {
        loop {
            loop {
                match self.inbox.next() {
                    Ok(Some(Raw { tag: b'd', body, .. })) => {
                        if let Err(error) = row(body) {
                            return Ok(Received::Refused(error));
                        }
                    }
                    Ok(Some(raw)) => match parse(raw).and_then(|message| self.session.absorb(message)) {
                        Ok(Some(message)) => return Ok(Received::Message(message)),
                        Ok(None) => {}
                        Err(error) => return Err(self.broken_by(error)),
                    },
                    Ok(None) => break,
                    Err(what) => return Err(self.broken_by(not_postgres(what))),
                }
            }
            let came = self.fill(control)?;
            if gathering.begins(came) {
                self.transport.gather(Some(GATHERED)).map_err(|error| self.lost(error))?;
            }
        }
    }

    /// Sends two pieces, the second straight from where it lies.
    pub(crate) fn send(&mut self, first: &[u8], second: &[u8], control: &Control<'_>) -> Result<()> {
        let (mut first, mut second) = (first, second);
        let mut progress = Instant::now();
        while !(first.is_empty() && second.is_empty()) {
            match self.transport.write(&[IoSlice::new(first), IoSlice::new(second)]) {
                Ok(0) => return Err(self.lost(io::ErrorKind::WriteZero.into())),
                Ok(sent) => {
                    let (of_first, of_second) = (sent.min(first.len()), sent.saturating_sub(first.len()));
                    first = first.get(of_first..).unwrap_or_default();
                    second = second.get(of_second..).unwrap_or_default();
                    progress = Instant::now();
                }
                Err(error) => self.stalled(error, progress, control)?,
            }
        }
        while let Err(error) = self.transport.flush() {
            self.stalled(error, progress, control)?;
        }
        Ok(())
    }

    /// Takes in what is there, without waiting; true once an answer is there, such as an error.
    pub(crate) fn take_in(&mut self) -> Result<bool> {
        if self.early.is_some() {
            return Ok(true);
        }
        let transport = &mut self.transport;
        match self.inbox.fill(|room| transport.read(room, false)) {
            Ok(0) => return Err(self.lost(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(self.lost(error)),
        }
        loop {
            match self.inbox.next().map_err(not_postgres).and_then(|raw| raw.map(parse).transpose()) {
                Ok(None) => return Ok(false),
                Ok(Some(message)) => match self.session.absorb(message) {
                    Ok(None) => {}
                    Ok(Some(message)) => {
                        self.early = Some(message);
                        return Ok(true);
                    }
                    Err(error) => return Err(self.broken_by(error)),
                },
                Err(error) => return Err(self.broken_by(error)),
            }
        }
    }

    /// Waits for bytes. Asks for cancellation, and looks at the limits, once for each piece that arrives.
    fn fill(&mut self, control: &Control<'_>) -> Result<usize> {
        let begin = Instant::now();
        loop {
            control.check()?;
            self.check_limits(begin)?;
            let transport = &mut self.transport;
            match self.inbox.fill(|room| transport.read(room, true)) {
                Ok(0) => return Err(self.broken_by(lost(self.doing))),
                Ok(came) => return Ok(came),
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

    /// Decides what a write that did nothing means. A server that waits for us to read its notices gets that, or
    /// both would wait for ever.
    fn stalled(&mut self, error: io::Error, progress: Instant, control: &Control<'_>) -> Result<()> {
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(self.lost(error));
        }
        if let Err(cancelled) = control.check() {
            // A message is half sent: nothing else can be said on this connection.
            return Err(self.broken_by(cancelled));
        }
        self.check_limits(progress)?;
        self.take_in().map(drop)
    }

    /// The connection broke while sending: the server may have said why before.
    fn lost(&mut self, error: io::Error) -> Error {
        let error = WORDS.network(error, self.doing);
        let said = self.last_words();
        self.broken_by(said.unwrap_or(error))
    }

    fn last_words(&mut self) -> Option<Error> {
        if let Some(Message::ErrorResponse(body)) = self.early.take() {
            return Some(explain(ServerError::read(body.fields())));
        }
        let begin = Instant::now();
        loop {
            while let Some(raw) = self.inbox.next().ok()? {
                if let Message::ErrorResponse(body) = parse(raw).ok()? {
                    return Some(explain(ServerError::read(body.fields())));
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

    /// Sends what nobody waits for, if that is possible at once.
    pub(crate) fn say_once(&mut self, message: &[u8]) {
        if self.transport.write(&[IoSlice::new(message)]).is_ok() {
            let _ = self.transport.flush();
        }
    }

    fn broken_by(&mut self, error: Error) -> Error {
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

/// Makes the protocol library's form of a message; rows of a COPY never come here.
fn parse(raw: Raw<'_>) -> Result<Message> {
    match Message::parse(&mut BytesMut::from(raw.whole)) {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(not_postgres("a message that is cut off")),
        Err(error) => Err(not_postgres(error)),
    }
}
