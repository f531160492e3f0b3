//! Keeps autovacuum away from tables that are being filled.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use cadangkan_core::{Control, Result};
use cadangkan_pgwire::{Connection, identifier};

use super::jobs::Weights;
use super::pool::Pool;
use crate::script::{FOREIGN_KEY_STAGE, Job, QualifiedName};

/// Tables locked on a connection of their own, against autovacuum and against nothing that fills them.
///
/// It would read and write once more what was just written, and whatever needs a table alone would wait a second for
/// it to give way (`deadlock_timeout`). It passes over tables whose lock it cannot have at once, and SHARE UPDATE
/// EXCLUSIVE is in the way of VACUUM and ANALYZE, not of COPY (manual, "Table-Level Locks"). Nothing is to be put back:
/// the lock ends with the connection. Where it cannot be had, loading is slower, nothing else.
#[derive(Default)]
pub(super) struct Guard(Mutex<Option<Held>>);

struct Held {
    connection: Connection,
    /// All tables that are filled.
    filled: BTreeSet<QualifiedName>,
    /// Those that are locked.
    locked: Vec<QualifiedName>,
}

/// Bytes of rows from which on a table is locked: smaller ones are soon done.
const WORTH_IT: u64 = 8 << 20;

/// So many tables are locked at most; the server has room for 64 locks a connection by default.
const AT_MOST: usize = 32;

impl Guard {
    /// Locks the large ones of the tables that are filled; none of them when one cannot be had.
    pub(super) fn hold(pool: &Pool, filled: &Weights, control: &Control<'_>) -> Guard {
        let mut large: Vec<_> = filled.iter().filter(|(_, bytes)| **bytes >= WORTH_IT).collect();
        large.sort_by_key(|(_, bytes)| Reverse(**bytes));
        let locked: Vec<_> = large.into_iter().take(AT_MOST).map(|(table, _)| table.clone()).collect();
        if locked.is_empty() {
            return Guard::default();
        }
        let hold = || -> Result<Held> {
            let connection = pool.open_beside(control)?;
            let mut held = Held { connection, filled: filled.keys().cloned().collect(), locked };
            held.lock(control)?;
            Ok(held)
        };
        Guard(Mutex::new(hold().ok()))
    }

    /// Lets go of the tables that a job locks, or of all where it may lock more than it names.
    pub(super) fn give_way(&self, job: &Job, control: &Control<'_>) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = guard.as_mut() else { return };
        // Tables that are not filled themselves stand for others: partitioned ones. Later jobs do not name all.
        let names_all = job.stage <= FOREIGN_KEY_STAGE && job.tables().next().is_some();
        if !names_all || !job.tables().all(|table| held.filled.contains(table)) {
            *guard = None;
            return;
        }
        let before = held.locked.len();
        held.locked.retain(|table| !job.tables().any(|other| other == table));
        if held.locked.len() < before && (held.locked.is_empty() || held.lock(control).is_err()) {
            *guard = None;
        }
    }

    /// Lets go of all tables.
    pub(super) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Held {
    /// Lets go of what was locked before, and locks what is left.
    fn lock(&mut self, control: &Control<'_>) -> Result<()> {
        let quoted = |table: &QualifiedName| {
            let parts: Vec<_> =
                table.schema.iter().chain([&table.name]).map(|part| identifier(part)).collect();
            format!("ONLY {}", parts.join("."))
        };
        let names: Vec<_> = self.locked.iter().map(quoted).collect();
        let mode = "IN SHARE UPDATE EXCLUSIVE MODE";
        self.connection
            .execute(&format!("ROLLBACK; BEGIN; LOCK TABLE {} {mode}", names.join(", ")), control)?;
        Ok(())
    }
}
