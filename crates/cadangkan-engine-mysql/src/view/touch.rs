//! Using tables within a snapshot, so that nobody alters them until it ends.

use cadangkan_core::{Control, ErrorKind, Result, ResultExt};
use cadangkan_mywire::Connection;

use crate::catalog::{Relations, Schema, Table};
use crate::session::is;

/// What came of touching everything.
pub(super) enum Touched {
    /// All of them are held, but for those that this user may not read.
    All(Vec<String>),
    /// This one was altered or dropped since the snapshot was taken.
    Altered(String),
}

/// Uses a table, and holds it with that. A row is read of it, since the server finds only then that its definition is
/// newer than the snapshot.
pub(super) fn touch(connection: &mut Connection, table: &Table, control: &Control<'_>) -> Result<()> {
    let sql = format!("SELECT{} 1 FROM {} LIMIT 1", table.priority(), table.quoted);
    connection.rows(&sql, control, |_, _| Ok(()))?;
    Ok(())
}

/// Uses the tables and sequences of a database that are meant by their name.
pub(super) fn all(
    connection: &mut Connection,
    schema: &Schema,
    relations: &Relations,
    is_meant: impl Fn(&str) -> bool,
    control: &Control<'_>,
) -> Result<Touched> {
    let mut denied = Vec::new();
    let tables = relations.tables.iter();
    let tables = tables.map(|table| (table.name.name.clone(), table.has_rows(), table.priority()));
    let sequences = relations.sequences.iter().map(|name| (name.clone(), true, ""));
    for (name, has_rows, priority) in tables.chain(sequences).filter(|(name, ..)| is_meant(name)) {
        // What lies on other servers is opened, and not asked.
        let limit = if has_rows { 1 } else { 0 };
        let sql = format!("SELECT{priority} 1 FROM {} LIMIT {limit}", schema.qualified(&name));
        match connection.rows(&sql, control, |_, _| Ok(())) {
            Ok(_) => {}
            Err(error) if is(&error, &[1142, 1143, 1044, 1370]) => denied.push(name),
            Err(error) if is(&error, &[1412, 1146, 1051]) => return Ok(Touched::Altered(name)),
            Err(error) if is(&error, &[1205]) => {
                let error = error.with_kind(ErrorKind::Timeout).retryable();
                return Err(error
                    .context("table", name)
                    .hint("another session alters or locks the table: wait for it, or raise lock_timeout"));
            }
            Err(error) => return Err(error).context("table", name),
        }
    }
    Ok(Touched::All(denied))
}
