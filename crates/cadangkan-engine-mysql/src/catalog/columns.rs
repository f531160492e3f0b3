use std::collections::HashMap;

use cadangkan_core::{Control, Result};
use cadangkan_mywire::Connection;

use super::{RowOf, Schema, Table};

/// A column that has values of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: String,
    /// The type's name in lower case, without lengths: `varchar`.
    pub(crate) kind: String,
    /// The type as it stands in the definition.
    pub(crate) full_kind: String,
    /// The character set of its texts.
    pub(crate) charset: Option<String>,
    /// Whether this user may read it.
    pub(crate) readable: bool,
}

/// A primary key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key {
    /// Its first column.
    pub(crate) first: String,
}

/// The columns of a system-versioned table that the server fills with a row's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// Since when a row is.
    pub(crate) start: String,
    /// Until when a row was.
    pub(crate) end: String,
    /// Whether they hold numbers of transactions instead of times.
    pub(crate) of_transactions: bool,
}

/// Reads the columns of all tables.
pub(super) fn read(
    connection: &mut Connection,
    schema: &Schema,
    tables: &mut [Table],
    places: &HashMap<String, usize>,
    control: &Control<'_>,
) -> Result<()> {
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE,
           CHARACTER_SET_NAME, PRIVILEGES, LEFT(GENERATION_EXPRESSION, 9)
         FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {}",
        schema.literal()
    );
    let mut found: Vec<Vec<(u64, Column)>> = vec![Vec::new(); tables.len()];
    connection.rows(&sql, control, |_, row| {
        let mut row = RowOf::new(row);
        let (of, table) = (row.text()?, row.text()?);
        let Some(place) = places.get(&table).copied().filter(|_| schema.is(&of)) else { return Ok(()) };
        let (position, name) = (row.number()?.unwrap_or_default(), row.text()?);
        let (kind, full_kind, charset) = (row.text()?, row.text()?, row.next()?);
        let readable = row.next()?.unwrap_or_default().to_ascii_lowercase().contains("select");
        let column = Column { name, kind: kind.to_ascii_lowercase(), full_kind, charset, readable };
        match (row.next()?.as_deref(), tables.get_mut(place), found.get_mut(place)) {
            (None | Some(""), _, Some(columns)) => columns.push((position, column)),
            (Some("ROW START"), Some(table), _) => period(table, &column.kind).start = column.name,
            (Some("ROW END"), Some(table), _) => period(table, &column.kind).end = column.name,
            _ => {}
        }
        Ok(())
    })?;
    for (table, mut columns) in tables.iter_mut().zip(found) {
        columns.sort_by_key(|(position, _)| *position);
        table.columns = columns.into_iter().map(|(_, column)| column).collect();
    }
    Ok(())
}

fn period<'a>(table: &'a mut Table, kind: &str) -> &'a mut Period {
    let of_transactions = kind == "bigint";
    table.period.get_or_insert(Period { start: String::new(), end: String::new(), of_transactions })
}

/// Reads the primary keys of all tables.
pub(super) fn read_keys(
    connection: &mut Connection,
    schema: &Schema,
    tables: &mut [Table],
    places: &HashMap<String, usize>,
    control: &Control<'_>,
) -> Result<()> {
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS
          WHERE TABLE_SCHEMA = {} AND INDEX_NAME = 'PRIMARY' AND SEQ_IN_INDEX = 1",
        schema.literal()
    );
    connection.rows(&sql, control, |_, row| {
        let mut row = RowOf::new(row);
        let (of, table, first) = (row.text()?, row.text()?, row.next()?);
        let table = places.get(&table).filter(|_| schema.is(&of)).and_then(|place| tables.get_mut(*place));
        if let (Some(table), Some(first)) = (table, first) {
            table.key = Some(Key { first });
        }
        Ok(())
    })?;
    Ok(())
}
