//! Rows on their way into tables.

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result};
use cadangkan_pgwire::Connection;

pub(super) use cadangkan_engine::{Count, Counts};

use super::statement::explain;

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
