//! One consistent view of databases over several connections.

mod begin;
mod locks;
mod moment;
mod others;
mod part;
mod position;
mod touch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt, Selection};
use cadangkan_mywire::{Connection, Target, Version};
use serde_json::{Map, Value, json};

use crate::catalog::{self, Relations, Schema, Table};
use crate::session::is;
use locks::Locked;
use moment::Moment;
use part::Part;

/// One database as it was at the moment of the snapshots, one for each connection.
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
    width: usize,
    locked: Option<Locked>,
    moment: Arc<Moment>,
}

/// Databases that are seen as they were at one moment, one after the other.
pub(crate) struct Views {
    moment: Arc<Moment>,
    databases: Vec<String>,
    /// What was found of each, until it is opened.
    parts: Mutex<Vec<Option<Part>>>,
}

/// What a view is asked to show.
pub(crate) struct Asked<'a> {
    /// The server.
    pub(crate) target: &'a Target,
    /// The databases, and what is meant of each.
    pub(crate) databases: &'a [(&'a str, &'a Selection)],
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

impl Views {
    /// Opens a view of each database. What is committed before this returns is seen; what is committed later is not.
    ///
    /// What is wrong with one database fails [`Views::open`] of that one.
    pub(crate) fn begin(asked: &Asked<'_>, control: &Control<'_>) -> Result<Self> {
        begin::begin(asked, control)
    }

    /// The databases in the order in which they are to be opened: first those that keep writers waiting.
    pub(crate) fn databases(&self) -> &[String] {
        &self.databases
    }

    fn new(moment: Moment, parts: Vec<Part>) -> Self {
        Views {
            moment: Arc::new(moment),
            databases: parts.iter().map(|part| part.schema.name.clone()).collect(),
            parts: Mutex::new(parts.into_iter().map(Some).collect()),
        }
    }

    /// What was found of a database, which is given out once.
    fn part(&self, number: usize) -> Option<Part> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number)?.take()
    }

    /// Turns to one of the databases; what is held of those before it is let go of.
    pub(crate) fn open(&self, database: &str, control: &Control<'_>) -> Result<View> {
        let number = self.databases.iter().position(|name| name == database);
        let found = number.and_then(|number| Some((number, self.part(number)?)));
        let (number, mut part) = found.ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the snapshot has no such database, or had it already")
                .context("database", database)
        })?;
        let locked = part.is_locked.then(|| {
            let merged = part.merged().filter(|_| part.are_merged_locked);
            let tables = part.without_transactions().chain(merged).map(|table| table.name.clone());
            Locked::new(self.moment.locker.clone(), tables.collect())
        });
        self.moment.enter(number, &part.schema, control)?;
        self.moment.coordinate(|connection| part.hold_the_rest(connection, control))?;
        self.moment.watch(|connection| part.check_others(connection, control))?;
        let Part { schema, found, denied, warnings, .. } = part;
        let mut relations = found?;
        self.moment.coordinate(|connection| {
            catalog::describe(connection, &schema, &mut relations.tables, control)
        })?;
        Ok(View {
            version: self.moment.version.clone(),
            schema,
            relations,
            position: self.moment.position.clone(),
            warnings,
            denied,
            width: self.moment.width(),
            locked,
            moment: self.moment.clone(),
        })
    }
}

impl View {
    /// Opens a view of the one database that is asked for.
    pub(crate) fn begin(asked: &Asked<'_>, control: &Control<'_>) -> Result<Self> {
        let views = Views::begin(asked, control)?;
        let name = asked.databases.first().map(|(name, _)| *name).unwrap_or_default();
        views.open(name, control)
    }

    /// How many connections read at once.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Does something on the coordinator's connection.
    pub(crate) fn coordinate<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        self.moment.coordinate(work)
    }

    /// Does something on a connection that sees the view.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let Some(mut connection) = self.moment.take() else { return self.coordinate(work) };
        let result = work(&mut connection);
        self.moment.give_back(connection);
        result
    }

    /// Reads one of the view's tables on a connection that sees the view.
    ///
    /// Who waits to alter a table lets nobody pass who has not used it yet, and itself waits for the coordinator: a
    /// connection that queued behind it would wait for the end of the dump. So it is not waited for, and such a table
    /// is read by the coordinator. Who flushes all tables lets nobody open one that is locked: it is read by the
    /// connection that has locked it.
    pub(crate) fn read_table<T>(
        &self,
        table: &Table,
        control: &Control<'_>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let Some(mut connection) = self.moment.take() else { return self.coordinate(work) };
        let result = match touch::touch(&mut connection, table, control) {
            Err(error) if is(&error, &[1205]) => {
                self.moment.give_back(connection);
                let locked = self.locked.as_ref().filter(|locked| locked.has(&table.name));
                return match locked.map(Locked::hold).as_deref_mut().and_then(Option::as_mut) {
                    Some(locker) => locker.read(&self.schema, control, work),
                    None => self.coordinate(work),
                };
            }
            Err(error) => Err(error).context("table", &table.name),
            Ok(()) => work(&mut connection),
        };
        self.moment.give_back(connection);
        result
    }

    /// Says of how many units tables without transactions consist.
    pub(crate) fn expect_locked(&self, units: usize) {
        self.locked.iter().for_each(|locked| locked.expect(units));
    }

    /// Takes note that one of these units was read; after the last one writers may go on.
    pub(crate) fn locked_unit_is_done(&self) {
        self.locked.iter().for_each(Locked::unit_is_done);
    }

    /// Makes sure that the view held to the end, and lets go of it; says what was measured meanwhile.
    pub(crate) fn end(self, control: &Control<'_>) -> Result<Map<String, Value>> {
        self.moment.check(control)?;
        self.moment.leave(control)?;
        let locked = self.locked.as_ref().and_then(Locked::milliseconds);
        Ok(locked.map(|time| ("tables_locked_ms".to_owned(), json!(time))).into_iter().collect())
    }
}
