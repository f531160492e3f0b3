//! Locks: for the moment of the snapshot, and on tables that have none.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result, ResultExt, format_some};
use cadangkan_mywire::{Connection, Flavor, identifier};

use super::Asked;
use super::part::Part;
use crate::catalog::{Schema, Table};
use crate::session::{is, open};

/// How long others may queue behind us while we wait for a lock on everything, in seconds.
const PATIENCE: u64 = 10;

/// How long others may go on between two such waits.
const BREATH: Duration = Duration::from_millis(500);

/// A warning names so many tables.
pub(super) const SHOWN: usize = 20;

/// The errors of a server that say that the user may not: by privilege, and as managed servers word it.
const MAY_NOT: &[u16] = &[1227, 1045, 1044, 1142];

/// The time in which writers are held up.
pub(super) struct Pause(Instant);

impl Pause {
    /// How long it has lasted.
    pub(super) fn milliseconds(&self) -> u64 {
        milliseconds(self.0)
    }
}

/// How many seconds one wait for a lock on everything may last, and one for a lock on a table.
pub(super) fn wait_limit(lock_timeout: Duration) -> (u64, u64) {
    let all = lock_timeout.as_secs().max(1);
    (all.min(PATIENCE), all)
}

/// Sets how long a statement waits for a lock.
pub(super) fn set_wait(connection: &mut Connection, seconds: u64, control: &Control<'_>) -> Result<()> {
    let sql = format!("SET SESSION lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}");
    connection.execute(sql, control).context("during", "setting up the session")?;
    Ok(())
}

/// Keeps everybody from changing definitions, where server and user can (manual, "LOCK INSTANCE FOR BACKUP").
pub(super) fn hold_definitions(connection: &mut Connection, control: &Control<'_>) -> Result<bool> {
    let version = connection.version();
    if version.flavor != Flavor::MySql || version.number.0 < 8 {
        return Ok(false);
    }
    match connection.execute("LOCK INSTANCE FOR BACKUP", control) {
        Ok(_) => Ok(true),
        // What it would keep from happening is noticed later.
        Err(error) if is(&error, MAY_NOT) || is(&error, &[1205]) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Keeps everybody from writing until `UNLOCK TABLES`; `None` when this user may not. Each wait is short, and others
/// may go on between two.
pub(super) fn hold_writers(
    connection: &mut Connection,
    began: Instant,
    lock_timeout: Duration,
    control: &Control<'_>,
) -> Result<Option<Pause>> {
    loop {
        let pause = Pause(Instant::now());
        match connection.execute("FLUSH TABLES WITH READ LOCK", control) {
            Ok(_) => return Ok(Some(pause)),
            Err(error) if is(&error, MAY_NOT) => return Ok(None),
            Err(error) if is(&error, &[1205]) && began.elapsed() < lock_timeout => {}
            Err(error) if is(&error, &[1205]) => return Err(busy(error, connection, control)),
            Err(error) => return Err(error).context("during", "holding writers up for the snapshot"),
        }
        connection.execute("UNLOCK TABLES", control)?;
        breathe(control)?;
    }
}

fn breathe(control: &Control<'_>) -> Result<()> {
    let until = Instant::now() + BREATH;
    while Instant::now() < until {
        control.check()?;
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Says what has been running all the while.
fn busy(error: Error, connection: &mut Connection, control: &Control<'_>) -> Error {
    let sql = "SELECT CONCAT(ID, ' (', USER, ', ', TIME, ' s)') FROM information_schema.PROCESSLIST
       WHERE COMMAND = 'Query' AND ID <> CONNECTION_ID() ORDER BY TIME DESC LIMIT 5";
    let found = connection.query(sql, control).unwrap_or_default();
    let found: Vec<String> = found.into_iter().flatten().flatten().collect();
    let busy = Error::new(ErrorKind::Timeout, "writers could not be held up for the snapshot")
        .source(error)
        .retryable()
        .hint("statements that run for long, or somebody's lock, are in the way: wait for them, or raise lock_timeout");
    if found.is_empty() { busy } else { busy.context("running", found.join(", ")) }
}

/// Holds locks on tables without transactions of one or more databases until all of them are read.
pub(super) struct Locker {
    connection: Connection,
    since: Instant,
    /// How many databases are yet to be read.
    waiting: usize,
}

impl Locker {
    /// Reads one of the tables on the connection that has locked them, which has it open.
    pub(super) fn read<T>(
        &mut self,
        schema: &Schema,
        control: &Control<'_>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        self.connection.execute(format!("USE {}", identifier(&schema.name)), control)?;
        work(&mut self.connection)
    }
}

/// One database's tables without transactions, which are locked until they are read.
pub(super) struct Locked {
    locker: Arc<Mutex<Option<Locker>>>,
    /// Which those are: what lies in other tables has no rows to lock, and what is left out is not locked either.
    tables: BTreeSet<ObjectName>,
    units: AtomicUsize,
    /// How long they were locked, once they are read.
    milliseconds: OnceLock<u64>,
}

impl Locked {
    pub(super) fn new(locker: Arc<Mutex<Option<Locker>>>, tables: BTreeSet<ObjectName>) -> Self {
        Locked { locker, tables, units: AtomicUsize::new(0), milliseconds: OnceLock::new() }
    }

    /// Tells whether a table is one of them.
    pub(super) fn has(&self, table: &ObjectName) -> bool {
        self.tables.contains(table)
    }

    /// Says of how many units they consist.
    pub(super) fn expect(&self, units: usize) {
        self.units.store(units, Ordering::SeqCst);
        if units == 0 {
            self.are_read();
        }
    }

    /// Takes note that one unit was read.
    pub(super) fn unit_is_done(&self) {
        if self.units.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.are_read();
        }
    }

    /// The connection that has locked them, until all are read.
    pub(super) fn hold(&self) -> MutexGuard<'_, Option<Locker>> {
        self.locker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long they were locked, as far as this database is concerned.
    pub(super) fn milliseconds(&self) -> Option<u64> {
        self.milliseconds.get().copied()
    }

    /// After the last database the connection that holds the locks is closed.
    fn are_read(&self) {
        let mut locker = self.locker.lock().unwrap_or_else(PoisonError::into_inner);
        if self.milliseconds.get().is_some() {
            return;
        }
        let Some(held) = locker.as_mut() else { return };
        let _ = self.milliseconds.set(milliseconds(held.since));
        held.waiting = held.waiting.saturating_sub(1);
        if held.waiting == 0 {
            *locker = None;
        }
    }
}

/// One that failed keeps nobody waiting.
impl Drop for Locked {
    fn drop(&mut self) {
        self.are_read();
    }
}

/// Locks the tables whose engines have no transactions, on a connection of its own; they would not be those of the
/// moment otherwise.
pub(super) fn lock_tables(
    asked: &Asked<'_>,
    parts: &mut [Part],
    control: &Control<'_>,
) -> Result<Option<Locker>> {
    let tables: Vec<(&Part, &Table)> =
        parts.iter().flat_map(|part| part.without_transactions().map(move |table| (part, table))).collect();
    if tables.is_empty() {
        return Ok(None);
    }
    let mut connection = open(asked.target, control)?;
    set_wait(&mut connection, PATIENCE.min(asked.lock_timeout.as_secs().max(1)), control)?;
    let merged: Vec<(&Part, &Table)> =
        parts.iter().flat_map(|part| part.merged().map(move |table| (part, table))).collect();
    let list = |tables: &[(&Part, &Table)]| -> String {
        let locks =
            tables.iter().map(|(part, table)| format!("{} READ", part.schema.qualified(&table.name.name)));
        locks.collect::<Vec<_>>().join(", ")
    };
    // A table of others cannot be opened beside a lock on these while somebody flushes, so it is locked as well; not where one
    // of these is gone, or of another kind.
    let with_merged = format!("LOCK TABLES {}", list(&[&tables[..], &merged[..]].concat()));
    let are_merged_locked = !merged.is_empty() && connection.execute(with_merged, control).is_ok();
    let are_locked = match are_merged_locked {
        true => Ok(()),
        false => connection.execute(format!("LOCK TABLES {}", list(&tables)), control).map(drop),
    };
    let are_locked = match are_locked {
        Ok(()) => true,
        Err(error) if is(&error, MAY_NOT) || is(&error, &[1143]) => false,
        Err(error) => {
            return Err(error).context("during", "locking tables of engines without transactions");
        }
    };
    let since = Instant::now();
    let said = if are_locked {
        "tables of engines without transactions were locked against writing until they were read"
    } else {
        "tables of engines without transactions could not be locked (LOCK TABLES is not granted), so they are read as they are when their turn comes"
    };
    for part in parts.iter_mut() {
        let names: Vec<_> = part.without_transactions().map(|table| table.name.to_string()).collect();
        if !names.is_empty() {
            part.warnings.push(format!("{said}: {}", format_some(&names, SHOWN)));
            (part.is_locked, part.are_merged_locked) = (are_locked, are_merged_locked);
        }
    }
    let waiting = parts.iter().filter(|part| part.is_locked).count();
    Ok(are_locked.then_some(Locker { connection, since, waiting }))
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
