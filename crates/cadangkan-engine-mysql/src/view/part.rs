use cadangkan_core::{Control, Error, ErrorKind, Result, Selection};
use cadangkan_mywire::Connection;

use super::others::Others;
use super::touch::{self, Touched};
use crate::catalog::{self, Relations, Schema, Table};

/// One database, as it was found when the view began.
pub(super) struct Part {
    pub(super) schema: Schema,
    selection: Selection,
    /// What there is of that, without columns; why not, where that could not be found out.
    pub(super) found: Result<Relations>,
    /// Its views, routines and events, where it has to wait for its turn.
    others: Option<Others>,
    /// Names of tables that this user may not read.
    pub(super) denied: Vec<String>,
    /// What a person should know.
    pub(super) warnings: Vec<String>,
    /// Whether tables of it are locked until they are read.
    pub(super) is_locked: bool,
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
            denied: Vec::new(),
            warnings: Vec::new(),
            is_locked: false,
        })
    }

    /// The tables that have no snapshot, and whose rows are meant.
    pub(super) fn without_transactions(&self) -> impl Iterator<Item = &Table> {
        let tables = self.found.iter().flat_map(|found| &found.tables);
        tables
            .filter(|table| !table.transactional && table.has_rows() && self.selection.has_rows(&table.name))
    }

    /// Uses every table, so that nobody alters them, and takes note of everything else by a connection that sees what is
    /// now; names what changed since it was looked at.
    pub(super) fn hold(
        &mut self,
        connection: &mut Connection,
        watcher: Option<&mut Connection>,
        control: &Control<'_>,
    ) -> Result<Option<String>> {
        let Ok(found) = &self.found else { return Ok(None) };
        let held = (|| {
            let now = catalog::names(connection, &self.schema, &self.selection, control)?;
            if let Some((name, _)) = found.names().symmetric_difference(&now).next() {
                return Ok(Touched::Altered(name.clone()));
            }
            let touched = touch::all(connection, &self.schema, found, control)?;
            if let Some(watcher) = watcher {
                self.others = Some(Others::of(watcher, &self.schema, control)?);
            }
            Ok(touched)
        })();
        match keep(held, connection)? {
            Ok(Touched::All(denied)) => self.denied = denied,
            Ok(Touched::Altered(name)) => return Ok(Some(name)),
            Err(error) => self.found = Err(error),
        }
        Ok(None)
    }

    /// Fails when views, routines or events are not what they were.
    pub(super) fn check_others(&self, connection: &mut Connection, control: &Control<'_>) -> Result<()> {
        let Some(others) = &self.others else { return Ok(()) };
        match others.difference(&Others::of(connection, &self.schema, control)?) {
            None => Ok(()),
            Some(changed) => Err(Error::new(
                ErrorKind::Conflict,
                "definitions were changed after the snapshot, before it was the turn of this database",
            )
            .context("changed", changed)
            .hint("back up this database again: --databases takes its name")),
        }
    }
}

/// What is wrong with one database alone is kept for its turn; a connection that is lost, or a request to stop, is not.
fn keep<T>(result: Result<T>, connection: &Connection) -> Result<Result<T>> {
    match result {
        Err(error) if connection.is_broken() || error.kind() == ErrorKind::Cancelled => Err(error),
        result => Ok(result),
    }
}
