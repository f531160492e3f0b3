//! One consistent view of a database over several connections.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt, Selection};
use cadangkan_pgwire::{Connection, Target, literal, server_error};

use crate::catalog::{self, Row, Table, one_row};

/// How often the list of tables may change between two looks before we give up.
const TRIES: usize = 10;

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
        let tables = lock(&mut connection, asked.selection, control)?;
        catalog::check_names(&mut connection, &tables, asked.selection, control)?;
        let snapshot = one_row(&mut connection, "SELECT pg_catalog.pg_export_snapshot()", control)?.text()?;
        let (coordinator, idle) = (Mutex::new(connection), Mutex::new(Vec::new()));
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
        let begin = format!("{BEGIN}; SET TRANSACTION SNAPSHOT {}", literal(&self.snapshot));
        connection.execute(&begin, control)?;
        Ok(connection)
    }
}

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

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

/// Locks the selected tables, then takes the snapshot; begins again when it shows other tables than were locked.
fn lock(connection: &mut Connection, selection: &Selection, control: &Control<'_>) -> Result<Vec<Table>> {
    let mut changed = Vec::new();
    for _ in 0..TRIES {
        control.check()?;
        let before = catalog::tables(connection, selection, control)?;
        connection.execute(BEGIN, control)?;
        match lock_all(connection, &before, control) {
            Ok(()) => {
                let mut tables = catalog::tables(connection, selection, control)?;
                changed = difference(&before, &tables);
                if changed.is_empty() {
                    catalog::measure(connection, &mut tables, control)?;
                    return Ok(tables);
                }
            }
            Err(error) if dropped_meanwhile(&error) => changed = vec![error.message().to_owned()],
            Err(error) if is_not_locked(&error) => {
                return Err(name_locked(error, connection, &before, control));
            }
            Err(error) => return Err(error),
        }
        connection.execute("ROLLBACK", control)?;
    }
    Err(Error::new(
        ErrorKind::Conflict,
        "tables were made, dropped or altered again and again as the backup began",
    )
    .context("tables", changed.join(", "))
    .hint("back up when the change of definitions is over")
    .retryable())
}

fn lock_all(connection: &mut Connection, tables: &[Table], control: &Control<'_>) -> Result<()> {
    let readable: Vec<_> = tables.iter().filter(|table| table.readable).collect();
    for tables in readable.chunks(500) {
        let names: Vec<_> = tables.iter().map(|table| format!("ONLY {}", table.quoted)).collect();
        let sql = format!("LOCK TABLE {} IN ACCESS SHARE MODE", names.join(", "));
        connection.execute(&sql, control).map_err(explain_lock)?;
    }
    Ok(())
}

fn explain_lock(error: Error) -> Error {
    match server_error(&error).map(|server| server.code.as_str()) {
        Some(NOT_LOCKED) => error.with_kind(ErrorKind::Timeout).retryable().hint(
            "another session holds a lock that nobody may read under, such as ALTER TABLE or VACUUM FULL: wait for it, or raise lock_timeout",
        ),
        Some("53200") => error.hint("the server has too little room for locks: raise max_locks_per_transaction"),
        _ => error,
    }
}

/// SQLSTATE lock_not_available: after lock_timeout, or at once with NOWAIT.
const NOT_LOCKED: &str = "55P03";

fn is_not_locked(error: &Error) -> bool {
    server_error(error).is_some_and(|server| server.code == NOT_LOCKED)
}

/// Adds to an error which of the tables others hold or wait for, and who: the server does not say it.
fn name_locked(error: Error, connection: &mut Connection, tables: &[Table], control: &Control<'_>) -> Error {
    let look = |connection: &mut Connection| {
        connection.execute("ROLLBACK", control)?;
        connection.query(
            "SELECT relation, pid FROM pg_catalog.pg_locks
              WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND database =
                    (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
            control,
        )
    };
    let mut names = Vec::new();
    for row in look(connection).unwrap_or_default() {
        let mut row = Row(row.into_iter());
        let (oid, pid) = (row.next().unwrap_or_default(), row.next().unwrap_or_default());
        let held = tables.iter().filter(|table| table.oid.to_string() == oid);
        names.extend(held.map(|table| format!("{} by process {pid}", table.name)));
    }
    // It may be free by now.
    if names.is_empty() { error } else { error.context("locked", names.join(", ")) }
}

fn dropped_meanwhile(error: &Error) -> bool {
    server_error(error).is_some_and(|server| matches!(server.code.as_str(), "42P01" | "3F000" | "XX000"))
}

/// Names tables that are not the same in both lists; sizes and counts may differ.
fn difference(before: &[Table], after: &[Table]) -> Vec<String> {
    let key = |table: &Table| (table.oid, table.quoted.clone(), table.readable);
    let (old, new): (Vec<_>, Vec<_>) = (before.iter().map(key).collect(), after.iter().map(key).collect());
    let only = |these: &[(u32, String, bool)], those: &[(u32, String, bool)]| {
        let those: std::collections::HashSet<_> = those.iter().cloned().collect();
        these.iter().filter(|key| !those.contains(*key)).map(|key| key.1.clone()).collect::<Vec<_>>()
    };
    let mut changed = only(&old, &new);
    changed.extend(only(&new, &old));
    changed.dedup();
    changed
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
