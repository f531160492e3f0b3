use std::collections::BTreeSet;

use cadangkan_core::{BackupId, Timestamp};
use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

use crate::{Calendar, Candidate, Rules, plan};

/// What there is at the end of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The day, in the calendar's zone.
    pub date: Date,
    /// How many backups there are.
    pub backups: u64,
    /// What they take together, in bytes as stored.
    pub size_bytes: u64,
    /// When the oldest of them began.
    pub oldest_at: Option<Timestamp>,
    /// How many were deleted on this day.
    pub removed: u64,
}

/// A backup that will be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coming {
    /// When it begins.
    pub at: Timestamp,
    /// What it takes, in bytes as stored.
    pub size_bytes: u64,
    /// The schedule that makes it, where one does.
    pub schedule: Option<String>,
}

/// Plays `days` days from `now` on: backups come as `coming` says, and at the end of each day the rules have been applied.
///
/// The times of `coming` must rise; what lies before `now` is left out. It is asked for no more than the days need. Days are those of the usual rule.
pub fn simulate(
    rules: &Rules,
    now: Timestamp,
    existing: &[Candidate],
    coming: impl Iterator<Item = Coming>,
    days: u32,
) -> Vec<Day> {
    let mut present = existing.to_vec();
    let mut taken: BTreeSet<BackupId> = present.iter().map(|one| one.id).collect();
    let calendar = &rules.usual.calendar;
    let mut coming = coming.skip_while(|next| next.at <= now).peekable();
    let today = now.to_zoned(calendar.zone.clone()).date();
    let mut removed = apply(rules, now, &mut present);
    let is_of_room = rules.all().any(|(_, rule)| rule.policy.max_size.is_some());
    let mut seen = Vec::new();
    for offset in 0..days {
        let Ok(date) = today.checked_add(i64::from(offset).days()) else { break };
        let Some(end) = end_of(date, calendar) else { break };
        let mut last = None::<Timestamp>;
        while let Some(Coming { at, size_bytes, schedule }) = coming.next_if(|next| next.at < end) {
            // What takes room for an hour may be what an old one has to go for.
            if let Some(before) = last.replace(at).filter(|_| is_of_room) {
                removed += apply(rules, before, &mut present);
            }
            present.push(Candidate {
                id: free_id(&mut taken, at),
                created_at: at,
                size_bytes,
                doubt: None,
                preserved: false,
                verified_at: None,
                locked_until: None,
                keep_until: None,
                schedule,
            });
        }
        // By counts and ages, what each backup of the day would have removed goes with the last of them, and no more does.
        removed += last.map_or(0, |at| apply(rules, at, &mut present));
        seen.push(Day {
            date,
            backups: present.len() as u64,
            size_bytes: present.iter().map(|candidate| candidate.size_bytes).sum(),
            oldest_at: present.iter().map(|candidate| candidate.created_at).min(),
            removed: std::mem::take(&mut removed),
        });
    }
    seen
}

/// Removes what goes at this time, and says how many those are.
fn apply(rules: &Rules, now: Timestamp, present: &mut Vec<Candidate>) -> u64 {
    if !rules.all().any(|(_, rule)| rule.policy.removes()) {
        return 0;
    }
    let going: BTreeSet<BackupId> =
        plan(rules, now, present).removals().map(|decision| decision.id).collect();
    present.retain(|candidate| !going.contains(&candidate.id));
    going.len() as u64
}

fn free_id(taken: &mut BTreeSet<BackupId>, time: Timestamp) -> BackupId {
    let mut id = BackupId::new(time);
    while !taken.insert(id) {
        id = id.next();
    }
    id
}

fn end_of(date: Date, calendar: &Calendar) -> Option<Timestamp> {
    let midnight = date.tomorrow().ok()?.to_zoned(calendar.zone.clone()).ok()?;
    Some(midnight.timestamp())
}

#[cfg(test)]
mod tests;
