//! Rows on their way into tables.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result};
use cadangkan_pgwire::Connection;

use super::statement::explain;

/// What was loaded into each table, by its name in the backup.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<BTreeMap<ObjectName, Count>>);

/// What was loaded into one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Rows that the server counted.
    pub(super) rows: u64,
    /// Bytes of their text.
    pub(super) bytes: u64,
}

impl Counts {
    /// Adds rows to a table.
    pub(super) fn add(&self, table: &ObjectName, rows: u64, bytes: usize) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(table.clone()).or_default();
        count.rows += rows;
        count.bytes += bytes as u64;
    }

    /// What came so far.
    pub(super) fn all(&self) -> BTreeMap<ObjectName, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sends whole rows with one COPY; returns how many the server took.
pub(super) fn copy(
    connection: &mut Connection,
    statement: &str,
    table: &ObjectName,
    rows: &[u8],
    control: &Control<'_>,
) -> Result<u64> {
    let send = |connection: &mut Connection| {
        let mut copy = connection.copy_in(statement, control)?;
        copy.write(rows)?;
        copy.finish()
    };
    send(connection).map_err(|error| match error.kind() {
        ErrorKind::Cancelled | ErrorKind::Unreachable => error.context("table", table),
        _ => explain(error, &format!("TABLE {table}"), statement),
    })
}

/// The error for a backup of which something did not come.
pub(super) fn missing(message: &str) -> Error {
    Error::new(ErrorKind::DamagedBackup, message)
        .hint("restore another backup, or another storage's copy of it")
}
