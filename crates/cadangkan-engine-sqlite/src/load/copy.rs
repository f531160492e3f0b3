//! Copies definitions and rows from one connection to another.
//!
//! The image's schema is foreign text. It is never run where it stands (the image is opened read-only, defensive and
//! without trust); of its definitions only single `CREATE` statements of the expected kind are carried over.

use std::path::Path;

use cadangkan_core::{Control, Error, ErrorKind, Result};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, params};

use crate::errors::explain;
use crate::inspect::{Table, TableKind};
use crate::rows::{columns, quote};

/// Rows between two looks at whether to stop.
const ROWS_BETWEEN: u64 = 1000;

/// From where to where, and how much.
pub(super) struct Copy<'a> {
    pub(super) from: &'a Connection,
    pub(super) to: &'a Connection,
    /// The target, for messages.
    pub(super) path: &'a Path,
    pub(super) schema_only: bool,
    pub(super) control: &'a Control<'a>,
}

impl Copy<'_> {
    /// Makes the tables, then copies their rows and counters.
    pub(super) fn tables(&self, chosen: &[Table]) -> Result<()> {
        for table in chosen.iter().filter(|table| table.kind != TableKind::Shadow) {
            self.create("type = 'table' AND name = ?1", &table.name)?;
        }
        if self.schema_only {
            return Ok(());
        }
        for table in chosen.iter().filter(|table| table.kind != TableKind::Virtual) {
            self.rows(table).map_err(|error| self.or_stopped(error, &table.name))?;
        }
        self.counters(chosen).map_err(|error| self.or_stopped(error, "sqlite_sequence"))
    }

    /// Makes the indexes of the tables.
    pub(super) fn indexes(&self, chosen: &[Table]) -> Result<()> {
        let plain = chosen.iter().filter(|table| table.kind == TableKind::Table);
        plain.into_iter().try_for_each(|table| {
            self.create("type = 'index' AND sql IS NOT NULL AND tbl_name = ?1 COLLATE NOCASE", &table.name)
        })
    }

    /// Makes all views.
    pub(super) fn views(&self) -> Result<()> {
        self.create("type = 'view' AND ?1 = ''", "")
    }

    /// Makes the triggers of the tables, or all of them, those of views included.
    pub(super) fn triggers(&self, chosen: &[Table], all: bool) -> Result<()> {
        if all {
            return self.create("type = 'trigger' AND ?1 = ''", "");
        }
        chosen.iter().try_for_each(|table| {
            self.create("type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE", &table.name)
        })
    }

    /// Carries over the definitions that a condition picks, in the order in which they were made.
    fn create(&self, condition: &str, name: &str) -> Result<()> {
        let read = || -> rusqlite::Result<Vec<(String, String, String)>> {
            let mut statement = self.from.prepare(&format!(
                "SELECT type, name, sql FROM sqlite_schema WHERE {condition} ORDER BY rowid"
            ))?;
            let rows = statement.query_map([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect()
        };
        for (kind, name, sql) in read().map_err(|error| cannot_copy(error, self.path))? {
            if !is_create(&sql, &kind) {
                return Err(Error::new(
                    ErrorKind::DamagedBackup,
                    "a definition in the backup is not what it claims",
                )
                .context("kind", kind)
                .context("name", name)
                .hint("do not trust this backup; restore another one"));
            }
            // One statement only: `prepare` refuses a second one.
            let run = || self.to.prepare(&sql)?.raw_execute();
            run().map_err(|error| cannot_copy(error, self.path).context(kind_word(&kind), name))?;
        }
        Ok(())
    }

    fn rows(&self, table: &Table) -> rusqlite::Result<()> {
        let mut names = columns(self.from, &table.name)?;
        names.iter_mut().for_each(|name| *name = quote(name));
        names.extend(hidden_rowid(self.from, table)?.map(str::to_owned));
        let places: Vec<&str> = names.iter().map(|_| "?").collect();
        let (list, quoted) = (names.join(", "), quote(&table.name));
        if table.kind == TableKind::Shadow {
            // A virtual table begins with rows of its own in them.
            self.to.execute(&format!("DELETE FROM main.{quoted}"), [])?;
        }
        let mut read = self.from.prepare(&format!("SELECT {list} FROM main.{quoted}"))?;
        let mut write =
            self.to.prepare(&format!("INSERT INTO main.{quoted} ({list}) VALUES ({})", places.join(", ")))?;
        let mut rows = read.query([])?;
        let mut copied: u64 = 0;
        while let Some(row) = rows.next()? {
            for column in 0..names.len() {
                write.raw_bind_parameter(column + 1, Borrowed(row.get_ref(column)?))?;
            }
            write.raw_execute()?;
            copied += 1;
            if copied.is_multiple_of(ROWS_BETWEEN) && self.control.cancel.is_cancelled() {
                return Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT),
                    None,
                ));
            }
        }
        Ok(())
    }

    /// Copies where the counters of `AUTOINCREMENT` stand.
    fn counters(&self, chosen: &[Table]) -> rusqlite::Result<()> {
        let has_counters = |connection: &Connection| {
            connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'")?.exists([])
        };
        if !has_counters(self.from)? || !has_counters(self.to)? {
            return Ok(());
        }
        let mut read = self.from.prepare("SELECT seq FROM sqlite_sequence WHERE name = ?1")?;
        for table in chosen {
            let mut rows = read.query([&table.name])?;
            if let Some(row) = rows.next()? {
                let counter: i64 = row.get(0)?;
                self.to.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [&table.name])?;
                self.to.execute(
                    "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)",
                    params![table.name, counter],
                )?;
            }
        }
        Ok(())
    }

    fn or_stopped(&self, error: rusqlite::Error, table: &str) -> Error {
        cannot_copy(error, self.path).context("table", table)
    }
}

/// The error of a statement that carries something over.
pub(super) fn cannot_copy(error: rusqlite::Error, path: &Path) -> Error {
    let explained = explain(error, "restore the selected tables", path);
    match explained.kind() {
        ErrorKind::DamagedSource => explained.with_kind(ErrorKind::DamagedBackup),
        _ => explained,
    }
}

/// Names the rowid where a table has one that is no column, so that it is carried over as well: others may
/// refer to it, as a full-text index does.
fn hidden_rowid(from: &Connection, table: &Table) -> rusqlite::Result<Option<&'static str>> {
    let mut statement = from.prepare("SELECT name, type, pk FROM pragma_table_xinfo(?1, 'main')")?;
    let all = statement.query_map([&table.name], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
    })?;
    let all: Vec<(String, String, i64)> = all.collect::<rusqlite::Result<_>>()?;
    let mut key = all.iter().filter(|(_, _, place)| *place > 0);
    let is_column = matches!((key.next(), key.next()), (Some((_, kind, _)), None) if kind.eq_ignore_ascii_case("INTEGER"));
    if table.without_rowid || is_column {
        return Ok(None);
    }
    let is_free = |word: &&str| !all.iter().any(|(name, _, _)| name.eq_ignore_ascii_case(word));
    Ok(["rowid", "_rowid_", "oid"].into_iter().find(is_free))
}

/// Tells whether a definition creates what its row in the schema says.
fn is_create(sql: &str, kind: &str) -> bool {
    let allowed: &[&str] = match kind {
        "table" => &["CREATE TABLE ", "CREATE VIRTUAL TABLE "],
        "index" => &["CREATE INDEX ", "CREATE UNIQUE INDEX "],
        "view" => &["CREATE VIEW "],
        "trigger" => &["CREATE TRIGGER "],
        _ => &[],
    };
    // SQLite writes the first two words itself, with one space; what follows is the author's.
    let words: Vec<&str> = sql.split_whitespace().take(3).collect();
    let start = words.join(" ").to_ascii_uppercase() + " ";
    allowed.iter().any(|begin| start.starts_with(begin))
}

fn kind_word(kind: &str) -> &'static str {
    match kind {
        "index" => "index",
        "view" => "view",
        "trigger" => "trigger",
        _ => "table",
    }
}

struct Borrowed<'a>(ValueRef<'a>);

impl ToSql for Borrowed<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_definitions_pass() {
        for (sql, kind) in [
            ("CREATE TABLE a(b)", "table"),
            ("CREATE VIRTUAL TABLE a USING fts5(b)", "table"),
            ("create unique  index a ON b(c)", "index"),
            ("CREATE TRIGGER\na AFTER INSERT ON b BEGIN SELECT 1; END", "trigger"),
        ] {
            assert!(is_create(sql, kind), "{sql}");
        }
        for (sql, kind) in [
            ("ATTACH 'x' AS y", "table"),
            ("CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1; END", "table"),
            ("CREATE TABLE a(b)", "anything"),
            ("PRAGMA writable_schema = 1", "view"),
            ("", "table"),
        ] {
            assert!(!is_create(sql, kind), "{sql}");
        }
    }
}
