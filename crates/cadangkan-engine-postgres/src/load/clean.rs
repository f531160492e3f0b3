//! Drops what the backup defines and the target has.

use std::collections::BTreeSet;

use cadangkan_core::{Control, Level, Result};
use cadangkan_pgwire::{Connection, literal};

use super::entries::title;
use super::look::{code, column};
use super::plan::quoted;
use super::statement::explain;
use crate::catalog::Row;
use crate::script::{Entry, QualifiedName};

/// What stays where it is: other things may be in it, and it is made only where it is missing.
const CONTAINERS: &[&str] = &["SCHEMA", "EXTENSION"];

/// What is dropped for a selection of tables; what they share with others stays. A column's default goes before the
/// sequence that it uses.
const RELATIONS: &[&str] = &["DEFAULT", "TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE", "SEQUENCE"];

/// What is not part of a table, and comes behind the rows.
const LATE: &[&str] = &["PUBLICATION", "SUBSCRIPTION", "EVENT TRIGGER"];

/// Drops what the entries define, last first, in one transaction and without CASCADE: what is not in the backup is
/// never dropped, and when it is in the way nothing is.
pub(super) fn drop_all(
    connection: &mut Connection,
    entries: &[Entry],
    of_tables: bool,
    control: &Control<'_>,
) -> Result<()> {
    let is_dropped = |entry: &&Entry| {
        let kind = entry.header.kind.as_str();
        if of_tables { RELATIONS.contains(&kind) } else { !CONTAINERS.contains(&kind) }
    };
    let held = connection.in_transaction();
    if !held {
        connection.execute("BEGIN", control)?;
    }
    let dropped = empty_extensions(connection, entries, of_tables, control)
        .and_then(|()| drop_foreign_keys(connection, entries, control))
        .and_then(|()| drop_event_triggers(connection, entries.iter().filter(is_dropped), control))
        .and_then(|()| {
            drop_in_rounds(connection, entries.iter().rev().filter(is_dropped).collect(), control)
        });
    if held {
        return dropped;
    }
    // The error that matters is the first one.
    let ended = connection.execute(if dropped.is_ok() { "COMMIT" } else { "ROLLBACK" }, control);
    dropped?;
    ended.map(drop)
}

/// Deletes the rows that are the user's from tables of extensions, which stay: the backup brings its own.
fn empty_extensions(
    connection: &mut Connection,
    entries: &[Entry],
    of_tables: bool,
    control: &Control<'_>,
) -> Result<()> {
    let extensions = entries.iter().filter(|entry| entry.header.kind == "EXTENSION");
    let names: Vec<_> = extensions.filter_map(Entry::defines).map(|name| literal(&name.name)).collect();
    if of_tables || names.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT pg_catalog.format('DELETE FROM ONLY %s %s', c.oid::pg_catalog.regclass, t.condition)
           FROM pg_catalog.pg_extension e
           CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(e.extconfig), pg_catalog.unnest(e.extcondition)) AS t (oid, condition)
           JOIN pg_catalog.pg_class c ON c.oid = t.oid AND c.relkind = 'r'
          WHERE e.extname IN ({})",
        names.join(", ")
    );
    for statement in column(connection, &sql, control)? {
        connection.execute(&statement, control).map_err(|error| explain(error, "rows", &statement))?;
    }
    Ok(())
}

/// Drops entries in their order. What something still depends on is tried again when the others are gone: a function
/// of triggers, policies or indexes may stand behind their table, since pg_dump makes those last.
///
/// # Errors
/// When a round drops nothing more, the error of the first that is in the way.
fn drop_in_rounds(connection: &mut Connection, mut left: Vec<&Entry>, control: &Control<'_>) -> Result<()> {
    let mut emptied = false;
    loop {
        let (mut later, mut first) = (Vec::new(), None);
        for entry in &left {
            let dropped = apart(connection, control, |connection| {
                drop_each(connection, std::iter::once(*entry), control)
            })?;
            match dropped {
                Ok(()) => {}
                Err(error) if code(&error) == Some("2BP01") => {
                    later.push(*entry);
                    first = first.or(Some(error));
                }
                Err(error) => return Err(error),
            }
        }
        match first {
            None => return Ok(()),
            Some(error) if later.len() == left.len() && emptied => return Err(error),
            Some(_) if later.len() == left.len() => {
                emptied = true;
                empty_views(connection, &left, control)?;
            }
            Some(_) => left = later,
        }
    }
}

/// Takes views back to what stands before the rows. Of a view that a function needs which it calls itself, that is a
/// placeholder (`createDummyViewAsClause` in pg_dump.c), which needs nothing.
fn empty_views(connection: &mut Connection, entries: &[&Entry], control: &Control<'_>) -> Result<()> {
    for entry in entries.iter().filter(|entry| entry.header.kind == "VIEW") {
        let definition = entry.statements.first().and_then(|text| text.strip_prefix("CREATE VIEW"));
        if let Some(definition) = definition {
            let replace = format!("CREATE OR REPLACE VIEW{definition}");
            // Where it cannot be, the view stays in the way and is named.
            let _ = apart(connection, control, |connection| connection.execute(&replace, control))?;
        }
    }
    Ok(())
}

/// Does something that may fail without taking the transaction along.
fn apart<T>(
    connection: &mut Connection,
    control: &Control<'_>,
    work: impl FnOnce(&mut Connection) -> Result<T>,
) -> Result<Result<T>> {
    connection.execute("SAVEPOINT apart", control)?;
    let result = work(connection);
    if connection.is_broken() {
        return result.map(Ok);
    }
    let back = if result.is_ok() { "" } else { "ROLLBACK TO SAVEPOINT apart; " };
    connection.execute(&format!("{back}RELEASE SAVEPOINT apart"), control)?;
    Ok(result)
}

/// Drops what comes behind the rows and belongs to no table.
pub(super) fn drop_late(connection: &mut Connection, entries: &[Entry], control: &Control<'_>) -> Result<()> {
    let late = entries.iter().filter(|entry| LATE.contains(&entry.header.kind.as_str()));
    drop_each(connection, late, control)
}

fn drop_each<'a>(
    connection: &mut Connection,
    mut entries: impl Iterator<Item = &'a Entry>,
    control: &Control<'_>,
) -> Result<()> {
    entries.try_for_each(|entry| {
        let Some(statement) = unlink_statement(entry).or_else(|| entry.drop_statement()) else {
            return Ok(());
        };
        let cascade = if is_alone_with_its_functions(connection, entry, control)? { " CASCADE" } else { "" };
        let statement = statement + cascade;
        connection.execute(&statement, control).map_err(|error| explain(error, &title(entry), &statement))?;
        Ok(())
    })
}

/// Tells whether an entry makes a base type on which nothing depends but the functions that read and write it. Those
/// and the type depend on each other, so neither can be dropped alone (manual, CREATE TYPE, Base Types).
fn is_alone_with_its_functions(
    connection: &mut Connection,
    entry: &Entry,
    control: &Control<'_>,
) -> Result<bool> {
    let Some(name) = entry.defines().filter(|_| entry.header.kind == "TYPE") else { return Ok(false) };
    let sql = format!(
        "SELECT true FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
          WHERE n.nspname = {} AND t.typname = {} AND t.typtype = 'b'
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid IN (t.oid, t.typarray)
                    AND d.deptype <> 'i'
                    AND NOT (d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                             AND d.objid IN (t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout,
                                             t.typanalyze)))",
        literal(name.schema.as_deref().unwrap_or_default()),
        literal(&name.name)
    );
    Ok(!connection.query(&sql, control)?.is_empty())
}

/// Drops event triggers that run functions which are dropped. Those of the backup come back behind the rows; what else
/// there is, is said.
fn drop_event_triggers<'a>(
    connection: &mut Connection,
    entries: impl Iterator<Item = &'a Entry>,
    control: &Control<'_>,
) -> Result<()> {
    let functions: BTreeSet<_> =
        entries.filter(|entry| entry.header.kind == "FUNCTION").filter_map(Entry::defines).collect();
    let sql =
        "SELECT pg_catalog.quote_ident(e.evtname), n.nspname, p.proname FROM pg_catalog.pg_event_trigger e
                 JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
                 JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace";
    for row in connection.query(sql, control)? {
        let mut row = Row(row.into_iter());
        let (trigger, schema, function) = (row.text()?, row.text()?, row.text()?);
        if functions.contains(&QualifiedName::of(schema, function)) {
            let statement = format!("DROP EVENT TRIGGER {trigger}");
            connection.execute(&statement, control).map_err(|error| explain(error, &trigger, &statement))?;
            let text = format!(
                "the event trigger {trigger} was dropped with its function; it comes back if the backup has it"
            );
            control.message(Level::Warning, &text);
        }
    }
    Ok(())
}

/// The statement that removes the large objects of an entry that are there; none for other entries.
fn unlink_statement(entry: &Entry) -> Option<String> {
    if !matches!(entry.header.kind.as_str(), "BLOB" | "BLOB METADATA") {
        return None;
    }
    let number = |statement: &String| -> Option<u32> {
        let (_, rest) = statement.split_once("lo_create('")?;
        rest.split_once('\'')?.0.parse().ok()
    };
    let numbers: Vec<_> =
        entry.statements.iter().filter_map(number).map(|number| number.to_string()).collect();
    (!numbers.is_empty()).then(|| {
        format!(
            "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid IN ({})",
            numbers.join(", ")
        )
    })
}

/// Drops foreign keys between tables that are dropped: in whatever order that is, one of them would be in the way.
fn drop_foreign_keys(connection: &mut Connection, entries: &[Entry], control: &Control<'_>) -> Result<()> {
    let tables: Vec<_> = entries
        .iter()
        .filter(|entry| entry.header.kind == "TABLE")
        .filter_map(|entry| {
            Some(format!("pg_catalog.to_regclass({})", literal(&quoted(&entry.defines()?.object()))))
        })
        .collect();
    if tables.is_empty() {
        return Ok(());
    }
    let set =
        format!("(SELECT t FROM pg_catalog.unnest(ARRAY[{}]) AS t WHERE t IS NOT NULL)", tables.join(", "));
    let sql = format!(
        "SELECT pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::pg_catalog.regclass, c.conname)
           FROM pg_catalog.pg_constraint c
          WHERE c.contype = 'f' AND c.conparentid = 0 AND c.conrelid IN {set} AND c.confrelid IN {set}"
    );
    for statement in column(connection, &sql, control)? {
        connection
            .execute(&statement, control)
            .map_err(|error| explain(error, "foreign keys", &statement))?;
    }
    Ok(())
}
