//! What a database holds.

use std::path::Path;

use cadangkan_core::{Control, Error, ErrorKind, ObjectKind, ObjectName, ObjectReport, Result, Selection};
use rusqlite::Connection;

use crate::connect::interruptible;
use crate::errors::explain;
use crate::rows::fingerprint_table;

/// What kind of table it is, in the words of `PRAGMA table_list`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableKind {
    Table,
    /// Kept by a virtual table for its own use: the parts of a full-text index.
    Shadow,
    /// Has no rows of its own: they are what its module makes of other tables.
    Virtual,
    View,
}

/// A table or a view.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) kind: TableKind,
    pub(crate) without_rowid: bool,
}

/// Lists tables and views by name; those that SQLite keeps for itself (`sqlite_…`) are left out.
///
/// Source: <https://sqlite.org/pragma.html#pragma_table_list>.
pub(crate) fn tables(connection: &Connection) -> rusqlite::Result<Vec<Table>> {
    let mut statement = connection.prepare(
        "SELECT name, type, wr FROM pragma_table_list
          WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    let tables = statement.query_map([], |row| {
        let kind = match row.get_ref(1)?.as_bytes()? {
            b"view" => TableKind::View,
            b"virtual" => TableKind::Virtual,
            b"shadow" => TableKind::Shadow,
            _ => TableKind::Table,
        };
        Ok(Table { name: row.get(0)?, kind, without_rowid: row.get(2)? })
    })?;
    tables.collect()
}

/// Counts what people call tables: not views, and not the parts of a virtual table.
pub(crate) fn count_tables(tables: &[Table]) -> u64 {
    tables.iter().filter(|table| matches!(table.kind, TableKind::Table | TableKind::Virtual)).count() as u64
}

/// Reports the selected tables and views; counts and fingerprints their rows when asked to.
pub(crate) fn reports(
    connection: &Connection,
    path: &Path,
    selection: &Selection,
    with_rows: bool,
    control: &Control<'_>,
) -> Result<Vec<ObjectReport>> {
    let all = tables(connection).map_err(|error| explain(error, "list the tables", path))?;
    check_names(selection, all.iter().map(|table| table.name.as_str()))?;
    let mut reports = Vec::new();
    for table in all {
        let name = ObjectName::new(table.name.as_str());
        if !selection.has_table(&name) {
            continue;
        }
        let kind = if table.kind == TableKind::View { ObjectKind::VIEW } else { ObjectKind::TABLE };
        let mut report = ObjectReport::new(kind, name);
        if with_rows && matches!(table.kind, TableKind::Table | TableKind::Shadow) {
            let fingerprint =
                interruptible(connection, control, || fingerprint_table(connection, path, &table))?;
            report.rows = Some(fingerprint.rows());
            report.fingerprint = Some(fingerprint);
        }
        reports.push(report);
    }
    Ok(reports)
}

/// Fails with `NotFound` when a plain name of the selection is none of `names`; suggests near ones.
pub(crate) fn check_names<'a>(
    selection: &Selection,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<()> {
    for pattern in selection.tables.iter().chain(&selection.exclude_tables) {
        if pattern.is_glob() || names.clone().any(|name| pattern.matches(name)) {
            continue;
        }
        let near: Vec<String> =
            near_names(&pattern.0, names.clone()).iter().map(|name| format!("\"{name}\"")).collect();
        let hint = if near.is_empty() {
            "`cadangkan backups info <db> <id>` shows the names".to_owned()
        } else {
            format!("did you mean {}?", near.join(" or "))
        };
        return Err(
            Error::new(ErrorKind::NotFound, format!("there is no table \"{}\"", pattern.0)).hint(hint)
        );
    }
    Ok(())
}

/// Picks up to three names that may have been meant.
fn near_names<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let limit = 1 + wanted.chars().count() / 4;
    let mut near: Vec<(usize, &str)> = names
        .map(|name| (distance(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// The number of letters to put in, take out or change (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut costs: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.chars().enumerate() {
        let mut diagonal = row;
        let mut left = row + 1;
        let mut next = vec![left];
        for (other, above) in to.iter().zip(costs.iter().skip(1)) {
            left = (left + 1).min(above + 1).min(diagonal + usize::from(letter != *other));
            diagonal = *above;
            next.push(left);
        }
        costs = next;
    }
    costs.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cadangkan_core::Pattern;

    #[test]
    fn distance_counts_letters() {
        for (from, to, expected) in
            [("", "", 0), ("", "ab", 2), ("orders", "order", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn unknown_names_are_refused_with_near_ones() {
        let selection = |name: &str| Selection { tables: vec![Pattern(name.into())], ..Selection::default() };
        let names = ["orders", "order_items", "customers"];
        assert!(check_names(&selection("orders"), names.into_iter()).is_ok());
        assert!(check_names(&selection("nothing*"), names.into_iter()).is_ok());
        let error = check_names(&selection("Order"), names.into_iter()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.advice(), Some("did you mean \"orders\"?"));
    }
}
