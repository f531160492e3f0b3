use std::collections::BTreeMap;
use std::time::Duration;

use cadangkan_core::{
    Control, Error, ErrorKind, Fingerprint, ObjectKind, ObjectName, ObjectReport, Result, Selection,
};
use cadangkan_engine::each;
use cadangkan_mywire::Target;

use crate::dump::{Reading, Rows, no_database, ranges};
use crate::view::{Asked, View, Writers};

/// How long to wait for locks.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// Counts and fingerprints the rows of the selected tables within one view, over up to `jobs` connections.
///
/// The canonical form of a row is its tuple as it stands in an archive.
pub(crate) fn tables(
    target: &Target,
    selection: &Selection,
    jobs: usize,
    writers: Writers,
    control: &Control<'_>,
) -> Result<Vec<ObjectReport>> {
    let name = target.database().ok_or_else(no_database)?;
    let databases = &[(name, selection)];
    let asked = Asked { target, databases, lock_timeout: LOCK_TIMEOUT, jobs, writers };
    let view = View::begin(&asked, control)?;
    if let Some(table) = view.denied.first() {
        return Err(Error::new(ErrorKind::Denied, "this user may not read a table")
            .context("table", table)
            .hint("grant SELECT on it"));
    }
    let works = ranges(&view, selection, control)?;
    view.expect_locked(works.iter().filter(|rows| rows.is_locked(&view)).count());
    let found = each(&works, view.width(), control, |rows, control| fingerprint(&view, rows, control))?;
    let mut sums: BTreeMap<ObjectName, Fingerprint> = BTreeMap::new();
    for (name, part) in found {
        sums.entry(name).or_default().merge(part);
    }
    view.end(control)?;
    let report = |(name, fingerprint): (ObjectName, Fingerprint)| ObjectReport {
        rows: Some(fingerprint.rows()),
        fingerprint: Some(fingerprint),
        ..ObjectReport::new(ObjectKind::TABLE, name)
    };
    Ok(sums.into_iter().map(report).collect())
}

fn fingerprint(view: &View, rows: &Rows, control: &Control<'_>) -> Result<(ObjectName, Fingerprint)> {
    let table = rows.table(view)?;
    let mut fingerprint = Fingerprint::default();
    let reading = Reading::new(table, rows.part());
    view.read_table(table, control, |connection| {
        reading.run(connection, control, |row| {
            fingerprint.add_row(row);
            Ok(())
        })
    })?;
    if rows.is_locked(view) {
        view.locked_unit_is_done();
    }
    Ok((table.name.clone(), fingerprint))
}
