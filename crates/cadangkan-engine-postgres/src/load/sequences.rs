use cadangkan_core::{Control, ObjectName, Result, Selection};
use cadangkan_pgwire::{Connection, literal};

use super::plan::quoted;
use crate::catalog::Row;
use crate::script::Entry;

/// Keeps the values of those sequences that belong to selected tables of the target, or match themselves.
pub(super) fn of_selection(
    connection: &mut Connection,
    entries: Vec<Entry>,
    selection: &Selection,
    control: &Control<'_>,
) -> Result<Vec<Entry>> {
    if !selection.is_of_tables() {
        return Ok(entries);
    }
    let mut kept = Vec::new();
    for entry in entries {
        let Some(sequence) = entry.table().map(|sequence| sequence.object()) else { continue };
        let sql = format!(
            "SELECT n.nspname, t.relname FROM pg_catalog.pg_depend d
               JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
               JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
              WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = d.classid
                AND d.objid = pg_catalog.to_regclass({}) AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')",
            literal(&quoted(&sequence))
        );
        let owner = match connection.query(&sql, control)?.into_iter().next() {
            None => sequence,
            Some(row) => {
                let mut row = Row(row.into_iter());
                ObjectName { database: None, schema: row.next(), name: row.text()? }
            }
        };
        if selection.has_table(&owner) {
            kept.push(entry);
        }
    }
    Ok(kept)
}
