use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt};
use cadangkan_mywire::{Connection, Version, identifier};
use serde_json::{Map, Value};

use super::locks::Locker;
use crate::catalog::Schema;

/// What a connection that reads has used since this is let go of when it turns to another database.
pub(super) const BASE: &str = "SAVEPOINT cadangkan";

/// Connections whose snapshots show the same moment.
///
/// Tables are held by having been used (manual, "Metadata Locking"), and let go of by going back to a savepoint before
/// that. The coordinator uses those of the last database first, each behind a savepoint of its own, so that the
/// databases can be let go of in order.
pub(super) struct Moment {
    pub(super) version: Version,
    /// Where in the server's history it is.
    pub(super) position: Map<String, Value>,
    /// Holds locks on tables without transactions.
    pub(super) locker: Arc<Mutex<Option<Locker>>>,
    coordinator: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    /// Sees what is now, where several databases wait for their turn.
    watcher: Option<Mutex<Connection>>,
    /// The number of the database that is being read, and that of the next that can be.
    place: Mutex<(Option<usize>, usize)>,
}

/// The statement before the coordinator uses the tables of a database.
pub(super) fn savepoint(number: usize) -> String {
    format!("SAVEPOINT cadangkan_{number}")
}

impl Moment {
    pub(super) fn new(
        coordinator: Connection,
        readers: Vec<Connection>,
        watcher: Option<Connection>,
        position: Map<String, Value>,
        locker: Option<Locker>,
    ) -> Self {
        Moment {
            version: coordinator.version().clone(),
            position,
            locker: Arc::new(Mutex::new(locker)),
            coordinator: Mutex::new(coordinator),
            readers: Mutex::new(readers),
            watcher: watcher.map(Mutex::new),
            place: Mutex::new((None, 0)),
        }
    }

    /// How many connections read at once: fewer when some were lost with a database before.
    pub(super) fn width(&self) -> usize {
        lock(&self.readers).len().max(1)
    }

    /// Does something on the coordinator's connection.
    pub(super) fn coordinate<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        work(&mut lock(&self.coordinator))
    }

    /// Does something on the connection that sees what is now.
    pub(super) fn watch(&self, work: impl FnOnce(&mut Connection) -> Result<()>) -> Result<()> {
        self.watcher.as_ref().map_or(Ok(()), |watcher| work(&mut lock(watcher)))
    }

    /// A connection that reads; none when all are busy, or only the coordinator reads.
    pub(super) fn take(&self) -> Option<Connection> {
        lock(&self.readers).pop()
    }

    /// Takes a connection back, unless it is lost, and its snapshot with it.
    pub(super) fn give_back(&self, connection: Connection) {
        if !connection.is_broken() && connection.in_transaction() {
            lock(&self.readers).push(connection);
        }
    }

    /// Turns all connections to a database.
    pub(super) fn enter(&self, number: usize, schema: &Schema, control: &Control<'_>) -> Result<()> {
        self.leave(control)?;
        let mut place = lock(&self.place);
        if number < place.1 {
            return Err(Error::new(ErrorKind::Internal, "the database was let go of already")
                .context("database", &schema.name));
        }
        let use_it = format!("USE {}", identifier(&schema.name));
        let mut coordinator = lock(&self.coordinator);
        if number > place.1 {
            // Those that were passed over.
            run(&mut coordinator, &format!("ROLLBACK TO {}", savepoint(number - 1)), control)?;
        }
        run(&mut coordinator, &use_it, control).context("database", &schema.name)?;
        lock(&self.readers).retain_mut(|reader| reader.execute(&use_it, control).is_ok());
        *place = (Some(number), number);
        Ok(())
    }

    /// Makes sure that all snapshots are still there.
    pub(super) fn check(&self, control: &Control<'_>) -> Result<()> {
        let check = |connection: &mut Connection| -> Result<()> {
            connection.query("SELECT 1", control).context("during", "the end of the snapshot")?;
            if connection.in_transaction() {
                return Ok(());
            }
            Err(Error::new(ErrorKind::Internal, "the snapshot ended before the dump did")
                .hint("back up again; if it happens again, look into the server's log"))
        };
        check(&mut lock(&self.coordinator))?;
        lock(&self.readers).iter_mut().try_for_each(check)
    }

    /// Lets go of the database that was read.
    pub(super) fn leave(&self, control: &Control<'_>) -> Result<()> {
        let mut place = lock(&self.place);
        let Some(number) = place.0.take() else { return Ok(()) };
        place.1 = number + 1;
        run(&mut lock(&self.coordinator), &format!("ROLLBACK TO {}", savepoint(number)), control)?;
        // Another one that is lost only leaves fewer.
        lock(&self.readers)
            .retain_mut(|reader| reader.execute(format!("ROLLBACK TO {BASE}"), control).is_ok());
        Ok(())
    }
}

/// Runs a statement on the coordinator's connection, and says what it means when that is gone.
fn run(coordinator: &mut Connection, sql: &str, control: &Control<'_>) -> Result<()> {
    match coordinator.execute(sql, control) {
        Err(error) if coordinator.is_broken() => {
            Err(Error::new(error.kind(), "the connection that held the snapshot is lost")
                .source(error)
                .hint("what is missing has to be backed up again"))
        }
        result => result.map(drop),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
