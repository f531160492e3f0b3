//! How what lies in a storage is made up, and where it leads.

use std::collections::BTreeMap;

use cadangkan_catalog::{BackupFilter, BackupStatus, Catalog};
use cadangkan_core::{Name, Result, Timestamp};
use jiff::tz::TimeZone;
use serde::Serialize;

/// The months that a forecast looks back at, and the fewest that tell anything.
const MONTHS: usize = 12;
const FEWEST: usize = 3;

/// The months that a forecast looks ahead.
pub(super) const AHEAD: u32 = 6;

/// The months that a straight line is believed for.
const FARTHEST: u32 = 36;

/// Some of the backups in a storage, taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Share {
    /// How many there are.
    pub(super) backups: u64,
    /// What they take, as stored.
    pub(super) size_bytes: u64,
}

/// What lies in a storage by why it was made and by when, and where it leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Growth {
    /// By why they were made.
    pub(super) types: BTreeMap<String, Share>,
    /// By the month in which they began: `2026-01`.
    pub(super) months: BTreeMap<String, Share>,
    /// What all will take in some months, if as many are kept and they go on growing as they did; none where three months
    /// of no database are there to tell.
    pub(super) forecast_bytes: Option<u64>,
}

impl Growth {
    /// Adds up the copies in one storage.
    pub(super) fn of(catalog: &Catalog, storage: &Name, zone: &TimeZone, now: Timestamp) -> Result<Self> {
        let mut growth = Growth::default();
        let mut databases: BTreeMap<_, BTreeMap<i64, Share>> = BTreeMap::new();
        let this_month = month(now, zone);
        let filter = BackupFilter { storage: Some(storage.clone()), ..BackupFilter::default() };
        catalog.each_backup(&filter, |copy| {
            if copy.status == BackupStatus::Missing {
                return;
            }
            let number = month(copy.created_at, zone);
            let name = format!("{:04}-{:02}", number.div_euclid(12), number.rem_euclid(12) + 1);
            let series = (copy.database, copy.original, copy.databases, copy.selection);
            for share in [
                growth.types.entry(copy.trigger).or_default(),
                growth.months.entry(name).or_default(),
                databases.entry(series).or_default().entry(number - this_month).or_default(),
            ] {
                share.backups += 1;
                share.size_bytes = share.size_bytes.saturating_add(copy.size_bytes);
            }
        })?;
        growth.forecast_bytes = forecast(databases.values());
        Ok(growth)
    }
}

/// What backups will take in some months; each item is what one series takes, by months from now.
fn forecast<'a>(series: impl Iterator<Item = &'a BTreeMap<i64, Share>> + Clone) -> Option<u64> {
    series.clone().find_map(factor)?;
    let all = series.map(|months| {
        let bytes: u64 = months.values().map(|share| share.size_bytes).sum();
        // What cannot be told stays as it is.
        bytes as f64 * factor(months).unwrap_or(1.0)
    });
    Some(all.sum::<f64>() as u64)
}

/// The whole months until so many bytes fill a room, by where they lead; none where they do not, or not for a long time.
pub(super) fn full_in(bytes: u64, then: u64, room: u64) -> Option<u32> {
    let a_month = then.checked_sub(bytes).filter(|growth| *growth > 0)? as f64 / f64::from(AHEAD);
    let months = room.saturating_sub(bytes) as f64 / a_month;
    (months < f64::from(FARTHEST)).then_some(months as u32)
}

/// The months since the year 0.
fn month(time: Timestamp, zone: &TimeZone) -> i64 {
    let date = time.to_zoned(zone.clone()).date();
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

/// By how much a backup will be larger in some months: a straight line through the mean sizes of the last months.
fn factor(months: &BTreeMap<i64, Share>) -> Option<f64> {
    let points: Vec<(f64, f64)> = months
        .iter()
        .rev()
        .take(MONTHS)
        .map(|(month, share)| (*month as f64, share.size_bytes as f64 / share.backups.max(1) as f64))
        .collect();
    if points.len() < FEWEST {
        return None;
    }
    let count = points.len() as f64;
    let (x, y) = (
        points.iter().map(|(x, _)| x).sum::<f64>() / count,
        points.iter().map(|(_, y)| y).sum::<f64>() / count,
    );
    let slope = points.iter().map(|(px, py)| (px - x) * (py - y)).sum::<f64>()
        / points.iter().map(|(px, _)| (px - x).powi(2)).sum::<f64>();
    let now = y - slope * x;
    let then = now + slope * f64::from(AHEAD);
    (now > 0.0).then(|| (then / now).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn months(sizes: &[(i64, u64)]) -> BTreeMap<i64, Share> {
        let share = |size_bytes| Share { backups: 2, size_bytes: size_bytes * 2 };
        sizes.iter().map(|(month, size)| (*month, share(*size))).collect()
    }

    fn percent(sizes: &[(i64, u64)]) -> Option<i64> {
        factor(&months(sizes)).map(|factor| (factor * 100.0).round() as i64)
    }

    #[test]
    fn a_straight_line_is_drawn_through_the_last_months() {
        assert_eq!(percent(&[(-2, 100), (-1, 110), (0, 120)]), Some(150));
        assert_eq!(percent(&[(-2, 120), (-1, 120), (0, 120)]), Some(100));
        // A month without backups is no month without size.
        assert_eq!(percent(&[(-6, 60), (-2, 100), (0, 120)]), Some(150));
        assert_eq!(percent(&[(-2, 300), (-1, 200), (0, 100)]), Some(0));
        // What was a year before does not matter.
        assert_eq!(
            percent(
                &(-40..=0).map(|month| (month, if month < -12 { 9000 } else { 120 })).collect::<Vec<_>>()
            ),
            Some(100)
        );
    }

    #[test]
    fn a_storage_is_full_when_the_line_meets_its_size() {
        assert_eq!(full_in(100, 160, 150), Some(5));
        assert_eq!(full_in(100, 160, 459), Some(35));
        assert_eq!(full_in(100, 160, 460), None);
        assert_eq!(full_in(100, 160, 90), Some(0));
        assert_eq!(full_in(100, 100, 90), None);
        assert_eq!(full_in(100, 50, 90), None);
        assert_eq!(full_in(0, u64::MAX, u64::MAX), Some(6));
    }

    #[test]
    fn two_months_tell_nothing() {
        assert_eq!(percent(&[(-1, 100), (0, 200)]), None);
        assert_eq!(percent(&[]), None);
    }

    #[test]
    fn months_are_those_of_the_zone() {
        let time: Timestamp = "2026-01-31T23:30:00Z".parse().unwrap();
        assert_eq!(month(time, &TimeZone::UTC), 2026 * 12);
        assert_eq!(month(time, &TimeZone::fixed(jiff::tz::offset(1))), 2026 * 12 + 1);
    }
}
