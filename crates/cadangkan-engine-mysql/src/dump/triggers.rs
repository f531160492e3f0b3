//! Triggers, in the order in which they fire.

use cadangkan_core::{Control, ObjectName, Result, ResultExt, Selection};
use cadangkan_mywire::{Connection, identifier};

use super::entries::{Entries, Made, Title};
use super::routines::around;
use super::shows::show;
use crate::catalog::{RowOf, Schema};
use crate::probe::Facts;

/// Adds the triggers of the tables that are meant.
pub(super) fn add(
    connection: &mut Connection,
    schema: &Schema,
    selection: &Selection,
    facts: &Facts,
    entries: &mut Entries,
    control: &Control<'_>,
) -> Result<()> {
    let sql = format!(
        "SELECT TRIGGER_SCHEMA, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER, TRIGGER_NAME
           FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {}",
        schema.literal()
    );
    let mut found = Vec::new();
    connection.rows(&sql, control, |_, row| {
        let mut row = RowOf::new(row);
        let (of, table, timing, event) = (row.text()?, row.text()?, row.text()?, row.text()?);
        let (place, name) = (row.number()?.unwrap_or_default(), row.text()?);
        if schema.is(&of) && selection.has_table(&ObjectName::new(table.clone())) {
            found.push((table, timing, event, place, name));
        }
        Ok(())
    })?;
    found.sort();
    for (table, _, _, _, name) in found {
        let sql = format!("SHOW CREATE TRIGGER {}", identifier(&name));
        // Trigger, sql_mode, SQL Original Statement, character_set_client, collation_connection, Database Collation.
        let mut shown = show(connection, &sql, control).context("trigger", &name)?;
        shown.skip();
        let sql_mode = Some(shown.text()?);
        let definition = shown.bytes().context("trigger", &name)?;
        let made = Made { sql_mode, client: shown.text()?, collation: shown.text()?, ..Made::default() };
        let (before, after) = around(&shown.text()?, facts);
        let title = Title { kind: "TRIGGER", name: &name, table: Some(&table) };
        entries.add_made(&title, &made, (&before, &after), &definition);
    }
    Ok(())
}
