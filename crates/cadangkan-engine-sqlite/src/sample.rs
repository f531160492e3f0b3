//! The sample database of `cadangkan demo`: a shop with customers, orders and products.
//!
//! It holds what makes backups of real databases hard: text in many scripts, blobs, views, triggers, foreign keys, a
//! full-text index, generated columns, a table without rowid and one with an odd name. The same scale gives the same
//! rows every time.

mod fill;
mod words;

use std::path::Path;

use cadangkan_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags};

use crate::connect::open_as;
use crate::errors::explain;

/// The name of a table that statements must quote with care.
pub const ODD_TABLE: &str = "odd \"name\"; -- ☂ 'table'";

const TABLES: &str = include_str!("sample/tables.sql");
const RULES: &str = include_str!("sample/rules.sql");

/// How much was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Rows in all tables that people see, without those of the full-text index.
    pub rows: u64,
    /// Size of the file in bytes.
    pub bytes: u64,
}

/// Makes the database at `path`, in WAL mode, with about 100,000 rows (some 15 MB) for each unit of `scale`.
///
/// Fails with `Conflict` when something is there already.
pub fn create(path: &Path, scale: u32) -> Result<Summary> {
    if path.symlink_metadata().is_ok() {
        return Err(Error::new(ErrorKind::Conflict, "the sample database's file exists already")
            .context("path", path.display())
            .hint("choose another path, or remove the file"));
    }
    let wrong = |error| explain(error, "make the sample database", path);
    let rows = make(path, scale.max(1)).map_err(wrong)?;
    let bytes = std::fs::metadata(path)
        .map_err(|error| {
            Error::io("cannot look at the sample database", error).context("path", path.display())
        })?
        .len();
    Ok(Summary { rows, bytes })
}

/// Damages the sample database as a person would by mistake; returns what was done, a sentence each.
pub fn damage(path: &Path) -> Result<Vec<String>> {
    let accidents = [
        ("DROP TABLE order_items", "the table order_items was dropped"),
        ("DELETE FROM customers WHERE id % 3 = 0", "every third customer was deleted"),
        ("UPDATE products SET price_cents = 0", "all prices were set to 0"),
        ("UPDATE reviews SET body = 'oops' WHERE id > 100", "almost all reviews were overwritten"),
    ];
    let run = || -> rusqlite::Result<()> {
        let connection = open_as(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.execute_batch("PRAGMA foreign_keys = OFF")?;
        accidents.iter().try_for_each(|(sql, _)| connection.execute_batch(sql))
    };
    run().map_err(|error| explain(error, "damage the sample database", path))?;
    Ok(accidents.iter().map(|(_, said)| (*said).to_owned()).collect())
}

fn make(path: &Path, scale: u32) -> rusqlite::Result<u64> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA application_id = 0x43414441; PRAGMA user_version = 7; PRAGMA journal_mode = WAL;
         PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -64000;",
    )?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    let rows = fill::all(&transaction, scale)?;
    // Made last, so that filling does not set off the triggers.
    transaction.execute_batch(RULES)?;
    transaction.commit()?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA optimize")?;
    Ok(rows.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_same_every_time_and_refuses_to_overwrite() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one.db"), folder.path().join("two.db"));
        let summary = create(&one, 1).unwrap();
        assert!((80_000..150_000).contains(&summary.rows), "{summary:?}");
        assert_eq!(create(&two, 1).unwrap(), summary);
        assert!(std::fs::read(&one).unwrap() == std::fs::read(&two).unwrap());
        assert_eq!(create(&one, 1).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(damage(&one).unwrap().len(), 4);
        assert!(std::fs::read(&one).unwrap() != std::fs::read(&two).unwrap());
    }
}
