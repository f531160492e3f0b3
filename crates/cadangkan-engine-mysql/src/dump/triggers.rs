//! Triggers, in the order in which they fire.

use cadangkan_core::{Control, ObjectName, Result, ResultExt, Selection};
use cadangkan_mywire::{Connection, identifier};

use super::entries::{Entries, Made, Title};
use super::routines::around;
use super::shows::show;
use crate::catalog::{RowOf, Schema};
use crate::probe::Facts;
use crate::script::{Token, Tokens};

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
        let mut definition = shown.bytes().context("trigger", &name)?;
        if schema.lowers {
            definition = on_table(definition, &table);
        }
        let made = Made { sql_mode, client: shown.text()?, collation: shown.text()?, ..Made::default() };
        let (before, after) = around(&shown.text()?, facts);
        let title = Title { kind: "TRIGGER", name: &name, table: Some(&table) };
        entries.add_made(&title, &made, (&before, &after), &definition);
    }
    Ok(())
}

/// Writes the table's name as the catalogs have it, where the server minds no case: another one may.
fn on_table(definition: Vec<u8>, table: &str) -> Vec<u8> {
    let mut tokens = Tokens::new(&definition).skip_while(|token| !token.is("TRIGGER"));
    if !tokens.by_ref().any(|token| token.is("ON")) {
        return definition;
    }
    // Behind the name of its database, or alone.
    let (mut place, mut rest) = (tokens.next(), tokens);
    if rest.next().is_some_and(|token| token.is_char(b'.')) {
        place = rest.next();
    }
    let is_it = |token: &Token<'_>| table.is_ascii() && token.name().eq_ignore_ascii_case(table);
    let Some(token) = place.filter(is_it) else { return definition };
    let (before, behind) = (definition.get(..token.begin), definition.get(token.end..));
    [before.unwrap_or_default(), identifier(table).as_bytes(), behind.unwrap_or_default()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_names_its_table_as_it_is_called() {
        for (before, after) in [
            (
                "CREATE TRIGGER a BEFORE INSERT ON Shop FOR EACH ROW SET @a = 'ON Shop'",
                "CREATE TRIGGER a BEFORE INSERT ON `shop` FOR EACH ROW SET @a = 'ON Shop'",
            ),
            (
                "CREATE DEFINER=`On`@`%` TRIGGER `on` AFTER UPDATE ON `D`.`SHOP` FOR EACH ROW SET @a = 1",
                "CREATE DEFINER=`On`@`%` TRIGGER `on` AFTER UPDATE ON `D`.`shop` FOR EACH ROW SET @a = 1",
            ),
            (
                "CREATE TRIGGER a BEFORE INSERT ON other FOR EACH ROW SET @a = 1",
                "CREATE TRIGGER a BEFORE INSERT ON other FOR EACH ROW SET @a = 1",
            ),
            ("CREATE TRIGGER a", "CREATE TRIGGER a"),
        ] {
            assert_eq!(String::from_utf8(on_table(before.into(), "shop")).unwrap(), after);
        }
    }
}
