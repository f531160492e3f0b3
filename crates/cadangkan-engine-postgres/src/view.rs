//! One consistent view of a database over several connections.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt, Selection};
use cadangkan_pgwire::{Connection, Target, literal};

use crate::catalog::{self, Table, one_row};
use crate::locks::{BEGIN, is_not_locked, lock};

/// How long the server may send nothing while rows are read.
const SILENCE: Duration = Duration::from_secs(900);

/// A snapshot that a coordinator holds, and that any number of connections share.
///
/// The tables are locked against being dropped or altered (ACCESS SHARE, as `pg_dump` does) before the snapshot is
/// taken, so that the definitions that are read later are those of the rows: LOCK TABLE does not take a snapshot
/// (PostgreSQL manual, LOCK, Notes).
pub(crate) struct View {
    target: Target,
    row_security: bool,
    coordinator: Mutex<Connection>,
    idle: Mutex<Vec<Connection>>,
    snapshot: String,
    /// The server's version: 150018.
    pub(crate) version: u32,
    /// The selected tables, all of them locked.
    pub(crate) tables: Vec<Table>,
}

/// What a view is asked to show.
pub(crate) struct Asked<'a> {
    /// The tables that are meant.
    pub(crate) selection: &'a Selection,
    /// How long to wait for a lock on a table.
    pub(crate) lock_timeout: Duration,
    /// Shows only the rows that row security lets this user see; reading others fails without it.
    pub(crate) row_security: bool,
}

impl View {
    /// Opens a view. What is committed before this returns is seen; what is committed later is not.
    pub(crate) fn begin(target: &Target, asked: &Asked<'_>, control: &Control<'_>) -> Result<Self> {
        let mut connection = open_for(target, asked.row_security, control)?;
        let version = supported(connection.server_version())?;
        connection.execute(&format!("SET lock_timeout = {}", asked.lock_timeout.as_millis()), control)?;
        let mut looker = open_for(target, asked.row_security, control)?;
        let (selection, patience) = (asked.selection, asked.lock_timeout);
        let tables = lock(&mut connection, &mut looker, selection, patience, control)?;
        catalog::check_names(&mut connection, &tables, selection, control)?;
        let snapshot = one_row(&mut connection, "SELECT pg_catalog.pg_export_snapshot()", control)?.text()?;
        import(&mut looker, &snapshot, control)?;
        let (coordinator, idle) = (Mutex::new(connection), Mutex::new(vec![looker]));
        let (target, row_security) = (target.clone(), asked.row_security);
        Ok(View { target, row_security, coordinator, idle, snapshot, version, tables })
    }

    /// The name under which other sessions, `pg_dump` among them, import the snapshot.
    pub(crate) fn snapshot(&self) -> &str {
        &self.snapshot
    }

    /// Does something on the coordinator's connection.
    pub(crate) fn coordinate<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        work(&mut self.coordinator.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does something on a connection that sees the view; one is opened when none is idle.
    pub(crate) fn read<T>(
        &self,
        control: &Control<'_>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let mut connection = self.take(control)?;
        let result = work(&mut connection)?;
        self.give_back(connection);
        Ok(result)
    }

    /// Reads one of the view's tables on a connection that sees the view.
    ///
    /// Who waits to alter a table lets nobody pass who does not hold a lock on it yet, and itself waits for the
    /// coordinator: a connection that queued behind it would wait for the end of the dump. So nothing is waited for,
    /// and such a table is read by the coordinator, which holds its lock already.
    pub(crate) fn read_table<T>(
        &self,
        table: &Table,
        control: &Control<'_>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let mut connection = self.take(control)?;
        let lock = format!("LOCK TABLE ONLY {} IN ACCESS SHARE MODE NOWAIT", table.quoted);
        match connection.execute(&lock, control) {
            Ok(_) => {}
            // This connection's transaction is over; another one is opened for the next table.
            Err(error) if is_not_locked(&error) => return self.coordinate(work),
            Err(error) => return Err(error.context("table", &table.name)),
        }
        let result = work(&mut connection)?;
        self.give_back(connection);
        Ok(result)
    }

    /// Makes sure that the snapshot held to the end, and lets go of it.
    pub(crate) fn end(self, control: &Control<'_>) -> Result<()> {
        let mut coordinator = self.coordinator.into_inner().unwrap_or_else(PoisonError::into_inner);
        coordinator.execute("SELECT 1", control).context("during", "the end of the snapshot")?;
        if !coordinator.in_transaction() {
            return Err(Error::new(ErrorKind::Internal, "the snapshot ended before the dump did")
                .hint("back up again; if it happens again, look into the server's log"));
        }
        coordinator.execute("COMMIT", control)?;
        Ok(())
    }

    fn take(&self, control: &Control<'_>) -> Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.join(control), Ok)
    }

    fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    fn join(&self, control: &Control<'_>) -> Result<Connection> {
        let mut connection = open_for(&self.target, self.row_security, control)?;
        import(&mut connection, &self.snapshot, control)?;
        Ok(connection)
    }
}

/// Begins a transaction that sees what the snapshot does.
fn import(connection: &mut Connection, snapshot: &str, control: &Control<'_>) -> Result<()> {
    connection.execute(&format!("{BEGIN}; SET TRANSACTION SNAPSHOT {}", literal(snapshot)), control)?;
    Ok(())
}

fn open_for(target: &Target, row_security: bool, control: &Control<'_>) -> Result<Connection> {
    let mut connection = open(target, control)?;
    if row_security {
        connection.execute("SET row_security = on", control)?;
    }
    Ok(connection)
}

/// Opens a connection whose rows come out as text that restores to the same values, in the order they lie in.
pub(crate) fn open(target: &Target, control: &Control<'_>) -> Result<Connection> {
    let mut connection = Connection::open(target, control)?;
    connection.set_silence(Some(SILENCE));
    // The settings of pg_dump, so that the text of values depends on neither user nor server.
    connection.execute(
        "SET search_path = ''; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC';
         SET extra_float_digits = 3; SET bytea_output = 'hex'; SET xmloption = content; SET lc_monetary = 'C';
         SET standard_conforming_strings = on; SET row_security = off; SET quote_all_identifiers = off;
         SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
         SET synchronize_seqscans = off; SET jit = off; SET max_parallel_workers_per_gather = 0;
         SET enable_seqscan = off; SET client_min_messages = warning",
        control,
    )?;
    if connection.server_version() >= 170_000 {
        connection.execute("SET transaction_timeout = 0", control)?;
    }
    if connection.server_version() >= 140_000 {
        connection.execute("SET idle_session_timeout = 0", control)?;
    }
    Ok(connection)
}

/// Refuses servers that are too old.
pub(crate) fn supported(version: u32) -> Result<u32> {
    if version >= 120_000 {
        return Ok(version);
    }
    Err(Error::new(ErrorKind::Unsupported, "this PostgreSQL is too old")
        .context("version", version / 10_000)
        .hint("versions from 12 on are supported; for older ones use their own pg_dump"))
}
