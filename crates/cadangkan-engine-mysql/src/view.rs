//! One consistent view of a database over several connections.

mod begin;
mod locks;
mod position;
mod touch;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt, Selection};
use cadangkan_mywire::{Connection, Target, Version};
use serde_json::{Map, Value};

use crate::catalog::{Relations, Schema, Table};
use crate::session::is;

/// Snapshots that show the same moment, one for each connection.
///
/// Writers are held up for the moment in which all of them are taken (`FLUSH TABLES WITH READ LOCK`), where this user
/// may do that; else there is one snapshot alone. The coordinator then touches every table in its snapshot, so that
/// nobody alters them until the end (manual, "Metadata Locking"); a table that was altered in between shows itself,
/// and all begins again.
pub(crate) struct View {
    /// The server.
    pub(crate) version: Version,
    /// The database.
    pub(crate) schema: Schema,
    /// What is meant of it.
    pub(crate) relations: Relations,
    /// Where in the server's history the view is.
    pub(crate) position: Map<String, Value>,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
    /// Names of tables that this user may not read.
    pub(crate) denied: Vec<String>,
    coordinator: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    width: usize,
    /// Holds locks on tables without transactions, until so many units of them are read.
    locker: Mutex<Option<Connection>>,
    locked_units: AtomicUsize,
}

/// What a view is asked to show.
pub(crate) struct Asked<'a> {
    /// The server and the database.
    pub(crate) target: &'a Target,
    /// What is meant.
    pub(crate) selection: &'a Selection,
    /// How long to wait for locks.
    pub(crate) lock_timeout: Duration,
    /// How many connections read at once, at most.
    pub(crate) jobs: usize,
    /// Who may write meanwhile.
    pub(crate) writers: Writers,
}

/// Who may write while a view begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writers {
    /// Others: they are held up for a moment, so that all connections see the same.
    Others,
    /// Nobody, since the database was just made: the whole server need not be held up for it.
    Nobody,
}

impl View {
    /// Opens a view. What is committed before this returns is seen; what is committed later is not.
    pub(crate) fn begin(asked: &Asked<'_>, control: &Control<'_>) -> Result<Self> {
        begin::begin(asked, control)
    }

    /// How many connections read at once.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Does something on the coordinator's connection.
    pub(crate) fn coordinate<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        work(&mut self.coordinator.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does something on a connection that sees the view.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let Some(mut connection) = self.take() else { return self.coordinate(work) };
        let result = work(&mut connection)?;
        self.give_back(connection);
        Ok(result)
    }

    /// Reads one of the view's tables on a connection that sees the view.
    ///
    /// Who waits to alter a table lets nobody pass who has not used it yet, and itself waits for the coordinator: a
    /// connection that queued behind it would wait for the end of the dump. So it is not waited for, and such a table
    /// is read by the coordinator.
    pub(crate) fn read_table<T>(
        &self,
        table: &Table,
        control: &Control<'_>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let Some(mut connection) = self.take() else { return self.coordinate(work) };
        match touch::touch(&mut connection, &table.quoted, control) {
            Err(error) if is(&error, &[1205]) => {
                self.give_back(connection);
                return self.coordinate(work);
            }
            result => result.context("table", &table.name)?,
        }
        let result = work(&mut connection)?;
        self.give_back(connection);
        Ok(result)
    }

    /// Says of how many units tables without transactions consist.
    pub(crate) fn expect_locked(&self, units: usize) {
        self.locked_units.store(units, Ordering::SeqCst);
        if units == 0 {
            self.unlock();
        }
    }

    /// Takes note that one of these units was read; after the last one writers may go on.
    pub(crate) fn locked_unit_is_done(&self) {
        if self.locked_units.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.unlock();
        }
    }

    /// Makes sure that the view held to the end, and lets go of it.
    pub(crate) fn end(self, control: &Control<'_>) -> Result<()> {
        let readers = self.readers.into_inner().unwrap_or_else(PoisonError::into_inner);
        let coordinator = self.coordinator.into_inner().unwrap_or_else(PoisonError::into_inner);
        for mut connection in readers.into_iter().chain([coordinator]) {
            connection.query("SELECT 1", control).context("during", "the end of the snapshot")?;
            if !connection.in_transaction() {
                return Err(Error::new(ErrorKind::Internal, "the snapshot ended before the dump did")
                    .hint("back up again; if it happens again, look into the server's log"));
            }
            connection.execute("COMMIT", control)?;
        }
        Ok(())
    }

    fn take(&self) -> Option<Connection> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, connection: Connection) {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// Closes the connection that holds the locks.
    fn unlock(&self) {
        self.locker.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
