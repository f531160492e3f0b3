use std::time::Duration;

use cadangkan_core::{Result, Timestamp};
use cadangkan_scheduler::Schedule;

use crate::inventory::{DatabaseEntry, Inventory};
use crate::schedules::{self, Known};

/// How many runs ahead are looked at for the longest time between two.
const LOOKED_AT: usize = 10;

/// What is planned for a database: what is due is held against it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planned {
    /// How far apart its backups are to be, at most; none where nobody said so.
    pub(crate) interval: Option<Duration>,
    /// When the next one begins.
    pub(crate) next_run: Option<Timestamp>,
    /// When the one after the last good one was to begin at the latest, with what is left to chance and the hours that it waits for.
    pub(crate) expected: Option<Timestamp>,
}

impl Planned {
    /// Tells what is planned, by the schedules that count. Backups that are made by hand or by another program's clock are not.
    pub(crate) fn of(
        known: &Known,
        inventory: &Inventory,
        entry: &DatabaseEntry,
        last_good: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self> {
        let mut schedules = schedules::of_backups(known, inventory, entry)?;
        schedules.retain(schedules::ScheduleEntry::is_active);
        let schedules: Vec<_> = schedules.into_iter().map(|entry| entry.plan.schedule).collect();
        Ok(Planned {
            interval: schedules.iter().filter_map(|schedule| longest_gap(schedule, now)).min(),
            next_run: schedules.iter().filter_map(|schedule| schedule.begins_after(now)).min(),
            expected: last_good
                .and_then(|last| schedules.iter().filter_map(|schedule| latest_after(schedule, last)).min()),
        })
    }
}

/// When the next run after a moment begins at the latest.
fn latest_after(schedule: &Schedule, after: Timestamp) -> Option<Timestamp> {
    let due = schedule.next_after(after)?;
    schedule.may_begin(due.checked_add(schedule.jitter).unwrap_or(due))
}

/// The longest time between two of the next runs: over a weekend, where there are none.
fn longest_gap(schedule: &Schedule, now: Timestamp) -> Option<Duration> {
    let next = |time: &Timestamp| schedule.next_after(*time);
    let times: Vec<_> = std::iter::successors(schedule.next_after(now), next).take(LOOKED_AT).collect();
    let gaps = times.windows(2).filter_map(|pair| match pair {
        [earlier, later] => Some(later.duration_since(*earlier).unsigned_abs()),
        _ => None,
    });
    gaps.max()
}
