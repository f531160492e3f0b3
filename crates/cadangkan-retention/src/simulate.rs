use cadangkan_core::{BackupId, Timestamp};
use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

use crate::{Calendar, Candidate, Policy, plan};

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

/// Plays `days` days from `now` on: backups come at the times in `coming`, and after each one the policy is applied.
///
/// `coming` gives time and size and must rise; what lies before `now` is left out. It is asked for no more than the days need.
pub fn simulate(
    policy: &Policy,
    calendar: &Calendar,
    now: Timestamp,
    existing: &[Candidate],
    coming: impl Iterator<Item = (Timestamp, u64)>,
    days: u32,
) -> Vec<Day> {
    let mut present = existing.to_vec();
    let mut coming = coming.skip_while(|(time, _)| *time <= now).peekable();
    let today = now.to_zoned(calendar.zone.clone()).date();
    let mut removed = apply(policy, calendar, now, &mut present);
    let mut seen = Vec::new();
    for offset in 0..days {
        let Ok(date) = today.checked_add(i64::from(offset).days()) else { break };
        let Some(end) = end_of(date, calendar) else { break };
        while let Some((time, size_bytes)) = coming.next_if(|(time, _)| *time < end) {
            present.push(Candidate {
                id: free_id(&present, time),
                created_at: time,
                size_bytes,
                doubt: None,
                preserved: false,
                verified_at: None,
                locked_until: None,
                keep_until: None,
            });
            removed += apply(policy, calendar, time, &mut present);
        }
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
fn apply(policy: &Policy, calendar: &Calendar, now: Timestamp, present: &mut Vec<Candidate>) -> u64 {
    let going: Vec<BackupId> =
        plan(policy, calendar, now, present).removals().map(|decision| decision.id).collect();
    present.retain(|candidate| !going.contains(&candidate.id));
    going.len() as u64
}

fn free_id(present: &[Candidate], time: Timestamp) -> BackupId {
    let mut id = BackupId::new(time);
    while present.iter().any(|candidate| candidate.id == id) {
        id = id.next();
    }
    id
}

fn end_of(date: Date, calendar: &Calendar) -> Option<Timestamp> {
    let midnight = date.tomorrow().ok()?.to_zoned(calendar.zone.clone()).ok()?;
    Some(midnight.timestamp())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::civil::Weekday;
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn a_year_of_hourly_backups_fills_up_and_stays() {
        let calendar =
            Calendar { zone: TimeZone::get("Europe/Berlin").unwrap(), week_start: Weekday::Monday };
        let policy = Policy { hourly: 24, daily: 7, weekly: 4, monthly: 12, ..Policy::default() };
        let now: Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
        let coming = (1..).map(|hour| (now + SignedDuration::from_hours(hour), 100));
        let days = simulate(&policy, &calendar, now, &[], coming, 365);
        assert_eq!(days.len(), 365);
        assert_eq!(days[0].date.to_string(), "2025-01-01");
        assert_eq!(days[0].backups, 22, "an hour of the first day is over in Berlin");
        let last = &days[364];
        assert_eq!(last.date.to_string(), "2025-12-31");
        // 24 hours (of one day), six days before, two or three weeks beyond, eleven months before.
        assert!((24 + 6 + 2 + 10..=24 + 6 + 3 + 11).contains(&last.backups), "{last:?}");
        assert_eq!(last.size_bytes, last.backups * 100);
        assert_eq!(last.oldest_at.unwrap().to_string(), "2025-01-31T22:00:00Z");
        let made: u64 = 365 * 24 - 2;
        let removed: u64 = days.iter().map(|day| day.removed).sum();
        assert_eq!(made - removed, last.backups);
    }

    #[test]
    fn without_anything_to_come_age_does_its_work_at_once_only() {
        let calendar = Calendar { zone: TimeZone::UTC, week_start: Weekday::Monday };
        let now: Timestamp = "2025-03-01T12:00:00Z".parse().unwrap();
        let policy = Policy { keep_all: true, ..Policy::default() };
        let days = simulate(&policy, &calendar, now, &[], std::iter::empty(), 3);
        assert!(days.iter().all(|day| day.backups == 0 && day.oldest_at.is_none() && day.removed == 0));
    }
}
