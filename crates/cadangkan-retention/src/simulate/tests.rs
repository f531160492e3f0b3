use std::collections::BTreeMap;

use cadangkan_core::{BackupId, Timestamp};
use jiff::SignedDuration;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::plan::tests::{backup, policies, series, stays};
use crate::{Policy, Rule};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn berlin() -> Calendar {
    Calendar { zone: TimeZone::get("Europe/Berlin").unwrap(), week_start: Weekday::Monday }
}

/// One each so many hours from the first one on, as a schedule makes them.
fn every(hours: i64, first: Timestamp, schedule: Option<&str>) -> impl Iterator<Item = Coming> + use<> {
    let schedule = schedule.map(str::to_owned);
    (0..).map(move |number| Coming {
        at: first + SignedDuration::from_hours(hours * number),
        size_bytes: 100,
        schedule: schedule.clone(),
    })
}

#[test]
fn a_year_of_hourly_backups_fills_up_and_stays() {
    let policy = Policy { hourly: 24, daily: 7, weekly: 4, monthly: 12, ..Policy::default() };
    let now = at("2025-01-01T00:00:00Z");
    let coming = every(1, at("2025-01-01T01:00:00Z"), None);
    let days = simulate(&Rules::one(policy, berlin()), now, &[], coming, 365);
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
    let now = at("2025-03-01T12:00:00Z");
    let days = simulate(&Rules::one(Policy::KEEP_ALL, calendar), now, &[], std::iter::empty(), 3);
    assert!(days.iter().all(|day| day.backups == 0 && day.oldest_at.is_none() && day.removed == 0));
}

/// A year of a database with two schedules that have policies of their own, one that has none, and a person: at every backup the
/// slow model says the same of each, and at the end there is what the policies say.
#[test]
fn a_year_of_schedules_with_policies_of_their_own_goes_as_the_slow_model_says() {
    let rule = |policy| Rule { policy, calendar: berlin() };
    let often = Policy { hourly: 12, daily: 2, ..Policy::default() };
    let weekly =
        Policy { weekly: 8, max_age: Some(std::time::Duration::from_secs(50 * 86_400)), ..often.clone() };
    let weekly = Policy { hourly: 0, daily: 0, ..weekly };
    let rules = Rules {
        usual: rule(Policy { daily: 7, monthly: 12, ..Policy::default() }),
        of_schedules: BTreeMap::from([
            ("often".to_owned(), rule(often)),
            ("weekly".to_owned(), rule(weekly)),
        ]),
    };
    let now = at("2025-01-01T00:00:00Z");
    let end = at("2026-01-01T00:00:00Z");
    let mut coming: Vec<Coming> = [
        every(2, at("2025-01-01T01:00:00Z"), Some("often")),
        every(24, at("2025-01-01T03:30:00Z"), Some("nightly")),
        every(24 * 7, at("2025-01-05T02:00:00Z"), Some("weekly")),
        every(24 * 11, at("2025-01-03T15:10:00Z"), None),
    ]
    .into_iter()
    .flat_map(|all| all.take_while(|one| one.at < end).collect::<Vec<_>>())
    .collect();
    coming.sort_by_key(|one| one.at);

    let mut present: Vec<Candidate> = Vec::new();
    for (number, one) in coming.iter().enumerate() {
        present.push(Candidate {
            id: BackupId::new(one.at),
            created_at: one.at,
            size_bytes: one.size_bytes,
            doubt: None,
            preserved: number == 300,
            verified_at: (number % 500 == 0).then_some(one.at),
            locked_until: None,
            keep_until: None,
            schedule: one.schedule.clone(),
        });
        let judged = plan(&rules, one.at, &present);
        let expected: Vec<_> =
            present.iter().filter(|one_of| stays(&rules, one.at, &present, one_of)).collect();
        let kept: Vec<_> = judged.kept().map(|decision| decision.id).collect();
        assert_eq!(kept, expected.iter().rev().map(|one| one.id).collect::<Vec<_>>(), "after {}", one.at);
        present.retain(|one| kept.contains(&one.id));
    }
    let of = |schedule: Option<&str>| {
        present.iter().filter(|one| one.schedule.as_deref() == schedule && !one.preserved).count()
    };
    // Of eight weeks one is older than fifty days.
    assert_eq!((of(Some("often")), of(Some("weekly"))), (12, 7));
    // Seven days and eleven months before, as one series: the nightly ones, and what a person made by the way.
    assert!((17..=19).contains(&(of(Some("nightly")) + of(None))), "{}", of(Some("nightly")) + of(None));

    // Played, it is the same, but for what a person preserved or verified.
    let days = simulate(&rules, now, &[], coming.into_iter(), 365);
    assert!(days[364].backups.abs_diff(present.len() as u64) <= 2, "{:?} {}", days[364], present.len());
}

#[test]
fn a_hundred_thousand_that_all_stay_are_no_work() {
    let now = at("2025-01-01T00:00:00Z");
    let first = now + SignedDuration::from_secs(1);
    let coming = (0..100_000).map(|number| Coming {
        at: first + SignedDuration::from_secs(number),
        size_bytes: 1,
        schedule: None,
    });
    let days = simulate(&Rules::one(Policy::KEEP_ALL, berlin()), now, &[], coming, 3);
    assert_eq!(days[2].backups, 100_000);
}

/// The same with the rules applied after each backup, as it happens in truth.
fn after_each(
    rules: &Rules,
    now: Timestamp,
    existing: &[Candidate],
    coming: &[Coming],
    days: u32,
) -> Vec<Day> {
    let mut seen = simulate(rules, now, &[], std::iter::empty(), days);
    let mut present = existing.to_vec();
    let mut removed = apply(rules, now, &mut present);
    let mut taken: BTreeSet<BackupId> = existing.iter().map(|one| one.id).collect();
    let mut coming = coming.iter().filter(|one| one.at > now).peekable();
    for day in &mut seen {
        let end = end_of(day.date, &rules.usual.calendar).unwrap();
        while let Some(one) = coming.next_if(|one| one.at < end) {
            let (id, schedule) = (free_id(&mut taken, one.at), one.schedule.clone());
            present.push(Candidate { id, size_bytes: one.size_bytes, schedule, ..backup(one.at) });
            removed += apply(rules, one.at, &mut present);
        }
        day.backups = present.len() as u64;
        day.size_bytes = present.iter().map(|one| one.size_bytes).sum();
        day.oldest_at = present.iter().map(|one| one.created_at).min();
        day.removed = std::mem::take(&mut removed);
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn once_a_day_is_as_after_each_backup(
        policy in policies(), often in policies(), nightly in prop::option::of(policies()), most in prop::option::of(1..4000u64),
        existing in series(), hours in 0..500i64 * 24, pace in 1..40i64, sizes in prop::collection::vec(1..300u64, 1..9),
    ) {
        let now = at("2025-01-01T00:00:00Z") + SignedDuration::from_hours(hours);
        let policy = Policy { max_size: most.filter(|_| !policy.keep_all), ..policy };
        let own = [("often", Some(often)), ("nightly", nightly)].into_iter();
        let own = own.filter_map(|(name, policy)| Some((name.to_owned(), Rule { policy: policy?, calendar: berlin() })));
        let rules = Rules { usual: Rule { policy, calendar: berlin() }, of_schedules: own.collect() };
        let coming: Vec<_> = (0..200i64)
            .zip(sizes.iter().cycle())
            .map(|(number, size)| Coming {
                at: now + SignedDuration::from_mins(number * pace * 17),
                size_bytes: *size,
                schedule: [None, Some("often"), Some("nightly")][(number * pace % 3) as usize].map(str::to_owned),
            })
            .collect();
        let expected = after_each(&rules, now, &existing, &coming, 60);
        prop_assert_eq!(simulate(&rules, now, &existing, coming.into_iter(), 60), expected);
    }
}
