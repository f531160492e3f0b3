use cadangkan_core::{Control, Error, ErrorKind, Result, Selection};
use cadangkan_mywire::Connection;

use super::others::Others;
use super::touch::{self, Touched};
use crate::catalog::{self, Relations, Schema, States, Table};

/// One database, as it was found when the view began.
pub(super) struct Part {
    pub(super) schema: Schema,
    selection: Selection,
    /// What there is of that, without columns; why not, where that could not be found out.
    pub(super) found: Result<Relations>,
    /// Its views, routines, triggers and events, where it has to wait for its turn.
    others: Option<Others>,
    /// Whether all its tables are held since the view began.
    is_held: bool,
    /// Names of tables that this user may not read.
    pub(super) denied: Vec<String>,
    /// What a person should know.
    pub(super) warnings: Vec<String>,
    /// Whether tables of it are locked until they are read.
    pub(super) is_locked: bool,
    /// Whether those that are made of others are locked, too.
    pub(super) are_merged_locked: bool,
}

impl Part {
    /// Looks what there is.
    pub(super) fn list(
        connection: &mut Connection,
        schema: Schema,
        selection: &Selection,
        control: &Control<'_>,
    ) -> Result<Part> {
        let found = catalog::relations(connection, &schema, selection, control)
            .and_then(|found| catalog::check_names(&found, selection).map(|()| found));
        let found = keep(found, connection)?;
        Ok(Part {
            schema,
            selection: selection.clone(),
            found,
            others: None,
            is_held: false,
            denied: Vec::new(),
            warnings: Vec::new(),
            is_locked: false,
            are_merged_locked: false,
        })
    }

    /// The tables that have no snapshot, and whose rows are meant.
    pub(super) fn without_transactions(&self) -> impl Iterator<Item = &Table> {
        let tables = self.found.iter().flat_map(|found| &found.tables);
        tables
            .filter(|table| !table.transactional && table.has_rows() && self.selection.has_rows(&table.name))
    }

    /// The tables that are made of others, which have no transactions.
    pub(super) fn merged(&self) -> impl Iterator<Item = &Table> {
        self.found.iter().flat_map(|found| &found.tables).filter(|table| table.is_merged())
    }

    /// How many tables and sequences it has.
    pub(super) fn tables(&self) -> usize {
        self.found.as_ref().map_or(0, |found| found.tables.len() + found.sequences.len())
    }

    /// Uses every table, so that nobody alters them, or where not all are to be held only those whose change would not
    /// show later. Takes note of everything else by a connection that sees what is now; names what changed since it was
    /// looked at.
    pub(super) fn hold(
        &mut self,
        connection: &mut Connection,
        watcher: Option<&mut Connection>,
        all: bool,
        control: &Control<'_>,
    ) -> Result<Option<String>> {
        let Ok(found) = &self.found else { return Ok(None) };
        let held = (|| {
            let now = States::of(connection, &self.schema, &self.selection, control)?;
            if let Some(name) = found.states.difference(&now) {
                return Ok(Touched::Altered(name));
            }
            let is_held = |name: &str| all || !now.is_settled(name);
            let touched = touch::all(connection, &self.schema, found, is_held, control)?;
            if let Some(watcher) = watcher {
                self.others = Some(Others::of(watcher, &self.schema, all, control)?);
            }
            Ok(touched)
        })();
        self.is_held = all;
        match keep(held, connection)? {
            Ok(Touched::All(denied)) => self.denied = denied,
            Ok(Touched::Altered(name)) => return Ok(Some(name)),
            Err(error) => self.found = Err(error),
        }
        Ok(None)
    }

    /// Uses every table that is not held yet, now that it is the turn of this database; fails when something was made,
    /// altered or dropped since the view began.
    pub(super) fn hold_the_rest(&mut self, connection: &mut Connection, control: &Control<'_>) -> Result<()> {
        let Ok(found) = &self.found else { return Ok(()) };
        if self.is_held {
            return Ok(());
        }
        match touch::all(connection, &self.schema, found, |_| true, control)? {
            Touched::All(denied) => self.denied = denied,
            Touched::Altered(name) => return Err(altered(&name)),
        }
        let now = States::of(connection, &self.schema, &self.selection, control)?;
        found.states.difference(&now).map_or(Ok(()), |name| Err(altered(&name)))
    }

    /// Fails when views, routines, triggers or events are not what they were.
    pub(super) fn check_others(&self, connection: &mut Connection, control: &Control<'_>) -> Result<()> {
        let Some(others) = &self.others else { return Ok(()) };
        match others.difference(&Others::of(connection, &self.schema, self.is_held, control)?) {
            None => Ok(()),
            Some(changed) => Err(altered(&changed)),
        }
    }
}

fn altered(what: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "definitions were changed after the snapshot, before it was the turn of this database",
    )
    .context("changed", what)
    .hint("back up this database again: --databases takes its name")
}

/// What is wrong with one database alone is kept for its turn; a connection that is lost, or a request to stop, is not.
fn keep<T>(result: Result<T>, connection: &Connection) -> Result<Result<T>> {
    match result {
        Err(error) if connection.is_broken() || error.kind() == ErrorKind::Cancelled => Err(error),
        result => Ok(result),
    }
}
