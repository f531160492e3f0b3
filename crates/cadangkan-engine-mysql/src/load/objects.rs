//! What is in a database, and how it is dropped.

use std::collections::HashSet;

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_mywire::{Connection, identifier, literal};

use super::marks::MARKER;
use super::statement::{define, explain};
use crate::script::Kind;

/// A thing that a user made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Object {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// The table of a trigger.
    pub(super) table: Option<String>,
}

impl Object {
    /// A table.
    pub(super) fn table(name: &str) -> Object {
        Object::new(Kind::Table, name.to_owned())
    }

    fn new(kind: Kind, name: String) -> Object {
        Object { kind, name, table: None }
    }

    /// Whether a definition would find its name taken by this. `lowers`: the server minds no case in names of tables; in
    /// those of routines and events none does.
    pub(super) fn is_in_the_way(&self, kind: Kind, name: &str, lowers: bool) -> bool {
        let of_tables = |kind| matches!(kind, Kind::Table | Kind::View | Kind::Sequence);
        let kinds = self.kind == kind || (of_tables(self.kind) && of_tables(kind));
        let minds_case = (of_tables(kind) || kind == Kind::Trigger) && !lowers;
        kinds && (self.name == name || (!minds_case && self.name.to_lowercase() == name.to_lowercase()))
    }

    /// As a person says it.
    pub(super) fn shown(&self) -> String {
        format!("{} {}", self.kind.word().to_lowercase(), self.name)
    }

    /// Drops it, if it is there.
    pub(super) fn drop_from(
        &self,
        connection: &mut Connection,
        database: &str,
        control: &Control<'_>,
    ) -> Result<()> {
        let statement = self.drop_statement(database);
        let explained = |error| explain(error, &self.shown(), statement.as_bytes());
        if self.kind != Kind::Package {
            define(connection, &statement, control).map_err(explained)?;
            return Ok(());
        }
        // The word is only known in this mode to servers before 11.
        connection.execute("SET @cadangkan_mode = @@sql_mode, SESSION sql_mode = ORACLE", control)?;
        let dropped = define(connection, &statement, control);
        connection.execute("SET SESSION sql_mode = @cadangkan_mode", control)?;
        dropped.map(drop).map_err(explained)
    }

    /// The statement that drops it.
    fn drop_statement(&self, database: &str) -> String {
        format!("DROP {} IF EXISTS {}.{}", self.kind.word(), identifier(database), identifier(&self.name))
    }

    /// What refers to others goes before them.
    fn turn(&self) -> u8 {
        match self.kind {
            Kind::Event => 0,
            Kind::Trigger => 1,
            Kind::View => 2,
            Kind::Table => 3,
            Kind::Sequence => 4,
            _ => 5,
        }
    }
}

/// Lists what is in a database, our own mark left out.
pub(super) fn list(
    connection: &mut Connection,
    database: &str,
    control: &Control<'_>,
) -> Result<Vec<Object>> {
    let mut found = Vec::new();
    for row in connection.query(&format!("SHOW FULL TABLES FROM {}", identifier(database)), control)? {
        let mut row = row.into_iter().flatten();
        let (Some(name), Some(kind)) = (row.next(), row.next()) else { continue };
        let kind = match kind.as_str() {
            "VIEW" | "SYSTEM VIEW" => Kind::View,
            "SEQUENCE" => Kind::Sequence,
            _ => Kind::Table,
        };
        if name != MARKER {
            found.push(Object::new(kind, name));
        }
    }
    let schema = literal(database);
    let sql = format!(
        "SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS
          WHERE EVENT_OBJECT_SCHEMA = {schema}"
    );
    for row in of_database(connection, &sql, database, control)? {
        let mut row = row.into_iter();
        let Some(name) = row.next() else { continue };
        found.push(Object { table: row.next(), ..Object::new(Kind::Trigger, name) });
    }
    let sql = format!(
        "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES
          WHERE ROUTINE_SCHEMA = {schema}"
    );
    for row in of_database(connection, &sql, database, control)? {
        let mut row = row.into_iter();
        let (Some(name), Some(kind)) = (row.next(), row.next()) else { continue };
        match kind.as_str() {
            "FUNCTION" => found.push(Object::new(Kind::Function, name)),
            "PROCEDURE" => found.push(Object::new(Kind::Procedure, name)),
            "PACKAGE" => found.push(Object::new(Kind::Package, name)),
            // A package goes with its body.
            _ => {}
        }
    }
    let sql = format!(
        "SELECT EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {schema}"
    );
    for row in of_database(connection, &sql, database, control)? {
        found.extend(row.into_iter().next().map(|name| Object::new(Kind::Event, name)));
    }
    Ok(found)
}

/// Runs a query whose first column is the database; gives the rows of that one alone, since some servers compare
/// names without regard to case.
fn of_database(
    connection: &mut Connection,
    sql: &str,
    database: &str,
    control: &Control<'_>,
) -> Result<Vec<Vec<String>>> {
    let rows = connection.query(sql, control)?;
    let rows = rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>());
    let exact: Vec<_> = rows.collect();
    let has_exact = exact.iter().any(|row| row.first().is_some_and(|schema| schema == database));
    let is_meant = |row: &Vec<String>| {
        let schema = row.first().map(String::as_str).unwrap_or_default();
        if has_exact { schema == database } else { schema.eq_ignore_ascii_case(database) }
    };
    Ok(exact.into_iter().filter(is_meant).map(|row| row.into_iter().skip(1).collect()).collect())
}

/// Drops whatever was made in a database since `before` was listed.
///
/// # Errors
/// Names what is left when something could not be dropped.
pub(super) fn sweep(
    connection: &mut Connection,
    database: &str,
    before: &HashSet<Object>,
    control: &Control<'_>,
) -> Result<()> {
    // Tables may refer to each other.
    connection.execute("SET SESSION foreign_key_checks = 0", control)?;
    // What could not be dropped in one round may be free in the next one.
    for _ in 0..2 {
        let mut new = since(connection, database, before, control)?;
        if new.is_empty() {
            return Ok(());
        }
        new.sort_by_key(Object::turn);
        for object in &new {
            // What fails is seen by the next look.
            let _ = object.drop_from(connection, database, control);
        }
    }
    let left = since(connection, database, before, control)?;
    if left.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = left.iter().take(5).map(Object::shown).collect();
    Err(Error::new(ErrorKind::Partial, "not all that the restore made could be removed")
        .context("left", names.join(", "))
        .context("count", left.len())
        .hint("drop what is left by hand, or the database as a whole"))
}

fn since(
    connection: &mut Connection,
    database: &str,
    before: &HashSet<Object>,
    control: &Control<'_>,
) -> Result<Vec<Object>> {
    let now = list(connection, database, control)?;
    Ok(now.into_iter().filter(|object| !before.contains(object)).collect())
}
