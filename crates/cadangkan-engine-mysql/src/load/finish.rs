//! What is left to do when all rows are there.

use std::collections::BTreeMap;

use cadangkan_core::{Control, ObjectKind, ObjectName, ObjectReport, Result, Selection};
use cadangkan_engine::{LoadMode, LoadRequest};
use cadangkan_mywire::Target;

use super::plan::tables;
use super::rows::{Count, missing};
use crate::fingerprint;
use crate::view::Writers;

/// Makes sure that of every table as many rows came as the backup has.
pub(super) fn refuse_missing_rows(request: &LoadRequest, counts: &BTreeMap<ObjectName, Count>) -> Result<()> {
    let tables = request.objects.iter().filter(|object| object.kind == ObjectKind::TABLE);
    for expected in tables.filter(|table| request.selection.has_rows(&table.name)) {
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

/// Makes sure that the whole archive came, where its size is known and all of it was asked for.
pub(super) fn refuse_missing_bytes(request: &LoadRequest, seen: u64) -> Result<()> {
    match request.raw_bytes.filter(|expected| *expected != seen) {
        None => Ok(()),
        Some(expected) => Err(missing("a part of the archive is missing")
            .context("bytes", seen)
            .context("expected", expected)),
    }
}

/// Lists the tables with the rows that came, and with fingerprints of what the server gives back when a check was
/// asked for. `target` is where to read back, none where nobody else sees the rows yet.
pub(super) fn reports(
    request: &LoadRequest,
    counts: &BTreeMap<ObjectName, Count>,
    target: Option<&Target>,
    lowers: bool,
    jobs: usize,
    control: &Control<'_>,
) -> Result<Vec<ObjectReport>> {
    let known: Vec<_> = tables(&request.objects).collect();
    let names: Vec<ObjectName> = if known.is_empty() {
        counts.keys().cloned().collect()
    } else {
        known.into_iter().filter(|name| request.selection.has_rows(name)).cloned().collect()
    };
    let here = |name: &str| if lowers { name.to_lowercase() } else { name.to_owned() };
    let read_back = match target.filter(|_| request.check && request.mode != LoadMode::Data) {
        None => BTreeMap::new(),
        Some(target) => {
            let selection = if lowers {
                Selection::default()
            } else {
                Selection { exclude_data: Vec::new(), ..request.selection.clone() }
            };
            let found = fingerprint::tables(target, &selection, jobs, Writers::Nobody, control)?;
            found.into_iter().map(|report| (report.name.name.clone(), report)).collect()
        }
    };
    let report = |name: ObjectName| {
        let counted = counts.get(&name).map_or(0, |count| count.rows);
        let found = read_back.get(&here(&name.name));
        ObjectReport {
            rows: Some(found.and_then(|found| found.rows).unwrap_or(counted)),
            fingerprint: found.and_then(|found| found.fingerprint),
            ..ObjectReport::new(ObjectKind::TABLE, name)
        }
    };
    Ok(names.into_iter().map(report).collect())
}

#[cfg(test)]
mod tests {
    use cadangkan_core::ErrorKind;

    use super::*;

    fn table(name: &str, rows: u64) -> ObjectReport {
        ObjectReport { rows: Some(rows), ..ObjectReport::new(ObjectKind::TABLE, ObjectName::new(name)) }
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
