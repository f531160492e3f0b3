//! Definitions, as the server gives them.

use std::sync::Arc;

use cadangkan_core::{Control, Error, ErrorKind, Frame, Result, Selection};
use cadangkan_engine::{FrameSink, Unit};
use cadangkan_mywire::{Connection, Flavor, identifier};

use super::deferred::Deferred;
use super::entries::{Entries, Title};
use super::own_name::without;
use super::rest::Part;
use super::shows::show;
use super::{events, routines, sequences, triggers, views};
use crate::catalog::{Relations, Schema, Table};
use crate::probe::Facts;

/// Variables of the session that the script sets, and puts back at its end.
const VARIABLES: &[&str] = &[
    "character_set_client",
    "character_set_results",
    "collation_connection",
    "time_zone",
    "sql_mode",
    "foreign_key_checks",
    "unique_checks",
    "sql_notes",
];

/// The definitions of one dump but for those of tables, which are read when it is their turn.
pub(super) struct Definitions {
    pub(super) header: Vec<Vec<u8>>,
    pub(super) sequences: Vec<Vec<u8>>,
    pub(super) deferred: Arc<Deferred>,
    /// What this user may not see.
    pub(super) denied: Vec<String>,
    /// What a person should know of them.
    pub(super) warnings: Vec<String>,
}

impl Definitions {
    /// Reads everything that is not a table.
    pub(super) fn begin(
        connection: &mut Connection,
        schema: &Schema,
        relations: &Relations,
        selection: &Selection,
        facts: &Facts,
        part: Option<&Part>,
        control: &Control<'_>,
    ) -> Result<Self> {
        let mut definitions = Definitions {
            header: vec![header(connection, schema, facts, selection, part)],
            sequences: Vec::new(),
            deferred: Arc::default(),
            denied: Vec::new(),
            warnings: Vec::new(),
        };
        if selection.data_only {
            return Ok(definitions);
        }
        definitions.sequences = sequences::definitions(connection, schema, &relations.sequences, control)?;
        let mut deferred = Deferred::default();
        // What belongs to no table is left out where tables are named.
        let everything = selection.tables.is_empty();
        if everything {
            let found = routines::add(connection, schema, facts, &mut deferred.routines, control)?;
            definitions.denied.extend(found.denied);
            deferred.functions = found.functions;
        }
        let views = views::read(connection, schema, relations, &deferred.functions, control)?;
        definitions.denied.extend(views.denied);
        definitions.warnings = views.warnings;
        deferred.views = views.views;
        triggers::add(connection, schema, selection, facts, &mut deferred.others, control)?;
        if everything {
            events::add(connection, schema, facts, &mut deferred.others, control)?;
        }
        definitions.deferred = Arc::new(deferred);
        Ok(definitions)
    }
}

/// The settings of the session, and of the database. Of several parts only the first keeps the settings that were, and
/// each makes its database and turns to it.
fn header(
    connection: &Connection,
    schema: &Schema,
    facts: &Facts,
    selection: &Selection,
    part: Option<&Part>,
) -> Vec<u8> {
    let saved: Vec<_> = VARIABLES.iter().map(|name| format!("@cadangkan_{name} = @@{name}")).collect();
    let keep = if part.is_none_or(|part| part.is_first) {
        format!("SET {};\n", saved.join(", "))
    } else {
        String::new()
    };
    let mut text = format!(
        "-- Cadangkan\n-- of database {}, {}\n\n{keep}SET NAMES utf8mb4;\n\
         SET time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0, unique_checks = 0, \
         sql_notes = 0;\n",
        schema.name.escape_debug(),
        connection.version()
    );
    if connection.version().flavor == Flavor::MariaDb {
        // Rows that broke a rule that came later, and rows of the past, are restored as they were.
        text.push_str(
            "SET check_constraint_checks = 0 /*M!101100 , system_versioning_insert_history = 1 */;\n",
        );
    }
    if part.is_some() {
        let name = identifier(&schema.name);
        if !selection.data_only {
            text.push_str(&format!(
                "CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET {} COLLATE {};\n",
                facts.charset, facts.collation
            ));
        }
        text.push_str(&format!("USE {name};\n"));
    }
    text.push('\n');
    if !selection.data_only && !selection.is_of_tables() {
        text.push_str(&Title { kind: "DATABASE", name: &schema.name, table: None }.line());
        text.push_str(&format!(
            "ALTER DATABASE CHARACTER SET {} COLLATE {};\n\n",
            facts.charset, facts.collation
        ));
    }
    text.into_bytes()
}

/// Puts the settings of the session back.
pub(super) fn trailer(connection: &Connection) -> Vec<u8> {
    let back: Vec<_> = VARIABLES.iter().map(|name| format!("{name} = @cadangkan_{name}")).collect();
    let mut text = format!("SET {};\n", back.join(", "));
    if connection.version().flavor == Flavor::MariaDb {
        text.push_str(
            "SET check_constraint_checks = DEFAULT /*M!101100 , system_versioning_insert_history = DEFAULT */;\n",
        );
    }
    text.into_bytes()
}

/// Reads the definition of a table.
pub(super) fn table(
    connection: &mut Connection,
    schema: &Schema,
    table: &Table,
    control: &Control<'_>,
) -> Result<Vec<u8>> {
    let mut shown = show(connection, &format!("SHOW CREATE TABLE {}", table.quoted), control)?;
    shown.skip();
    let mut definition = without(&shown.bytes()?, &schema.name);
    if !definition.starts_with(b"CREATE ") {
        return Err(Error::new(ErrorKind::Conflict, "a table has become something else")
            .hint("back up when the change of definitions is over")
            .retryable());
    }
    definition.extend_from_slice(b";\n");
    let mut entries = Entries::default();
    entries.add(&Title { kind: "TABLE", name: &table.name.name, table: None }, &definition);
    Ok(entries.finish().concat())
}

/// Sends texts as frames, numbered from `first_part`.
pub(super) fn send(unit: &Unit, first_part: u64, texts: &[Vec<u8>], sink: &dyn FrameSink) -> Result<()> {
    for (part, text) in (first_part..).zip(texts) {
        let mut data = sink.buffer(text.len())?;
        data.extend_from_slice(text);
        sink.send(Frame { section: unit.section, object: unit.object.clone(), part, rows: 0, data })?;
    }
    Ok(())
}
