use std::time::{Duration, Instant};

use cadangkan_core::{Cancel, Control, Error, ErrorKind, Result};
use cadangkan_wire::Address;

use crate::answers::{Answers, Step};
use crate::channel::Channel;
use crate::explain::{explain, not_mysql};
use crate::stop::{self, STOPPING};
use crate::{Column, Row, Target, Version, connect};

/// The commands that we use (manual of the protocol, "Command Phase").
pub(crate) const QUERY: u8 = 3;
const QUIT: u8 = 1;
/// The most bytes that [`Connection::query`] returns.
const LARGEST_RESULT: usize = 512 << 20;

/// One connection to a server, one statement at a time.
///
/// Texts are UTF-8 (`SET NAMES utf8mb4`) until a statement changes that. Dropping it closes it; a transaction that is
/// open is then rolled back by the server.
pub struct Connection {
    pub(crate) channel: Channel,
    pub(crate) answers: Answers,
    target: Target,
    address: Address,
    version: Version,
    connection_id: u32,
}

impl Connection {
    /// Connects and logs in.
    ///
    /// What may pass (refused, reset, starting up, too many connections) is tried three times, after 250 ms and
    /// after another second. Each try has the target's `connect_timeout` for each address of the name, login
    /// included; the system's resolver has its own limits.
    pub fn open(target: &Target, control: &Control<'_>) -> Result<Connection> {
        let (session, address) = connect::open(target, control)?;
        let mut connection = Connection {
            channel: session.channel,
            answers: session.answers,
            target: target.clone(),
            address,
            version: session.greeting.version,
            connection_id: session.greeting.connection_id,
        };
        // A server may be set to ignore what the login says of it (`skip-character-set-client-handshake`).
        connection.channel.deadline = Some(Instant::now() + target.connect_timeout());
        connection.execute("SET NAMES utf8mb4", control)?;
        target.first_statement.map(|first| connection.execute(first, control)).transpose()?;
        connection.channel.deadline = None;
        Ok(connection)
    }

    /// Runs one statement and drops its rows. Returns the number of rows that it changed; a CALL may change some in
    /// each of its statements.
    pub fn execute(&mut self, sql: impl AsRef<[u8]>, control: &Control<'_>) -> Result<u64> {
        self.begin("a statement", sql.as_ref(), control)?;
        let mut changed = 0;
        self.until_over(control, |step| {
            if let Found::Changed(number) = step {
                changed += number;
            }
            Ok(())
        })?;
        Ok(changed)
    }

    /// Runs one statement and returns its rows; `None` is NULL.
    ///
    /// # Errors
    /// Also when a value is not valid UTF-8, and beyond 512 MiB of values.
    pub fn query(&mut self, sql: &str, control: &Control<'_>) -> Result<Vec<Vec<Option<String>>>> {
        self.gather(sql, control, |value| {
            String::from_utf8(value.to_vec()).map_err(|error| {
                Error::new(ErrorKind::DamagedSource, "the server sent a text that is not valid UTF-8")
                    .source(error)
                    .hint("this is a defect of the query: such values are read as bytes")
            })
        })
    }

    /// Runs one statement and returns its rows with values as they come, otherwise as
    /// [`query`](Connection::query).
    pub fn query_bytes(&mut self, sql: &str, control: &Control<'_>) -> Result<Vec<Vec<Option<Vec<u8>>>>> {
        self.gather(sql, control, |value| Ok(value.to_vec()))
    }

    /// Runs one statement and hands each row to `row`, straight from the read buffer. Returns the number of rows.
    ///
    /// # Errors
    /// An error of `row` stops the statement on the server and is returned.
    pub fn rows(
        &mut self,
        sql: &str,
        control: &Control<'_>,
        mut row: impl FnMut(&[Column], Row<'_>) -> Result<()>,
    ) -> Result<u64> {
        self.begin("a query", sql.as_bytes(), control)?;
        let mut count = 0;
        self.until_over(control, |step| match step {
            Found::Row(columns, packet) => {
                count += 1;
                row(columns, Row::new(packet, columns.len()))
            }
            Found::Changed(_) => Ok(()),
        })?;
        Ok(count)
    }

    /// What the server is.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The server's number of this connection.
    pub fn connection_id(&self) -> u64 {
        u64::from(self.connection_id)
    }

    /// Whether a transaction is open.
    pub fn in_transaction(&self) -> bool {
        self.answers.in_transaction()
    }

    /// The number of warnings of the last statement.
    pub fn warnings(&self) -> u16 {
        self.answers.warnings
    }

    /// Whether the connection can no longer be used.
    pub fn is_broken(&self) -> bool {
        self.channel.broken
    }

    /// Whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.channel.is_tls()
    }

    /// Sets the longest time that the server may send nothing while an answer is awaited. Without one, which is how
    /// a connection begins, statements may take as long as they do; dead peers are found by TCP.
    pub fn set_silence(&mut self, limit: Option<Duration>) {
        self.channel.silence = limit;
    }

    fn gather<T>(
        &mut self,
        sql: &str,
        control: &Control<'_>,
        read: impl Fn(&[u8]) -> Result<T>,
    ) -> Result<Vec<Vec<Option<T>>>> {
        let (mut rows, mut size) = (Vec::new(), 0);
        self.rows(sql, control, |_, row| {
            size += row.size();
            if size > LARGEST_RESULT {
                return Err(
                    Error::new(ErrorKind::Unsupported, "the result is too large").hint("ask for less")
                );
            }
            let values = row.values().map(|value| value.and_then(|value| value.map(&read).transpose()));
            rows.push(values.collect::<Result<Vec<_>>>()?);
            Ok(())
        })?;
        Ok(rows)
    }

    pub(crate) fn begin(&mut self, doing: &'static str, sql: &[u8], control: &Control<'_>) -> Result<()> {
        self.channel.check_usable()?;
        control.check()?;
        self.channel.doing = doing;
        self.channel.command(QUERY, sql, control)?;
        self.answers.expect();
        Ok(())
    }

    /// Reads to the end of a statement. An error, of `take` or a request to stop, also stops the statement.
    pub(crate) fn until_over(
        &mut self,
        control: &Control<'_>,
        mut take: impl FnMut(Found<'_>) -> Result<()>,
    ) -> Result<()> {
        let failure = loop {
            if self.answers.is_over() {
                return Ok(());
            }
            let packet = match self.channel.receive(control) {
                Ok(packet) => packet,
                Err(error) => break error,
            };
            let result = match self.answers.take(packet) {
                Ok(Step::Row) => take(Found::Row(&self.answers.columns, packet)),
                Ok(Step::Nothing) => Ok(()),
                Ok(Step::Changed(number)) => take(Found::Changed(number)),
                Ok(Step::Failed(error)) => return Err(explain(error)),
                Ok(Step::File) => return Err(self.refuse_file()),
                Err(what) => return Err(self.break_off(what)),
            };
            if let Err(error) = result {
                break error;
            }
        };
        // A break says that the statement still runs, unless what was read last ended it.
        Err(self.stop(failure, control))
    }

    /// Stops the statement that runs, so that the connection can be used again; whether or not that works, returns
    /// the error that was the reason.
    pub(crate) fn stop(&mut self, reason: Error, control: &Control<'_>) -> Error {
        if self.answers.is_over() || (self.channel.broken && reason.kind() != ErrorKind::Cancelled) {
            return reason;
        }
        let patient = Cancel::default();
        let control = Control { cancel: &patient, ..*control };
        let id = self.connection_id();
        let asked = stop::request(&self.target, &self.address, self.channel.is_tls(), id, &control);
        if !self.channel.broken {
            self.channel.deadline = Some(Instant::now() + STOPPING);
            let drained = asked.and_then(|()| self.drain(&control));
            self.channel.broken |= drained.is_err();
            self.channel.deadline = None;
        }
        reason
    }

    /// Drops everything up to the end of the statement. Where the request to stop came too late for it, an empty
    /// statement behind it takes the blow.
    fn drain(&mut self, control: &Control<'_>) -> Result<()> {
        if !self.read_away(control)? {
            self.begin("a statement", b"DO 0", control)?;
            self.read_away(control)?;
        }
        Ok(())
    }

    /// Reads to the end of a statement; true when it ended by an error.
    fn read_away(&mut self, control: &Control<'_>) -> Result<bool> {
        while !self.answers.is_over() {
            match self.answers.take(self.channel.receive(control)?) {
                Ok(Step::Failed(_)) => return Ok(true),
                Ok(Step::File) => return Err(self.refuse_file()),
                Ok(_) => {}
                Err(what) => return Err(self.break_off(what)),
            }
        }
        Ok(false)
    }

    /// The server asks for a file that nobody offered; it gets nothing more from us at all.
    pub(crate) fn refuse_file(&mut self) -> Error {
        self.channel.shut();
        Error::new(
            ErrorKind::Denied,
            "the server asks for a file of this machine, which no statement offered",
        )
        .hint(
            "the server, or who stands between, may be hostile; a LOAD DATA LOCAL is not run as a statement",
        )
    }

    pub(crate) fn break_off(&mut self, what: &str) -> Error {
        self.channel.broken = true;
        not_mysql(what)
    }
}

/// A part of an answer.
pub(crate) enum Found<'a> {
    /// A row and its columns.
    Row(&'a [Column], &'a [u8]),
    /// So many rows were changed.
    Changed(u64),
}

impl Drop for Connection {
    /// Says goodbye, so that the server does not count a lost connection.
    fn drop(&mut self) {
        if !self.channel.broken {
            self.channel.say_once(QUIT);
        }
    }
}
