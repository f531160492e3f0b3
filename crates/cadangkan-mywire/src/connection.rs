use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Result};

use crate::{Column, Row, Target, Version};

/// One connection to a server, one statement at a time.
///
/// Texts are UTF-8 (`SET NAMES utf8mb4`) until a statement changes that. Dropping it closes it; a transaction that is
/// open is then rolled back by the server.
pub struct Connection {
    version: Version,
}

fn not_yet<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unsupported, "not yet"))
}

impl Connection {
    /// Connects and logs in.
    ///
    /// What may pass (refused, reset, starting up, too many connections) is tried three times, after 250 ms and
    /// after another second. Each try has the target's `connect_timeout` for each address of the name, login
    /// included; the system's resolver has its own limits.
    pub fn open(_target: &Target, _control: &Control<'_>) -> Result<Connection> {
        not_yet()
    }

    /// Runs one statement and drops its rows. Returns the number of rows that it changed.
    pub fn execute(&mut self, _sql: impl AsRef<[u8]>, _control: &Control<'_>) -> Result<u64> {
        not_yet()
    }

    /// Runs one statement and returns its rows; `None` is NULL.
    ///
    /// # Errors
    /// Also when a value is not valid UTF-8, and beyond 512 MiB of values.
    pub fn query(&mut self, _sql: &str, _control: &Control<'_>) -> Result<Vec<Vec<Option<String>>>> {
        not_yet()
    }

    /// As [`query`](Connection::query), with values as they come.
    pub fn query_bytes(&mut self, _sql: &str, _control: &Control<'_>) -> Result<Vec<Vec<Option<Vec<u8>>>>> {
        not_yet()
    }

    /// Runs one statement and hands each row to `row`, straight from the read buffer. Returns the number of rows.
    ///
    /// # Errors
    /// An error of `row` stops the statement on the server and is returned.
    pub fn rows(
        &mut self,
        _sql: &str,
        _control: &Control<'_>,
        _row: impl FnMut(&[Column], Row<'_>) -> Result<()>,
    ) -> Result<u64> {
        not_yet()
    }

    /// Runs a `LOAD DATA LOCAL INFILE`, whose file is what `next` gives. The file's name in the statement does not
    /// matter. Returns the number of rows that were taken.
    ///
    /// `next` is given an empty buffer, puts bytes there, and says whether there are more to come; bytes that come
    /// with the last answer are sent too.
    ///
    /// # Errors
    /// An error of `next`, or a request to stop, ends the statement without its rows; the connection is closed then,
    /// as the protocol has no other way.
    pub fn load_data(
        &mut self,
        _sql: &str,
        _control: &Control<'_>,
        _next: impl FnMut(&mut Vec<u8>) -> Result<bool>,
    ) -> Result<u64> {
        not_yet()
    }

    /// What the server is.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The server's number of this connection.
    pub fn connection_id(&self) -> u64 {
        0
    }

    /// Whether a transaction is open.
    pub fn in_transaction(&self) -> bool {
        false
    }

    /// The number of warnings of the last statement.
    pub fn warnings(&self) -> u16 {
        0
    }

    /// Whether the connection can no longer be used.
    pub fn is_broken(&self) -> bool {
        false
    }

    /// Whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        false
    }

    /// Sets the longest time that the server may send nothing while an answer is awaited. Without one, which is how
    /// a connection begins, statements may take as long as they do; dead peers are found by TCP.
    pub fn set_silence(&mut self, _limit: Option<Duration>) {}
}
