use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::scope;
use std::time::Duration;

use cadangkan_core::{
    Control, Error, ErrorKind, Fingerprint, ObjectKind, ObjectName, ObjectReport, Result, Selection,
    first_cause,
};
use cadangkan_mywire::Target;

use crate::dump::{Reading, Rows, ranges};
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
    let asked = Asked { target, selection, lock_timeout: LOCK_TIMEOUT, jobs, writers };
    let view = View::begin(&asked, control)?;
    if let Some(table) = view.denied.first() {
        return Err(Error::new(ErrorKind::Denied, "this user may not read a table")
            .context("table", table)
            .hint("grant SELECT on it"));
    }
    let works = ranges(&view, selection, control)?;
    view.expect_locked(works.iter().filter(|rows| rows.is_locked(&view)).count());
    let stop = control.cancel.child();
    let control = &Control { cancel: &stop, ..*control };
    let next = AtomicUsize::new(0);
    let worker = || -> Result<Vec<(ObjectName, Fingerprint)>> {
        let mut found = Vec::new();
        while let Some(rows) = works.get(next.fetch_add(1, Ordering::Relaxed)) {
            control.check()?;
            found.push(fingerprint(&view, rows, control).inspect_err(|_| stop.cancel())?);
        }
        Ok(found)
    };
    let found = scope(|scope| {
        let threads = view.width().min(works.len());
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let panicked = || Err(Error::new(ErrorKind::Internal, "a thread that read rows panicked"));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| panicked())).collect::<Vec<_>>()
    });
    let mut sums: BTreeMap<ObjectName, Fingerprint> = BTreeMap::new();
    for (name, part) in first_cause(found)?.into_iter().flatten() {
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
