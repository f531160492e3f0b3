//! What this user may read: found out before anything is dumped.

use std::collections::HashSet;

use cadangkan_core::{Control, Result, Selection};
use cadangkan_engine::DumpRequest;
use cadangkan_pgwire::Connection;

use super::units::Work;
use super::works;
use crate::catalog::{self, Row, Table, one_row};

/// What cannot be read, or would be read in part only.
#[derive(Debug, Default)]
pub(super) struct Unread {
    /// Names of tables, sequences and large objects without the privilege.
    pub(super) denied: Vec<String>,
    /// Names of tables whose row security hides rows.
    pub(super) filtered: Vec<String>,
}

/// Lists what a dump of these tables could not read whole.
pub(super) fn look(
    connection: &mut Connection,
    tables: &[Table],
    request: &DumpRequest,
    control: &Control<'_>,
) -> Result<Unread> {
    let selection = &request.selection;
    let mut unread = Unread::default();
    // Definitions need a lock on every table, which needs the privilege to read it, as in pg_dump.
    let rows: HashSet<usize> = works(tables, selection, 0)
        .into_iter()
        .filter_map(|work| if let Work::Rows { table, .. } = work { Some(table) } else { None })
        .collect();
    for (place, table) in tables.iter().enumerate() {
        let matters = rows.contains(&place) || !table.of_extension;
        if matters && !table.readable {
            unread.denied.push(format!("table {}", table.name));
        } else if rows.contains(&place) && table.row_security && !request.options.row_security {
            unread.filtered.push(table.name.to_string());
        }
    }
    if !selection.schema_only {
        for sequence in catalog::sequences(connection, selection, control)? {
            if !sequence.readable {
                unread.denied.push(format!("sequence {}", sequence.name));
            }
        }
        if !selection.is_of_tables() {
            for row in connection.query(LARGE_OBJECTS, control)? {
                unread.denied.push(format!("large object {}", Row(row.into_iter()).text()?));
            }
        }
    }
    Ok(unread)
}

/// The large objects that this user may not read (manual, Large Objects, and `lo_compat_privileges`).
const LARGE_OBJECTS: &str = "SELECT m.oid FROM pg_catalog.pg_largeobject_metadata m
  WHERE NOT pg_catalog.pg_has_role(m.lomowner, 'USAGE')
    AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
    AND pg_catalog.current_setting('lo_compat_privileges') = 'off'
    AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(m.lomacl) a
                     WHERE a.privilege_type = 'SELECT'
                       AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE')))
  ORDER BY 1";

/// Lists the tables and sequences that are not meant and may not be read, as patterns that `pg_dump` takes literally:
/// it would fail to lock them, and to read the values.
pub(super) fn hidden(
    connection: &mut Connection,
    selection: &Selection,
    control: &Control<'_>,
) -> Result<Vec<String>> {
    if !selection.is_of_tables() {
        return Ok(Vec::new());
    }
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let all = catalog::tables(connection, &Selection::default(), control)?;
    let tables = all.into_iter().filter(|table| !table.readable && !selection.has_table(&table.name));
    let meant: HashSet<_> = catalog::sequences(connection, selection, control)?
        .into_iter()
        .map(|sequence| sequence.name)
        .collect();
    let all = catalog::sequences(connection, &Selection::default(), control)?;
    let sequences = all.into_iter().filter(|sequence| !sequence.readable && !meant.contains(&sequence.name));
    let names = tables.map(|table| table.name).chain(sequences.map(|sequence| sequence.name));
    Ok(names
        .map(|name| format!("{}.{}", quote(name.schema.as_deref().unwrap_or_default()), quote(&name.name)))
        .collect())
}

/// How many damaged pages the server has met in this database; none where pages have no checksums.
pub(super) fn checksum_failures(connection: &mut Connection, control: &Control<'_>) -> Result<Option<u64>> {
    // Statistics are frozen at their first use within a transaction, before version 15 always.
    let sql = "SELECT checksum_failures FROM pg_catalog.pg_stat_database
                WHERE datname = pg_catalog.current_database() AND pg_catalog.pg_stat_clear_snapshot() IS NOT NULL";
    Ok(one_row(connection, sql, control)?.next().and_then(|text| text.parse().ok()))
}
