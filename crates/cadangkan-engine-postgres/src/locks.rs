//! The locks of a view, and the snapshot that is taken under them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result, Selection};
use cadangkan_pgwire::{Connection, server_error};

use crate::catalog::{self, Row, Table};

/// How often the list of tables is looked at again before the snapshot is taken.
const LOOKS: usize = 5;

/// So many tables are locked with one statement.
const AT_ONCE: usize = 500;

/// How the transaction of a view begins.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Locks the selected tables, then takes the snapshot; returns the tables that it shows, all of them locked.
///
/// LOCK TABLE takes no snapshot (manual, LOCK, Notes), so `looker`, another connection, finds out what there is to
/// lock. A table that is made between its last look and the snapshot is locked behind it, as `pg_dump` does with all,
/// and then must still be what the snapshot shows. When it is not, all begins again, until `patience` is over.
pub(crate) fn lock(
    connection: &mut Connection,
    looker: &mut Connection,
    selection: &Selection,
    patience: Duration,
    control: &Control<'_>,
) -> Result<Vec<Table>> {
    let began = Instant::now();
    loop {
        control.check()?;
        connection.execute(BEGIN, control)?;
        let changed = match try_lock(connection, looker, selection, control) {
            Ok(Ok(mut tables)) => {
                catalog::measure(connection, &mut tables, control)?;
                return Ok(tables);
            }
            Ok(Err(changed)) => changed.join(", "),
            // Who waits for us, and we for them, or the server had to choose.
            Err(error) if code(&error) == Some(DEADLOCK) => error.message().to_owned(),
            Err(error) if is_not_locked(&error) => {
                return Err(name_locked(error, connection, looker, selection, control));
            }
            Err(error) => return Err(error),
        };
        connection.execute("ROLLBACK", control)?;
        if began.elapsed() >= patience {
            return Err(Error::new(
                ErrorKind::Conflict,
                "tables were made, dropped or altered again and again as the backup began",
            )
            .context("tables", changed)
            .hint("back up when the change of definitions is over, or raise lock_timeout")
            .retryable());
        }
    }
}

/// Locks and looks once; names the tables that were not the same to the end.
fn try_lock(
    connection: &mut Connection,
    looker: &mut Connection,
    selection: &Selection,
    control: &Control<'_>,
) -> Result<Result<Vec<Table>, Vec<String>>> {
    let mut locked = HashSet::new();
    for _ in 0..LOOKS {
        let seen = catalog::tables(looker, selection, control)?;
        let new: Vec<_> = unlocked(&seen, &locked).collect();
        if new.is_empty() {
            break;
        }
        // What is locked stays so: who would drop or alter it waits, and the list comes to rest.
        locked.extend(lock_all(connection, &new, control)?);
    }
    let early = locked.clone();
    let shown = catalog::tables(connection, selection, control)?;
    let late: Vec<_> = unlocked(&shown, &locked).collect();
    locked.extend(lock_all(connection, &late, control)?);
    let gone: Vec<_> = unlocked(&shown, &locked).map(|table| table.quoted.clone()).collect();
    if !gone.is_empty() {
        return Ok(Err(gone));
    }
    // Those that this user may not read too: of one that is gone the server says the same.
    let unsure: Vec<_> = shown.iter().filter(|table| !early.contains(&key(table))).collect();
    let states = |connection: &mut Connection| catalog::states(connection, &unsure, control);
    if unsure.is_empty() || states(connection)? == states(looker)? {
        return Ok(Ok(shown));
    }
    Ok(Err(unsure.iter().map(|table| table.quoted.clone()).collect()))
}

/// A table as it was named when it was locked.
type Key = (u32, String);

fn key(table: &Table) -> Key {
    (table.oid, table.quoted.clone())
}

/// The tables that can be locked and are not yet: those that this user may not read are named later.
fn unlocked<'t>(tables: &'t [Table], locked: &HashSet<Key>) -> impl Iterator<Item = &'t Table> {
    tables.iter().filter(|table| table.readable && !locked.contains(&key(table)))
}

/// Locks tables; returns those that were still there.
fn lock_all(connection: &mut Connection, tables: &[&Table], control: &Control<'_>) -> Result<Vec<Key>> {
    let mut locked = Vec::new();
    let mut left: Vec<&[&Table]> = tables.chunks(AT_ONCE).collect();
    while let Some(tables) = left.pop() {
        let names: Vec<_> = tables.iter().map(|table| format!("ONLY {}", table.quoted)).collect();
        let lock = format!(
            "SAVEPOINT lock; LOCK TABLE {} IN ACCESS SHARE MODE; RELEASE SAVEPOINT lock",
            names.join(", ")
        );
        match connection.execute(&lock, control) {
            Ok(_) => locked.extend(tables.iter().map(|table| key(table))),
            Err(error) if is_gone(&error) => {
                connection.execute("ROLLBACK TO SAVEPOINT lock; RELEASE SAVEPOINT lock", control)?;
                // The statement locked none of them; which one is gone is found by halves.
                if tables.len() > 1 {
                    let (first, second) = tables.split_at(tables.len() / 2);
                    left.extend([first, second]);
                }
            }
            Err(error) => return Err(explain_lock(error)),
        }
    }
    Ok(locked)
}

fn explain_lock(error: Error) -> Error {
    match code(&error) {
        Some(NOT_LOCKED) => error.with_kind(ErrorKind::Timeout).retryable().hint(
            "another session holds a lock that nobody may read under, such as ALTER TABLE or VACUUM FULL: wait for it, or raise lock_timeout",
        ),
        Some("53200") => error.hint("the server has too little room for locks: raise max_locks_per_transaction"),
        _ => error,
    }
}

/// SQLSTATE lock_not_available: after lock_timeout, or at once with NOWAIT.
const NOT_LOCKED: &str = "55P03";

/// SQLSTATE deadlock_detected.
const DEADLOCK: &str = "40P01";

fn code(error: &Error) -> Option<&str> {
    server_error(error).map(|server| server.code.as_str())
}

/// Tells whether others hold or wait for a table.
pub(crate) fn is_not_locked(error: &Error) -> bool {
    code(error) == Some(NOT_LOCKED)
}

/// Tells whether a table was dropped, renamed or made anew as something else or for somebody else: no such table, no
/// such schema, an internal error about what is no longer there, no table, no privilege.
fn is_gone(error: &Error) -> bool {
    matches!(code(error), Some("42P01" | "3F000" | "XX000" | "42809" | "42501"))
}

/// Adds to an error which of the tables others hold or wait for, and who: the server does not say it.
fn name_locked(
    error: Error,
    connection: &mut Connection,
    looker: &mut Connection,
    selection: &Selection,
    control: &Control<'_>,
) -> Error {
    let mut look = || {
        connection.execute("ROLLBACK", control)?;
        looker.query(HELD, control)
    };
    let mut names = Vec::new();
    for row in look().unwrap_or_default() {
        let mut row = Row(row.into_iter());
        let (schema, name) = (row.next(), row.next().unwrap_or_default());
        let table = ObjectName { schema, ..ObjectName::new(name) };
        if selection.has_table(&table) {
            names.push(format!("{table} by process {}", row.next().unwrap_or_default()));
        }
    }
    // It may be free by now.
    if names.is_empty() { error } else { error.context("locked", names.join(", ")) }
}

const HELD: &str = "SELECT n.nspname, c.relname, l.pid FROM pg_catalog.pg_locks l
   JOIN pg_catalog.pg_class c ON c.oid = l.relation
   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND c.relkind IN ('r', 'p')
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  ORDER BY 1, 2, 3";
