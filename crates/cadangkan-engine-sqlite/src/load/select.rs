//! Takes a selection of tables out of an image.

use std::path::Path;
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result, ResultExt, Selection};
use cadangkan_engine::LoadRequest;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::copy::{Copy, cannot_copy};
use super::image::ImageWriter;
use super::temporary::Temporary;
use crate::connect::{OrCancelled, interruptible, open_as, open_private, retry_busy};
use crate::errors::explain;
use crate::header::Header;
use crate::inspect::{self, Table, TableKind, check_names};
use crate::rows::quote;
use crate::snapshot::quick_check;

/// Makes a new database of the selection, beside the image; returns it with its number of tables.
pub(super) fn into_new(
    target: &Path,
    image: &ImageWriter,
    request: &LoadRequest,
    control: &Control<'_>,
) -> Result<(Temporary, u64)> {
    let from = open_image(image)?;
    let chosen = choose(&from, image.path(), &request.selection)?;
    let made = image.temporary().sibling(".new");
    let file = made.create()?;
    let to = open_as(made.path(), OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(|error| explain(error, "make the new database", target))?;
    let is_wal =
        take_settings(&from, &to).map_err(|error| explain(error, "set up the new database", target))?;
    interruptible(&to, control, || {
        run(&to, "BEGIN", target)?;
        let whole = request.selection.tables.is_empty() && request.selection.exclude_tables.is_empty();
        let copy =
            Copy { from: &from, to: &to, path: target, schema_only: request.selection.schema_only, control };
        copy.tables(&chosen)?;
        copy.indexes(&chosen)?;
        if whole {
            copy.views()?;
        }
        copy.triggers(&chosen, whole)?;
        run(&to, "COMMIT", target)?;
        if request.check { quick_check(&to, made.path()) } else { Ok(()) }
    })?;
    run(&to, "PRAGMA synchronous = FULL", target)?;
    if is_wal {
        run(&to, "PRAGMA journal_mode = WAL", target)?;
    }
    let tables = inspect::tables(&to).map_err(|error| explain(error, "list the tables", target))?;
    drop(to);
    file.sync_all().map_err(|error| Error::io("cannot write the restored database", error))?;
    Ok((made, inspect::count_tables(&tables)))
}

/// Replaces the selected tables inside the target, in a transaction that is left open.
pub(super) fn into_target(
    target: &Path,
    image: &ImageWriter,
    request: &LoadRequest,
    limit: Duration,
    control: &Control<'_>,
) -> Result<(Connection, u64)> {
    let from = open_image(image)?;
    let chosen = choose(&from, image.path(), &request.selection)?;
    let wrong = |error| explain(error, "write to the target", target).or_cancelled(control);
    let to = open_as(target, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(wrong)?;
    unlock_shadow_tables(&to).map_err(wrong)?;
    to.execute_batch("PRAGMA foreign_keys = OFF").map_err(wrong)?;
    retry_busy(limit, control.cancel, || to.execute_batch("BEGIN IMMEDIATE")).map_err(wrong)?;
    interruptible(&to, control, || {
        let before = broken_references(&to).map_err(wrong)?;
        drop_tables(&to, target, &chosen)?;
        let copy =
            Copy { from: &from, to: &to, path: target, schema_only: request.selection.schema_only, control };
        copy.tables(&chosen)?;
        copy.indexes(&chosen)?;
        copy.triggers(&chosen, false)?;
        refuse_broken_references(&before, &broken_references(&to).map_err(wrong)?, target)?;
        if request.check { quick_check(&to, target) } else { Ok(()) }
    })?;
    Ok((to, inspect::count_tables(&chosen)))
}

fn open_image(image: &ImageWriter) -> Result<Connection> {
    open_private(image.path()).map_err(|error| explain(error, "open the restored image", image.path()))
}

/// Picks the tables, in the order in which they are made; a virtual table brings its parts along.
fn choose(from: &Connection, path: &Path, selection: &Selection) -> Result<Vec<Table>> {
    let all = inspect::tables(from).map_err(|error| explain(error, "list the tables of the image", path))?;
    let owners: Vec<&str> = all
        .iter()
        .filter(|table| table.kind == TableKind::Virtual)
        .map(|table| table.name.as_str())
        .collect();
    let whole = |table: &&Table| matches!(table.kind, TableKind::Table | TableKind::Virtual);
    for part in all.iter().filter(|table| table.kind == TableKind::Shadow) {
        if selection.tables.iter().any(|pattern| pattern.0 == part.name) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a part of a virtual table cannot be restored alone",
            )
            .context("table", &part.name)
            .hint("name the virtual table that it belongs to"));
        }
    }
    check_names(selection, all.iter().filter(whole).map(|table| table.name.as_str()))
        .context("backup", "this image")?;
    let has = |name: &str| selection.has_table(&ObjectName::new(name));
    let is_chosen = |table: &Table| match table.kind {
        TableKind::Table | TableKind::Virtual => has(&table.name),
        TableKind::Shadow => owner_of(&table.name, &owners).is_some_and(has),
        TableKind::View => false,
    };
    Ok(all.iter().filter(|table| is_chosen(table)).cloned().collect())
}

/// Finds the virtual table that a part belongs to: the longest whose name and `_` it begins with.
fn owner_of<'a>(part: &str, owners: &[&'a str]) -> Option<&'a str> {
    let begins = |owner: &&&str| part.strip_prefix(**owner).is_some_and(|rest| rest.starts_with('_'));
    owners.iter().filter(begins).max_by_key(|owner| owner.len()).copied()
}

/// Gives a new database the settings of the image; tells whether the image is in WAL mode.
fn take_settings(from: &Connection, to: &Connection) -> rusqlite::Result<bool> {
    unlock_shadow_tables(to)?;
    let text = |name: &str| -> rusqlite::Result<String> {
        from.query_row(&format!("PRAGMA main.{name}"), [], |row| {
            let value = row.get_ref(0)?;
            Ok(value
                .as_i64()
                .map_or_else(|_| value.as_str().unwrap_or_default().to_owned(), |n| n.to_string()))
        })
    };
    for name in ["page_size", "auto_vacuum", "application_id", "user_version"] {
        to.execute_batch(&format!("PRAGMA main.{name} = {}", text(name)?))?;
    }
    // The file is nobody else's until it is complete, and synced then: a journal would be written for nothing.
    to.execute_batch(&format!(
        "PRAGMA encoding = '{}'; PRAGMA foreign_keys = OFF; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF",
        text("encoding")?
    ))?;
    let first: Vec<u8> =
        from.query_row("SELECT data FROM sqlite_dbpage WHERE pgno = 1", [], |row| row.get(0))?;
    Ok(Header::parse(&first).is_some_and(|header| header.is_wal))
}

/// Allows writing the tables in which virtual tables keep their rows.
fn unlock_shadow_tables(to: &Connection) -> rusqlite::Result<()> {
    to.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false).map(|_| ())
}

fn drop_tables(to: &Connection, target: &Path, chosen: &[Table]) -> Result<()> {
    let present = inspect::tables(to).map_err(|error| explain(error, "list the tables", target))?;
    for table in chosen.iter().filter(|table| table.kind != TableKind::Shadow) {
        let same = |other: &&Table| other.name.eq_ignore_ascii_case(&table.name);
        match present.iter().find(same) {
            Some(other) if other.kind == TableKind::View => {
                return Err(Error::new(ErrorKind::Conflict, "a view of the target has the name of a table")
                    .context("name", &other.name)
                    .hint("rename or drop the view, or restore to a new file with `--to`"));
            }
            Some(other) => run(to, &format!("DROP TABLE main.{}", quote(&other.name)), target)?,
            None => {}
        }
    }
    Ok(())
}

/// Counts rows whose foreign key leads nowhere, by table and referenced table.
fn broken_references(connection: &Connection) -> rusqlite::Result<Vec<(String, String, i64)>> {
    let mut statement = connection.prepare(
        "SELECT \"table\", \"parent\", count(*) FROM pragma_foreign_key_check GROUP BY 1, 2 ORDER BY 1, 2",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

/// Fails when the restore would break references that were whole.
fn refuse_broken_references(
    before: &[(String, String, i64)],
    after: &[(String, String, i64)],
    target: &Path,
) -> Result<()> {
    let count_before = |table: &str, parent: &str| {
        before.iter().find(|row| row.0 == table && row.1 == parent).map_or(0, |row| row.2)
    };
    let worse: Vec<String> = after
        .iter()
        .filter(|(table, parent, count)| *count > count_before(table, parent))
        .map(|(table, parent, count)| {
            format!("{count} rows of \"{table}\" refer to missing rows of \"{parent}\"")
        })
        .collect();
    if worse.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, "the restored tables do not fit the other tables")
        .context("path", target.display())
        .context("foreign keys", worse.join("; "))
        .hint("restore the tables that belong together in one go, or restore to a new file with `--to`"))
}

fn run(to: &Connection, sql: &str, target: &Path) -> Result<()> {
    to.execute_batch(sql).map_err(|error| cannot_copy(error, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_belong_to_the_longest_owner() {
        let owners = ["docs", "docs_old"];
        assert_eq!(owner_of("docs_data", &owners), Some("docs"));
        assert_eq!(owner_of("docs_old_data", &owners), Some("docs_old"));
        assert_eq!(owner_of("docsdata", &owners), None);
    }

    #[test]
    fn only_new_damage_to_references_counts() {
        let rows = |count| vec![("a".to_owned(), "b".to_owned(), count)];
        let path = Path::new("x");
        assert!(refuse_broken_references(&rows(2), &rows(2), path).is_ok());
        assert!(refuse_broken_references(&rows(2), &rows(1), path).is_ok());
        assert!(refuse_broken_references(&rows(2), &rows(3), path).is_err());
        assert!(refuse_broken_references(&[], &rows(1), path).is_err());
    }
}
