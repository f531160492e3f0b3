//! Definitions, as the server gives them.

use cadangkan_core::{Control, Error, ErrorKind, Frame, Result, Selection};
use cadangkan_engine::{FrameSink, Unit};
use cadangkan_mywire::{Connection, Flavor};

use super::entries::{Entries, Title};
use super::own_name::without;
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
    pub(super) post_data: Vec<Vec<u8>>,
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
        control: &Control<'_>,
    ) -> Result<Self> {
        let mut definitions = Definitions {
            header: vec![header(connection, schema, facts, selection)],
            sequences: Vec::new(),
            post_data: Vec::new(),
            denied: Vec::new(),
            warnings: Vec::new(),
        };
        if selection.data_only {
            return Ok(definitions);
        }
        definitions.sequences = sequences::definitions(connection, schema, &relations.sequences, control)?;
        let mut entries = Entries::default();
        // What belongs to no table is left out where tables are named.
        let everything = selection.tables.is_empty();
        let mut functions = std::collections::BTreeMap::new();
        if everything {
            let found = routines::add(connection, schema, facts, &mut entries, control)?;
            definitions.denied.extend(found.denied);
            functions = found.functions;
        }
        let views = views::add(connection, schema, relations, &functions, &mut entries, control)?;
        definitions.denied.extend(views.denied);
        definitions.warnings = views.warnings;
        triggers::add(connection, schema, selection, facts, &mut entries, control)?;
        if everything {
            events::add(connection, schema, facts, &mut entries, control)?;
        }
        definitions.post_data = entries.finish();
        Ok(definitions)
    }
}

/// The settings of the session, and of the database.
fn header(connection: &Connection, schema: &Schema, facts: &Facts, selection: &Selection) -> Vec<u8> {
    let saved: Vec<_> = variables(connection).map(|name| format!("@cadangkan_{name} = @@{name}")).collect();
    let mut text = format!(
        "-- Cadangkan\n-- of database {}, {}\n\nSET {};\nSET NAMES utf8mb4;\n\
         SET time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0, unique_checks = 0, \
         sql_notes = 0;\n",
        schema.name.escape_debug(),
        connection.version(),
        saved.join(", ")
    );
    if connection.version().flavor == Flavor::MariaDb {
        // Rows that broke a rule that came later, and rows of the past, are restored as they were.
        text.push_str(
            "SET check_constraint_checks = 0 /*M!101100 , system_versioning_insert_history = 1 */;\n",
        );
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
    let back: Vec<_> = variables(connection).map(|name| format!("{name} = @cadangkan_{name}")).collect();
    let mut text = format!("SET {};\n", back.join(", "));
    if connection.version().flavor == Flavor::MariaDb {
        text.push_str(
            "SET check_constraint_checks = DEFAULT /*M!101100 , system_versioning_insert_history = DEFAULT */;\n",
        );
    }
    text.into_bytes()
}

fn variables(_: &Connection) -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().copied()
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
