//! Triggers, in the order in which they fire.

use cadangkan_core::{Control, ObjectName, Result, ResultExt, Selection};
use cadangkan_mywire::{Connection, identifier};

use super::entries::{Entries, Made, Title};
use super::routines::around;
use super::shows::show;
use crate::catalog::{RowOf, Schema};
use crate::probe::Facts;
use crate::script::Tokens;

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
        let definition = of_any_database(&definition, schema.lowers.then_some(&table));
        let made = Made { sql_mode, client: shown.text()?, collation: shown.text()?, ..Made::default() };
        let (before, after) = around(&shown.text()?, facts);
        let title = Title { kind: "TRIGGER", name: &name, table: Some(&table) };
        entries.add_made(&title, &made, (&before, &after), &definition);
    }
    Ok(())
}

/// Takes the name of the database out of the head of a trigger, which the server keeps as it was written: the restored
/// database may be called otherwise. Writes the name of the table as the catalogs have it where `lowered` is that: a
/// server that minds no case keeps what was written, and another one may mind.
fn of_any_database(definition: &[u8], lowered: Option<&String>) -> Vec<u8> {
    let mut head = Vec::new();
    let mut tokens = Tokens::new(definition);
    while let Some(token) = tokens.next() {
        let is_on = token.is("ON");
        head.push(token);
        if is_on {
            // A name, a dot and a name.
            head.extend(tokens.by_ref().take(3));
            break;
        }
    }
    let place = |word: &str| head.iter().position(|token| token.is(word));
    let (Some(trigger), Some(on)) = (place("TRIGGER"), place("ON")) else { return definition.to_vec() };
    let exists = if head.get(trigger + 1).is_some_and(|token| token.is("IF")) { 3 } else { 0 };
    let (mut out, mut copied) = (Vec::with_capacity(definition.len()), 0);
    let mut copy_until = |end: usize, go_on: usize, instead: &[u8]| {
        out.extend_from_slice(definition.get(copied..end).unwrap_or_default());
        out.extend_from_slice(instead);
        copied = go_on;
    };
    for at in [trigger + 1 + exists, on + 1] {
        let is_qualified = head.get(at + 1).is_some_and(|token| token.is_char(b'.'));
        let name = head.get(if is_qualified { at + 2 } else { at });
        let (Some(first), Some(name)) = (head.get(at), name) else { break };
        copy_until(first.begin, name.begin, b"");
        let is_it = |table: &&String| table.is_ascii() && name.name().eq_ignore_ascii_case(table);
        if let Some(table) = lowered.filter(|_| at == on + 1).filter(is_it) {
            copy_until(name.begin, name.end, identifier(table).as_bytes());
        }
    }
    copy_until(definition.len(), definition.len(), b"");
    out
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
                "CREATE DEFINER=`On`@`%` TRIGGER `on` AFTER UPDATE ON `shop` FOR EACH ROW SET @a = 1",
            ),
            (
                "CREATE TRIGGER a BEFORE INSERT ON other FOR EACH ROW SET @a = 1",
                "CREATE TRIGGER a BEFORE INSERT ON other FOR EACH ROW SET @a = 1",
            ),
            ("CREATE TRIGGER a", "CREATE TRIGGER a"),
        ] {
            let lowered = of_any_database(before.as_bytes(), Some(&"shop".to_owned()));
            assert_eq!(String::from_utf8(lowered).unwrap(), after);
        }
    }

    #[test]
    fn a_trigger_does_not_name_its_database() {
        for (before, after) in [
            (
                "CREATE TRIGGER d.a BEFORE INSERT ON d . Shop FOR EACH ROW INSERT INTO d.u VALUES (1)",
                "CREATE TRIGGER a BEFORE INSERT ON Shop FOR EACH ROW INSERT INTO d.u VALUES (1)",
            ),
            (
                "CREATE DEFINER=`a`@`%` TRIGGER IF NOT EXISTS `d``x`.`on` /* d. */ AFTER UPDATE ON `t.`",
                "CREATE DEFINER=`a`@`%` TRIGGER IF NOT EXISTS `on` /* d. */ AFTER UPDATE ON `t.`",
            ),
            ("CREATE TRIGGER d.", "CREATE TRIGGER d."),
        ] {
            assert_eq!(String::from_utf8(of_any_database(before.as_bytes(), None)).unwrap(), after);
        }
    }
}
