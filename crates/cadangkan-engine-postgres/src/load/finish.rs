//! What is left to do when all rows are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::scope;

use cadangkan_core::{
    Control, Error, ErrorKind, Level, ObjectKind, ObjectName, ObjectReport, Result, Selection, first_cause,
};
use cadangkan_engine::{LoadMode, LoadRequest};
use cadangkan_pgwire::Target;

use super::plan::{renamed, tables};
use super::pool::Pool;
use super::rows::{Count, missing};
use crate::catalog::one_row;
use crate::fingerprint;

/// The rows that will come, by the backup's own word, of the tables of which some will.
pub(super) fn expected(request: &LoadRequest) -> BTreeMap<ObjectName, Count> {
    filled(request)
        .filter_map(|table| {
            let rows = table.rows.filter(|rows| *rows > 0)?;
            Some((table.name.clone(), Count { rows, bytes: table.raw_bytes.unwrap_or_default() }))
        })
        .collect()
}

/// Makes sure that of every table as many rows came as the backup has.
pub(super) fn refuse_missing_rows(request: &LoadRequest, counts: &BTreeMap<ObjectName, Count>) -> Result<()> {
    for expected in filled(request) {
        let found = counts.get(&expected.name).map_or(0, |count| count.rows);
        if let Some(rows) = expected.rows.filter(|rows| *rows != found) {
            return Err(missing("rows of a table are missing")
                .context("table", &expected.name)
                .context("expected", rows)
                .context("found", found));
        }
    }
    Ok(())
}

/// The tables of the backup whose rows are meant.
fn filled(request: &LoadRequest) -> impl Iterator<Item = &ObjectReport> {
    let tables = request.objects.iter().filter(|object| object.kind == ObjectKind::TABLE);
    tables.filter(|table| request.selection.has_rows(&table.name))
}

/// Makes sure that the whole archive came, where its size is known and all of it was asked for.
pub(super) fn refuse_missing_bytes(request: &LoadRequest, seen: u64) -> Result<()> {
    match request.raw_bytes.filter(|expected| *expected != seen) {
        None => Ok(()),
        Some(expected) => Err(missing("a part of the archive is missing")
            .context("bytes", seen)
            .context("expected", expected)),
    }
}

/// Gathers statistics of what was loaded and is not in `done`, several tables at once; without them the first queries
/// are slow. What cannot be analyzed is only a warning.
pub(super) fn analyze(
    pool: &Pool,
    request: &LoadRequest,
    done: &BTreeSet<ObjectName>,
    control: &Control<'_>,
) -> Result<()> {
    let sql = "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), n.nspname, c.relname
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
                  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
                ORDER BY c.relpages DESC";
    let rows = pool.with(control, |connection| connection.query(sql, control))?;
    let wanted = |row: &[Option<String>]| -> Option<String> {
        let [Some(quoted), schema, Some(name)] = row else { return None };
        let here = ObjectName { schema: schema.clone(), ..ObjectName::new(name) };
        let selected = !done.contains(&here)
            && (!request.selection.is_of_tables() || request.selection.has_table(&original(&here, request)));
        selected.then(|| quoted.clone())
    };
    let names: Vec<String> = rows.iter().filter_map(|row| wanted(row)).collect();
    let next = AtomicUsize::new(0);
    let worker = || -> Result<()> {
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            analyze_one(pool, name, control)?;
        }
        Ok(())
    };
    let results = scope(|scope| {
        let workers: Vec<_> = (0..pool.width().min(names.len())).map(|_| scope.spawn(worker)).collect();
        let panicked = || Err(Error::new(ErrorKind::Internal, "a thread that gathers statistics panicked"));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| panicked())).collect::<Vec<_>>()
    });
    first_cause(results).map(drop)
}

/// Gathers statistics of one table, by its quoted name.
pub(super) fn analyze_one(pool: &Pool, name: &str, control: &Control<'_>) -> Result<()> {
    pool.with(control, |connection| {
        let held = connection.in_transaction();
        if held {
            connection.execute("SAVEPOINT statistics", control)?;
        }
        let analyzed = connection.execute(&format!("ANALYZE {name}"), control);
        if held {
            let back = if analyzed.is_err() { "ROLLBACK TO SAVEPOINT statistics; " } else { "" };
            connection.execute(&format!("{back}RELEASE SAVEPOINT statistics"), control)?;
        }
        match analyzed {
            Err(error) if connection.is_broken() || error.kind() == ErrorKind::Cancelled => Err(error),
            Err(error) => {
                control.message(Level::Warning, &format!("statistics of {name} were not gathered: {error}"));
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    })
}

/// Lists the tables with the rows that came, and with fingerprints of what the server gives back when a check was
/// asked for. `target` is where to read back, none where nobody else sees the rows yet.
pub(super) fn reports(
    request: &LoadRequest,
    counts: &BTreeMap<ObjectName, Count>,
    target: Option<&Target>,
    jobs: usize,
    control: &Control<'_>,
) -> Result<Vec<ObjectReport>> {
    let known: Vec<_> = tables(&request.objects).collect();
    let is_meant = |name: &ObjectName| request.selection.has_rows(name);
    let names: Vec<ObjectName> = if known.is_empty() {
        counts.keys().cloned().collect()
    } else {
        known.into_iter().filter(|name| is_meant(name)).cloned().collect()
    };
    let read_back = match target.filter(|_| request.check && request.mode != LoadMode::Data) {
        None => BTreeMap::new(),
        Some(target) => {
            let selection = if request.options.rename_schemas.is_empty() {
                Selection { exclude_data: Vec::new(), ..request.selection.clone() }
            } else {
                Selection::default()
            };
            let found = fingerprint::tables(target, &selection, jobs, control)?;
            found.into_iter().map(|report| (report.name.clone(), report)).collect()
        }
    };
    let report = |name: ObjectName| {
        let counted = counts.get(&name).map_or(0, |count| count.rows);
        let found = read_back.get(&renamed(&name, &request.options));
        ObjectReport {
            rows: Some(found.and_then(|found| found.rows).unwrap_or(counted)),
            fingerprint: found.and_then(|found| found.fingerprint),
            ..ObjectReport::new(ObjectKind::TABLE, name)
        }
    };
    Ok(names.into_iter().map(report).collect())
}

/// Number of tables in the database, or of those that were loaded when that was a selection.
pub(super) fn count_tables(pool: &Pool, request: &LoadRequest, control: &Control<'_>) -> Result<u64> {
    if request.selection.is_of_tables() || request.mode == LoadMode::Data {
        let names: Vec<_> =
            tables(&request.objects).filter(|name| request.selection.has_table(name)).collect();
        return Ok(names.len() as u64);
    }
    let sql =
        "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
                  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'";
    pool.with(control, |connection| one_row(connection, sql, control)?.number())
}

/// Makes sure that a script of somebody else ended the transactions that it began.
pub(super) fn refuse_open_transaction(pool: &Pool, control: &Control<'_>) -> Result<()> {
    if pool.is_held() {
        return Ok(());
    }
    pool.with(control, |connection| {
        if connection.in_transaction() {
            return Err(missing("the script ends inside a transaction"));
        }
        Ok(())
    })
}

/// The name that a table of the target has in the backup.
fn original(here: &ObjectName, request: &LoadRequest) -> ObjectName {
    let schema = here.schema.as_ref().map(|schema| {
        let renames = &request.options.rename_schemas;
        renames.iter().find(|(_, to)| to == schema).map_or_else(|| schema.clone(), |(from, _)| from.clone())
    });
    ObjectName { schema, ..here.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rows: u64) -> ObjectReport {
        let name = ObjectName { schema: Some("s".into()), ..ObjectName::new(name) };
        ObjectReport { rows: Some(rows), ..ObjectReport::new(ObjectKind::TABLE, name) }
    }

    #[test]
    fn what_did_not_come_is_damage() {
        let request = LoadRequest {
            objects: vec![table("a", 2), table("b", 0)],
            raw_bytes: Some(9),
            ..LoadRequest::default()
        };
        let count = |rows| BTreeMap::from([(request.objects[0].name.clone(), Count { rows, bytes: 1 })]);
        assert!(refuse_missing_rows(&request, &count(2)).is_ok());
        for wrong in [count(1), count(3), BTreeMap::new()] {
            let error = refuse_missing_rows(&request, &wrong).unwrap_err();
            assert!(error.kind() == ErrorKind::DamagedBackup && error.advice().is_some());
        }
        assert!(refuse_missing_bytes(&request, 9).is_ok());
        assert_eq!(refuse_missing_bytes(&request, 8).unwrap_err().kind(), ErrorKind::DamagedBackup);
    }
}
