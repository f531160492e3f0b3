use std::time::{Duration, Instant};

use bytes::BytesMut;
use cadangkan_core::{Cancel, Control, Error, ErrorKind, Result};
use cadangkan_wire::Address;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{DataRowBody, Message};
use postgres_protocol::message::frontend;

use crate::channel::{Channel, Received};
use crate::explain::{explain, not_postgres};
use crate::session::version_number;
use crate::stop::{self, STOPPING};
use crate::{CopyIn, Notice, ServerError, Target, connect, hosts};

/// The most bytes that [`Connection::query`] returns.
const LARGEST_RESULT: usize = 512 << 20;

/// One connection to a server, one statement at a time.
///
/// Texts are UTF-8 unless the target says otherwise. Dropping it closes it; a transaction that is open is then
/// rolled back by the server.
pub struct Connection {
    pub(crate) channel: Channel,
    target: Target,
    address: Address,
    version: u32,
}

impl Connection {
    /// Connects and logs in; where the target names several servers, to the first that fits.
    ///
    /// What may pass (refused, reset, starting up, too many connections) is tried three times, after 250 ms and
    /// after another second. Each try has the target's `connect_timeout` for each address of the name, login
    /// included; the system's resolver has its own limits.
    pub fn open(target: &Target, control: &Control<'_>) -> Result<Connection> {
        hosts::open(target, control)
    }

    /// Connects to the one server of a target.
    pub(crate) fn open_one(target: &Target, control: &Control<'_>) -> Result<Connection> {
        let (channel, address) = connect::open(target, control)?;
        let reported = channel.session.parameters.get("server_version");
        let version = reported
            .and_then(|text| version_number(text))
            .ok_or_else(|| not_postgres("it has no version"))?;
        Ok(Connection { channel, target: target.clone(), address, version })
    }

    /// Runs one or several statements and drops their rows. Returns the count of the last command tag.
    pub fn execute(&mut self, sql: &str, control: &Control<'_>) -> Result<u64> {
        self.begin("a statement", sql, control)?;
        let mut count = 0;
        self.until_ready(control, |message| {
            if let Message::CommandComplete(body) = message {
                count = tag_count(body.tag());
            }
            Ok(())
        })?;
        Ok(count)
    }

    /// Runs one or several statements and returns their rows, in text form; `None` is NULL.
    ///
    /// # Errors
    /// Also when a value is not valid UTF-8, and beyond 512 MiB of values.
    pub fn query(&mut self, sql: &str, control: &Control<'_>) -> Result<Vec<Vec<Option<String>>>> {
        self.begin("a query", sql, control)?;
        let (mut rows, mut size) = (Vec::new(), 0);
        self.until_ready(control, |message| {
            if let Message::DataRow(body) = message {
                size += body.buffer().len();
                if size > LARGEST_RESULT {
                    return Err(Error::new(ErrorKind::Unsupported, "the result is too large")
                        .hint("ask for less, or use COPY"));
                }
                rows.push(read_row(&body)?);
            }
            Ok(())
        })?;
        Ok(rows)
    }

    /// Runs a `COPY … TO STDOUT` and hands each row to `row`, with the newline that ends it, straight from the read
    /// buffer. Returns the count of the command tag.
    ///
    /// # Errors
    /// An error of `row` stops the statement on the server and is returned.
    pub fn copy_out(
        &mut self,
        sql: &str,
        control: &Control<'_>,
        mut row: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<u64> {
        self.begin("COPY", sql, control)?;
        if !self.await_copy(control, |message| matches!(message, Message::CopyOutResponse(_)))? {
            return Err(no_copy("COPY … TO STDOUT"));
        }
        let received = match self.channel.receive_rows(control, &mut row) {
            Ok(Received::Message(message)) => message,
            Ok(Received::Refused(error)) => return Err(self.stop(error, control)),
            Err(error) => return Err(self.stop_if_cancelled(error, control)),
        };
        match received {
            Message::CopyDone => self.finish_copy(control),
            Message::ErrorResponse(body) => {
                let error = explain(ServerError::read(body.fields()));
                Err(self.drain_after(error, control))
            }
            _ => Err(self.break_off("an answer that does not belong to a COPY")),
        }
    }

    /// Runs a `COPY … FROM STDIN`, whose rows the returned value takes.
    pub fn copy_in<'a>(&'a mut self, sql: &str, control: &'a Control<'a>) -> Result<CopyIn<'a>> {
        self.begin("COPY", sql, control)?;
        if !self.await_copy(control, |message| matches!(message, Message::CopyInResponse(_)))? {
            return Err(no_copy("COPY … FROM STDIN"));
        }
        Ok(CopyIn::new(self, control))
    }

    /// The server's version: 150018 is 15.18.
    pub fn server_version(&self) -> u32 {
        self.version
    }

    /// A parameter that the server reported, such as `TimeZone` (manual, "Asynchronous Operations").
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.channel.session.parameters.get(name).map(String::as_str)
    }

    /// The number of the server's process behind this connection.
    pub fn backend_pid(&self) -> i32 {
        self.channel.session.process
    }

    /// Whether a transaction is open, failed or not.
    pub fn in_transaction(&self) -> bool {
        self.channel.session.status != b'I'
    }

    /// Whether the connection can no longer be used.
    pub fn is_broken(&self) -> bool {
        self.channel.broken
    }

    /// Takes what the server said meanwhile: the last thousand notices, each cut at 8 KiB.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.channel.session.notices.drain(..).collect()
    }

    /// Sets the longest time that the server may send nothing while an answer is awaited. Without one, which is how
    /// a connection begins, statements may take as long as they do; dead peers are found by TCP.
    pub fn set_silence(&mut self, limit: Option<Duration>) {
        self.channel.silence = limit;
    }

    fn begin(&mut self, doing: &'static str, sql: &str, control: &Control<'_>) -> Result<()> {
        self.channel.check_usable()?;
        control.check()?;
        self.channel.doing = doing;
        let mut message = BytesMut::new();
        frontend::query(sql, &mut message).map_err(|error| {
            Error::new(ErrorKind::Usage, "the statement cannot be sent")
                .source(error)
                .hint("take its zero bytes out")
        })?;
        self.channel.send(&message, &[], control)
    }

    /// Waits for the beginning of a COPY; false when the statement ended without one.
    fn await_copy(&mut self, control: &Control<'_>, begins: impl Fn(&Message) -> bool) -> Result<bool> {
        loop {
            match self.receive(control)? {
                message if begins(&message) => return Ok(true),
                Message::ErrorResponse(body) => {
                    let error = explain(ServerError::read(body.fields()));
                    return Err(self.drain_after(error, control));
                }
                Message::CopyInResponse(_) | Message::CopyOutResponse(_) => {
                    return Err(self.stop(no_copy("a COPY in this direction"), control));
                }
                Message::ReadyForQuery(body) => {
                    self.channel.session.status = body.status();
                    return Ok(false);
                }
                _ => {}
            }
        }
    }

    /// Waits for the end of a COPY whose rows are all over; returns the count.
    pub(crate) fn finish_copy(&mut self, control: &Control<'_>) -> Result<u64> {
        let mut count = None;
        self.until_ready(control, |message| {
            match message {
                Message::CommandComplete(body) => count = Some(tag_count(body.tag())),
                _ => return Err(not_postgres("an answer that does not belong to the end of a COPY")),
            }
            Ok(())
        })?;
        count.ok_or_else(|| not_postgres("a COPY without an end"))
    }

    /// Waits until the server is ready for the next statement; other answers go to `take`, errors come back.
    pub(crate) fn until_ready(
        &mut self,
        control: &Control<'_>,
        mut take: impl FnMut(Message) -> Result<()>,
    ) -> Result<()> {
        let mut failure = None;
        loop {
            let message = match self.receive(control) {
                Ok(message) => message,
                // A server that goes away says why before it does.
                Err(error) => return Err(failure.unwrap_or(error)),
            };
            match message {
                Message::ReadyForQuery(body) => {
                    self.channel.session.status = body.status();
                    return failure.map_or(Ok(()), Err);
                }
                Message::ErrorResponse(body) => {
                    failure.get_or_insert(explain(ServerError::read(body.fields())));
                }
                Message::CopyInResponse(_) | Message::CopyOutResponse(_) => {
                    let error = Error::new(ErrorKind::Usage, "a COPY stands where none is expected")
                        .hint("copy from and to files on the server, or run it as a COPY");
                    return Err(self.stop(error, control));
                }
                other if failure.is_none() => {
                    if let Err(error) = take(other) {
                        return Err(self.stop(error, control));
                    }
                }
                _ => {}
            }
        }
    }

    /// Waits for a message; a request to stop also stops the statement.
    fn receive(&mut self, control: &Control<'_>) -> Result<Message> {
        self.channel.receive(control).map_err(|error| self.stop_if_cancelled(error, control))
    }

    pub(crate) fn stop_if_cancelled(&mut self, error: Error, control: &Control<'_>) -> Error {
        if error.kind() == ErrorKind::Cancelled { self.stop(error, control) } else { error }
    }

    /// Ends a COPY whose rows will not come: the server drops those it has.
    pub(crate) fn fail_copy(&mut self, control: &Control<'_>) {
        let patient = Cancel::default();
        self.end_copy(&Control { cancel: &patient, ..*control });
    }

    /// Stops the statement that runs, so that the connection can be used again; whether or not that works, returns
    /// the error that was the reason.
    pub(crate) fn stop(&mut self, reason: Error, control: &Control<'_>) -> Error {
        let patient = Cancel::default();
        let control = Control { cancel: &patient, ..*control };
        let encrypted = self.channel.transport().is_tls();
        let asked = stop::request(&self.target, &self.address, encrypted, &self.channel.session, &control);
        if !self.channel.broken {
            self.end_copy(&control);
            self.channel.broken |= asked.is_err();
        }
        reason
    }

    /// Says that no more rows come and reads to the end of the statement, for a limited time. A server that does
    /// not wait for rows ignores the message.
    fn end_copy(&mut self, control: &Control<'_>) {
        let mut farewell = BytesMut::new();
        let written = frontend::copy_fail("stopped on request", &mut farewell);
        self.channel.deadline = Some(Instant::now() + STOPPING);
        let sent = written.is_ok() && self.channel.send(&farewell, &[], control).is_ok();
        if !sent || self.drain(control).is_err() {
            self.channel.broken = true;
        }
        self.channel.deadline = None;
    }

    /// Reads what is left of a statement that the server ended with an error.
    fn drain_after(&mut self, error: Error, control: &Control<'_>) -> Error {
        match self.until_ready(control, |_| Ok(())) {
            Err(other) if other.kind() == ErrorKind::Cancelled => other,
            _ => error,
        }
    }

    /// Drops everything up to the end of the statement, rows included.
    fn drain(&mut self, control: &Control<'_>) -> Result<()> {
        loop {
            if let Received::Message(Message::ReadyForQuery(body)) =
                self.channel.receive_rows(control, &mut |_| Ok(()))?
            {
                self.channel.session.status = body.status();
                return Ok(());
            }
        }
    }

    pub(crate) fn break_off(&mut self, what: &str) -> Error {
        self.channel.broken = true;
        not_postgres(what)
    }
}

impl Drop for Connection {
    /// Says goodbye, so that the server does not log a lost connection.
    fn drop(&mut self) {
        let mut message = BytesMut::new();
        frontend::terminate(&mut message);
        if !self.channel.broken {
            self.channel.say_once(&message);
        }
    }
}

fn read_row(body: &DataRowBody) -> Result<Vec<Option<String>>> {
    let value = |range: Option<std::ops::Range<usize>>| {
        let Some(range) = range else { return Ok(None) };
        let bytes = body.buffer().get(range).unwrap_or_default();
        String::from_utf8(bytes.to_vec()).map(Some).map_err(|error| {
            Error::new(ErrorKind::DamagedSource, "the server sent a text that is not valid UTF-8")
                .source(error)
                .hint("a database in the encoding SQL_ASCII may hold such texts; correct them, or choose another client encoding")
        })
    };
    let ranges: Vec<_> = body.ranges().collect().map_err(not_postgres)?;
    ranges.into_iter().map(value).collect()
}

/// The number at the end of a command tag, such as `COPY 17` or `INSERT 0 1`.
fn tag_count(tag: std::io::Result<&str>) -> u64 {
    tag.ok().and_then(|tag| tag.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

fn no_copy(expected: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("the statement is no {expected}"))
}
