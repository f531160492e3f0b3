//! Events.

use cadangkan_core::{Control, Result, ResultExt};
use cadangkan_mywire::{Connection, identifier};

use super::entries::{Entries, Made, Title};
use super::routines::around;
use super::shows::show;
use crate::catalog::{RowOf, Schema};
use crate::probe::Facts;

/// Adds all events.
pub(super) fn add(
    connection: &mut Connection,
    schema: &Schema,
    facts: &Facts,
    entries: &mut Entries,
    control: &Control<'_>,
) -> Result<()> {
    let sql = format!(
        "SELECT EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {}",
        schema.literal()
    );
    let mut names = Vec::new();
    connection.rows(&sql, control, |_, row| {
        let mut row = RowOf::new(row);
        let (of, name) = (row.text()?, row.text()?);
        if schema.is(&of) {
            names.push(name);
        }
        Ok(())
    })?;
    names.sort();
    for name in names {
        let sql = format!("SHOW CREATE EVENT {}", identifier(&name));
        // Event, sql_mode, time_zone, Create Event, character_set_client, collation_connection, Database Collation.
        let mut shown = show(connection, &sql, control).context("event", &name)?;
        shown.skip();
        let (sql_mode, time_zone) = (Some(shown.text()?), Some(shown.text()?));
        let definition = shown.bytes().context("event", &name)?;
        let (client, collation) = (shown.text()?, shown.text()?);
        let (before, after) = around(&shown.text()?, facts);
        let after = format!("{after}SET time_zone = '+00:00';\n");
        let title = Title { kind: "EVENT", name: &name, table: None };
        entries.add_made(
            &title,
            &Made { sql_mode, time_zone, client, collation },
            (&before, &after),
            &definition,
        );
    }
    Ok(())
}
