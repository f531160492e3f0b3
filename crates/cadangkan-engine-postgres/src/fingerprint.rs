use std::collections::BTreeMap;
use std::time::Duration;

use cadangkan_core::{Control, Fingerprint, ObjectKind, ObjectName, ObjectReport, Result, Selection};
use cadangkan_engine::each;
use cadangkan_pgwire::Target;

use crate::dump::{Work, copy_to, with_encoding, works};
use crate::view::{Asked, View};

/// How long to wait for a lock on a table.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// Counts and fingerprints the rows of the selected tables within one view, over up to `jobs` connections.
///
/// The canonical form of a row is the text that COPY gives of it under fixed settings of the session.
pub(crate) fn tables(
    target: &Target,
    selection: &Selection,
    jobs: usize,
    control: &Control<'_>,
) -> Result<Vec<ObjectReport>> {
    let asked = Asked { selection, lock_timeout: LOCK_TIMEOUT, row_security: false };
    let view = View::begin(&with_encoding(target, control)?, &asked, control)?;
    let works = works(&view.tables, selection, view.version);
    let found = each(&works, jobs, control, |work, control| fingerprint(&view, *work, control))?;
    let mut sums: BTreeMap<ObjectName, Fingerprint> = BTreeMap::new();
    for (name, part) in found.into_iter().flatten() {
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

fn fingerprint(view: &View, work: Work, control: &Control<'_>) -> Result<Option<(ObjectName, Fingerprint)>> {
    let Work::Rows { table, range } = work else { return Ok(None) };
    let Some(table) = view.tables.get(table) else { return Ok(None) };
    let mut fingerprint = Fingerprint::default();
    view.read_table(table, control, |connection| {
        connection.copy_out(&copy_to(table, range), control, |row| {
            fingerprint.add_row(row);
            Ok(())
        })
    })?;
    Ok(Some((table.name.clone(), fingerprint)))
}
