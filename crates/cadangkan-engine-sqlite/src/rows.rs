//! The canonical form of a row, from which fingerprints are made.
//!
//! A row is its values in the order of the table's columns. Each value is one tag byte and its bytes: 0 for NULL, 1
//! and the integer as 8 bytes, 2 and the bits of the real number as 8 bytes (so that -0.0 stays apart from 0.0), 3
//! for text in UTF-8 whatever the file's encoding, 4 for a blob; text and blob have their length before them. All
//! numbers are big-endian.
//!
//! Generated columns follow from the others and are left out. So is a rowid that no column names: `VACUUM` gives new
//! ones, and two tables that differ in nothing else hold the same rows.

use std::path::Path;

use cadangkan_core::{Fingerprint, Result};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::errors::explain;
use crate::inspect::Table;

/// Reads all rows of a table and fingerprints them.
pub(crate) fn fingerprint_table(connection: &Connection, path: &Path, table: &Table) -> Result<Fingerprint> {
    fingerprint_rows(connection, &table.name)
        .map_err(|error| explain(error, "read the rows of a table", path).context("table", &table.name))
}

fn fingerprint_rows(connection: &Connection, table: &str) -> rusqlite::Result<Fingerprint> {
    let columns = columns(connection, table)?;
    let list: Vec<String> = columns.iter().map(|column| quote(column)).collect();
    let mut statement =
        connection.prepare(&format!("SELECT {} FROM main.{}", list.join(", "), quote(table)))?;
    let mut rows = statement.query([])?;
    let mut fingerprint = Fingerprint::default();
    let mut bytes = Vec::new();
    while let Some(row) = rows.next()? {
        bytes.clear();
        for column in 0..columns.len() {
            append_value(&mut bytes, row.get_ref(column)?);
        }
        fingerprint.add_row(&bytes);
    }
    Ok(fingerprint)
}

/// Names the columns of a table that hold content, in order.
///
/// Source: <https://sqlite.org/pragma.html#pragma_table_xinfo>; `hidden` is 2 or 3 for generated columns.
pub(crate) fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection
        .prepare("SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden = 0 ORDER BY cid")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.collect()
}

/// Writes a name so that a statement takes it to the letter.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn append_value(bytes: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => bytes.push(0),
        ValueRef::Integer(number) => {
            bytes.push(1);
            bytes.extend(number.to_be_bytes());
        }
        ValueRef::Real(number) => {
            bytes.push(2);
            bytes.extend(number.to_bits().to_be_bytes());
        }
        ValueRef::Text(text) => append_long(bytes, 3, text),
        ValueRef::Blob(blob) => append_long(bytes, 4, blob),
    }
}

fn append_long(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
    bytes.push(tag);
    bytes.extend((value.len() as u64).to_be_bytes());
    bytes.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(definition: &str) -> Fingerprint {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(definition).unwrap();
        fingerprint_rows(&connection, "t \"x").unwrap()
    }

    fn row(values: &str) -> Fingerprint {
        of(&format!("CREATE TABLE \"t \"\"x\"(a, b); INSERT INTO \"t \"\"x\" VALUES ({values})"))
    }

    #[test]
    fn values_of_different_types_differ() {
        let values = ["1, 2", "1.0, 2", "'1', 2", "x'31', 2", "NULL, 2", "'', 2", "x'', 2", "2, 1"];
        for (place, left) in values.iter().enumerate() {
            for (other, right) in values.iter().enumerate() {
                assert_eq!(row(left) == row(right), place == other, "{left} / {right}");
            }
        }
        assert_ne!(row("'ab', 'c'"), row("'a', 'bc'"));
        assert_ne!(row("0.0, 1"), row("-0.0, 1"));
    }

    #[test]
    fn storage_does_not_count() {
        let plain = of("CREATE TABLE \"t \"\"x\"(a PRIMARY KEY, b);
            INSERT INTO \"t \"\"x\"(rowid, a, b) VALUES (7, 'ä', 1), (3, 'b', 2)");
        let other = of("PRAGMA encoding = 'UTF-16le';
            CREATE TABLE \"t \"\"x\"(a PRIMARY KEY, b, c AS (b + 1), d AS (b * 2) STORED) WITHOUT ROWID;
            INSERT INTO \"t \"\"x\"(a, b) VALUES ('b', 2), ('ä', 1)");
        assert_eq!(plain, other);
        assert_eq!(plain.rows(), 2);
    }
}
