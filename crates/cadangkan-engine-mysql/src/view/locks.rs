//! Locks: for the moment of the snapshot, and on tables that have none.

use std::thread::sleep;
use std::time::{Duration, Instant};

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt};
use cadangkan_mywire::{Connection, Flavor};

use super::Asked;
use crate::catalog::{Relations, Table};
use crate::session::{is, open};

/// How long others may queue behind us while we wait for a lock on everything, in seconds.
const PATIENCE: u64 = 10;

/// How long others may go on between two such waits.
const BREATH: Duration = Duration::from_millis(500);

/// A warning names so many tables.
const SHOWN: usize = 20;

/// The errors of a server that say that the user may not: by privilege, and as managed servers word it.
const MAY_NOT: &[u16] = &[1227, 1045, 1044, 1142];

/// The time in which writers are held up.
pub(super) struct Pause(Instant);

impl Pause {
    /// How long it has lasted.
    pub(super) fn milliseconds(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
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

/// Locks the tables whose engines have no transactions, on a connection of its own; they would not be those of the
/// moment otherwise.
pub(super) fn lock_tables(
    asked: &Asked<'_>,
    relations: &Relations,
    warnings: &mut Vec<String>,
    control: &Control<'_>,
) -> Result<Option<Connection>> {
    let tables: Vec<&Table> = without_transactions(relations, asked).collect();
    if tables.is_empty() {
        return Ok(None);
    }
    let names: Vec<_> = tables.iter().map(|table| table.name.to_string()).collect();
    let mut locker = open(asked.target, control)?;
    set_wait(&mut locker, PATIENCE.min(asked.lock_timeout.as_secs().max(1)), control)?;
    let list: Vec<_> = tables.iter().map(|table| format!("{} READ", table.quoted)).collect();
    match locker.execute(format!("LOCK TABLES {}", list.join(", ")), control) {
        Ok(_) => {
            warnings.push(format!(
                "tables of engines without transactions were locked against writing while they were read: {}",
                some(&names)
            ));
            Ok(Some(locker))
        }
        Err(error) if is(&error, MAY_NOT) || is(&error, &[1143]) => {
            warnings.push(format!(
                "tables of engines without transactions could not be locked (LOCK TABLES is not granted), so they are read as they are when their turn comes: {}",
                some(&names)
            ));
            Ok(None)
        }
        Err(error) => Err(error).context("during", "locking tables of engines without transactions"),
    }
}

fn without_transactions<'a>(
    relations: &'a Relations,
    asked: &'a Asked<'_>,
) -> impl Iterator<Item = &'a Table> {
    relations
        .tables
        .iter()
        .filter(|table| !table.transactional && table.has_rows() && asked.selection.has_rows(&table.name))
}

/// Names the tables whose engines have no transactions.
pub(super) fn names_without_transactions(relations: &Relations) -> Vec<String> {
    let tables = relations.tables.iter().filter(|table| !table.transactional && table.has_rows());
    tables.map(|table| table.name.to_string()).collect()
}

/// Names a few of many.
pub(super) fn some(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
