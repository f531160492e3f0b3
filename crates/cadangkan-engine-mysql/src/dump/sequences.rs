//! Sequences of MariaDB: their definitions, and where they are.

use cadangkan_core::{Control, Result, ResultExt};
use cadangkan_mywire::{Connection, identifier};

use super::entries::{Entries, Title};
use super::own_name::without;
use super::shows::show;
use crate::catalog::{Schema, one_row};

/// Writes the definitions.
pub(super) fn definitions(
    connection: &mut Connection,
    schema: &Schema,
    names: &[String],
    control: &Control<'_>,
) -> Result<Vec<Vec<u8>>> {
    let mut entries = Entries::default();
    for name in names {
        let sql = format!("SHOW CREATE SEQUENCE {}", identifier(name));
        let mut shown = show(connection, &sql, control).context("sequence", name)?;
        shown.skip();
        let mut definition = without(&shown.bytes()?, &schema.name);
        definition.extend_from_slice(b";\n");
        entries.add(&Title { kind: "SEQUENCE", name, table: None }, &definition);
    }
    Ok(entries.finish())
}

/// Writes the statements that set them.
///
/// Sequences are outside of transactions: their values are read after the snapshot was taken, so they are never behind
/// the rows.
pub(super) fn values(
    connection: &mut Connection,
    names: &[String],
    control: &Control<'_>,
) -> Result<Vec<Vec<u8>>> {
    let mut entries = Entries::default();
    for name in names {
        let quoted = identifier(name);
        let sql = format!("SELECT next_not_cached_value, cycle_count FROM {quoted}");
        let mut row = one_row(connection, &sql, control).context("sequence", name)?;
        let (next, round) = (row.text()?, row.text()?);
        let statements = format!(
            "SET character_set_client = utf8mb4, sql_mode = 'NO_AUTO_VALUE_ON_ZERO';\nDO SETVAL({quoted}, {}, 0, {});\n",
            number(&next),
            number(&round)
        );
        entries.add(&Title { kind: "SEQUENCE VALUE", name, table: None }, statements.as_bytes());
    }
    Ok(entries.finish())
}

fn number(text: &str) -> String {
    text.chars().filter(|character| character.is_ascii_digit() || *character == '-').collect()
}
