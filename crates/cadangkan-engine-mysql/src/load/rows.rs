//! Rows on their way into tables.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result};
use cadangkan_mywire::Connection;

use super::statement::explain;
use crate::script::{Insert, Inserts};

/// What the packet of a statement has besides its text, and some room.
const PACKET_ROOM: usize = 64;

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

/// Sends the rows of a frame, all or none unless the engine has no transactions; returns how many the server took.
///
/// # Errors
/// `DamagedBackup` when the frame holds anything but rows of that table.
pub(super) fn send_frame(
    connection: &mut Connection,
    table: &ObjectName,
    data: &[u8],
    max_packet: usize,
    control: &Control<'_>,
) -> Result<u64> {
    let inserts: Option<Vec<Insert<'_>>> = Inserts::new(data).collect();
    let inserts = inserts.filter(|inserts| inserts.iter().all(|insert| insert.is_for(&table.name)));
    let inserts =
        inserts.ok_or_else(|| missing("a frame of rows is not what it should be").context("table", table))?;
    let mut rows = 0;
    for insert in inserts {
        let taken = send(connection, table, insert.text, max_packet, control)?;
        if taken != insert.rows {
            return Err(Error::new(ErrorKind::NotEqual, "the server took another number of rows than it was given")
                .context("table", table)
                .context("given", insert.rows)
                .context("taken", taken)
                .hint("a trigger or a partition refuses some: restore to a database where the table has none of that"));
        }
        rows += taken;
    }
    Ok(rows)
}

/// Sends one `INSERT`, in parts where the server would not take it whole.
pub(super) fn send(
    connection: &mut Connection,
    table: &ObjectName,
    text: &[u8],
    max_packet: usize,
    control: &Control<'_>,
) -> Result<u64> {
    let title = || format!("TABLE {table}");
    if text.len() + PACKET_ROOM <= max_packet {
        return connection.execute(text, control).map_err(|error| explain(error, &title(), text));
    }
    let too_long = || {
        Error::new(ErrorKind::Unsupported, "a row is longer than what the server takes")
            .context("table", table)
            .context("max_allowed_packet", max_packet)
            .hint("raise max_allowed_packet on the server (SET GLOBAL max_allowed_packet = 1073741824)")
    };
    let insert = Insert::read(text).ok_or_else(too_long)?;
    let mut rows = 0;
    for part in insert.split(max_packet.saturating_sub(PACKET_ROOM)) {
        if part.len() + PACKET_ROOM > max_packet {
            return Err(too_long());
        }
        rows += connection.execute(&part, control).map_err(|error| explain(error, &title(), &part))?;
    }
    Ok(rows)
}

/// The error for a backup of which something did not come.
pub(super) fn missing(message: &str) -> Error {
    Error::new(ErrorKind::DamagedBackup, message)
        .hint("restore another backup, or another storage's copy of it")
}
