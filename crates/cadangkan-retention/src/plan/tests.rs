use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan, Zoned};
use proptest::prelude::*;

use super::*;
use crate::{Period, Rule};

const DAY: Duration = Duration::from_secs(86_400);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn berlin() -> Calendar {
    Calendar { zone: TimeZone::get("Europe/Berlin").unwrap(), week_start: Weekday::Monday }
}

pub(crate) fn backup(created_at: Timestamp) -> Candidate {
    Candidate {
        id: BackupId::new(created_at),
        created_at,
        size_bytes: 10,
        doubt: None,
        preserved: false,
        verified_at: None,
        locked_until: None,
        keep_until: None,
        schedule: None,
    }
}

/// Judges by one policy.
fn plan(policy: &Policy, calendar: &Calendar, now: Timestamp, candidates: &[Candidate]) -> Plan {
    super::plan(&Rules::one(policy.clone(), calendar.clone()), now, candidates)
}

/// A backup at three o'clock of each of so many days, the last one on the given day.
fn nightly(last: &str, days: i64) -> Vec<Candidate> {
    let last: Zoned = format!("{last}T03:00[Europe/Berlin]").parse().unwrap();
    (0..days).map(|ago| backup(last.checked_sub(ago.days()).unwrap().timestamp())).collect()
}

fn kept(plan: &Plan) -> Vec<String> {
    plan.kept().map(|decision| decision.created_at.to_zoned(berlin().zone).date().to_string()).collect()
}

fn reasons_of(plan: &Plan, id: BackupId) -> Vec<String> {
    let decision = plan.decisions.iter().find(|decision| decision.id == id).unwrap();
    decision.reasons.iter().map(ToString::to_string).collect()
}

#[test]
fn grandfather_father_son_of_a_year_of_nights() {
    let policy = Policy { daily: 7, weekly: 4, monthly: 12, ..Policy::default() };
    let plan = plan(&policy, &berlin(), at("2026-01-15T12:00:00Z"), &nightly("2026-01-15", 400));
    // 2026-01-15 is a Thursday; weeks end on Sundays, months on their last days.
    let expected = [
        "2026-01-15",
        "2026-01-14",
        "2026-01-13",
        "2026-01-12",
        "2026-01-11",
        "2026-01-10",
        "2026-01-09",
        "2026-01-04",
        "2025-12-31",
        "2025-12-28",
        "2025-11-30",
        "2025-10-31",
        "2025-09-30",
        "2025-08-31",
        "2025-07-31",
        "2025-06-30",
        "2025-05-31",
        "2025-04-30",
        "2025-03-31",
        "2025-02-28",
    ];
    assert_eq!(kept(&plan), expected);
    let sunday = nightly("2026-01-11", 1).remove(0).id;
    assert_eq!(
        reasons_of(&plan, sunday),
        ["daily 5 of 7: newest of 2026-01-11", "weekly 2 of 4: newest of the week of 2026-01-05"]
    );
    let gone = nightly("2026-01-08", 1).remove(0).id;
    assert_eq!(reasons_of(&plan, gone), ["no count keeps it"]);
    let removals: Vec<_> = plan.removals().map(|decision| decision.created_at).collect();
    assert!(removals.is_sorted(), "the oldest goes first");
    assert_eq!(removals.len() + expected.len(), 400);
}

#[test]
fn a_week_begins_on_the_day_that_is_configured() {
    let policy = Policy { weekly: 2, ..Policy::default() };
    let now = at("2026-01-15T12:00:00Z");
    let sundays = Calendar { week_start: Weekday::Sunday, ..berlin() };
    assert_eq!(
        kept(&plan(&policy, &berlin(), now, &nightly("2026-01-15", 20))),
        ["2026-01-15", "2026-01-11"]
    );
    assert_eq!(kept(&plan(&policy, &sundays, now, &nightly("2026-01-15", 20))), ["2026-01-15", "2026-01-10"]);
}

#[test]
fn days_are_those_of_the_zone() {
    // Half past eleven in the evening in UTC is the next day in Berlin.
    let (early, late) = (backup(at("2026-01-14T22:30:00Z")), backup(at("2026-01-14T23:30:00Z")));
    let policy = Policy { daily: 2, ..Policy::default() };
    let now = at("2026-01-15T12:00:00Z");
    let all = [early, late];
    assert_eq!(plan(&policy, &berlin(), now, &all).kept().count(), 2);
    let utc = Calendar { zone: TimeZone::UTC, ..berlin() };
    assert_eq!(plan(&policy, &utc, now, &all).kept().count(), 1);
}

#[test]
fn the_hour_that_comes_twice_is_two_hours() {
    // 2025-10-26: at three in the morning it is two again.
    let hours = ["2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z"].map(|time| backup(at(time)));
    let policy = Policy { hourly: 2, ..Policy::default() };
    assert_eq!(plan(&policy, &berlin(), at("2025-10-26T02:00:00Z"), &hours).kept().count(), 2);
}

#[test]
fn a_series_that_stopped_is_not_eaten_up_by_time() {
    let policy = Policy { daily: 3, ..Policy::default() };
    let plan = plan(&policy, &berlin(), at("2036-01-01T00:00:00Z"), &nightly("2026-01-15", 10));
    assert_eq!(kept(&plan), ["2026-01-15", "2026-01-14", "2026-01-13"]);
}

#[test]
fn age_alone() {
    let policy = Policy { max_age: Some(7 * DAY), ..Policy::default() };
    let judged = plan(&policy, &berlin(), at("2026-01-15T12:00:00Z"), &nightly("2026-01-15", 10));
    assert_eq!(judged.kept().count(), 7);
    let oldest = nightly("2026-01-06", 1).remove(0).id;
    assert_eq!(reasons_of(&judged, oldest), ["older than 7d"]);
    // Ten years later the newest good one is still there, and as many as were asked for.
    let later = at("2036-01-15T12:00:00Z");
    assert_eq!(kept(&plan(&policy, &berlin(), later, &nightly("2026-01-15", 10))), ["2026-01-15"]);
    let policy = Policy { min_backups: 3, ..policy };
    assert_eq!(plan(&policy, &berlin(), later, &nightly("2026-01-15", 10)).kept().count(), 3);
}

#[test]
fn size_alone_and_with_what_stays_anyway() {
    let policy = Policy { max_size: Some(45), ..Policy::default() };
    let now = at("2026-01-15T12:00:00Z");
    let mut backups = nightly("2026-01-15", 10);
    assert_eq!(
        kept(&plan(&policy, &berlin(), now, &backups)),
        ["2026-01-15", "2026-01-14", "2026-01-13", "2026-01-12"]
    );
    // What a person preserved takes its room from the others.
    backups[9].preserved = true;
    backups[9].size_bytes = 20;
    assert_eq!(kept(&plan(&policy, &berlin(), now, &backups)), ["2026-01-15", "2026-01-14", "2026-01-06"]);
    // One that does not fit hides no older one that would: the rest is a row without gaps.
    backups[9] = nightly("2026-01-06", 1).remove(0);
    backups[1].size_bytes = 100;
    assert_eq!(kept(&plan(&policy, &berlin(), now, &backups)), ["2026-01-15"]);
}

#[test]
fn counts_and_limits_together() {
    let policy = Policy { daily: 7, monthly: 12, max_age: Some(100 * DAY), ..Policy::default() };
    let judged = plan(&policy, &berlin(), at("2026-01-15T12:00:00Z"), &nightly("2026-01-15", 400));
    assert_eq!(
        kept(&judged),
        [
            "2026-01-15",
            "2026-01-14",
            "2026-01-13",
            "2026-01-12",
            "2026-01-11",
            "2026-01-10",
            "2026-01-09",
            "2025-12-31",
            "2025-11-30",
            "2025-10-31"
        ]
    );
    let hard = Policy { hard_limit: Some(365 * DAY), ..Policy::KEEP_ALL };
    assert_eq!(
        plan(&hard, &berlin(), at("2026-01-15T12:00:00Z"), &nightly("2026-01-15", 400)).kept().count(),
        365
    );
}

#[test]
fn what_never_goes() {
    let policy = Policy { daily: 1, hard_limit: Some(DAY), ..Policy::default() };
    let mut backups = nightly("2026-01-15", 9);
    backups[0].doubt = Some("suspect");
    backups[2].verified_at = Some(at("2026-01-14T00:00:00Z"));
    backups[3].verified_at = Some(at("2026-01-13T00:00:00Z"));
    backups[4].preserved = true;
    backups[5].keep_until = Some(at("2026-02-01T00:00:00Z"));
    backups[6].keep_until = Some(at("2026-01-12T00:00:00Z"));
    backups[7].doubt = Some("damaged");
    backups[8].locked_until = Some(at("2026-01-15T12:00:01Z"));
    let plan = plan(&policy, &berlin(), at("2026-01-15T12:00:00Z"), &backups);
    assert_eq!(
        kept(&plan),
        ["2026-01-15", "2026-01-14", "2026-01-13", "2026-01-11", "2026-01-10", "2026-01-08", "2026-01-07"]
    );
    let said = |index: usize| reasons_of(&plan, backups[index].id);
    assert_eq!(said(0), ["suspect: only you delete it"]);
    assert_eq!(said(1), ["the newest good one", "daily 1 of 1: newest of 2026-01-14"]);
    assert_eq!(said(2), ["the last verified one"]);
    assert_eq!(said(4), ["preserved"]);
    assert_eq!(said(5), ["asked to stay until 2026-02-01 00:00 UTC"]);
    assert_eq!(said(6), ["older than 1d"]);
}

#[test]
fn a_backup_of_the_future_takes_nothing_from_those_of_today() {
    let policy = Policy { daily: 3, max_age: Some(30 * DAY), ..Policy::default() };
    let mut backups = nightly("2026-01-15", 5);
    backups.push(backup(at("2030-01-01T00:00:00Z")));
    let plan = plan(&policy, &berlin(), at("2026-01-15T12:00:00Z"), &backups);
    assert_eq!(kept(&plan), ["2030-01-01", "2026-01-15", "2026-01-14"]);
}

#[test]
fn a_schedule_with_a_policy_of_its_own_takes_no_place_from_others() {
    let rule = |policy| Rule { policy, calendar: berlin() };
    let own = |policy| std::collections::BTreeMap::from([("often".to_owned(), rule(policy))]);
    let usual = rule(Policy { daily: 2, ..Policy::default() });
    let mut backups = nightly("2026-01-15", 6);
    for one in [1, 3, 5] {
        backups[one].schedule = Some("often".to_owned());
    }
    // A schedule that is gone, or says nothing itself, goes by the database's policy.
    backups[4].schedule = Some("renamed".to_owned());
    let rules = Rules { usual: usual.clone(), of_schedules: own(Policy { daily: 1, ..Policy::default() }) };
    let now = at("2026-01-15T12:00:00Z");
    let judged = super::plan(&rules, now, &backups);
    assert_eq!(kept(&judged), ["2026-01-15", "2026-01-14", "2026-01-13"]);
    let because = |index: usize| judged.decisions[index].because();
    assert_eq!(because(1), "daily 1 of 1: newest of 2026-01-14, by the policy of often");
    assert_eq!(because(2), "daily 2 of 2: newest of 2026-01-13");
    assert_eq!(because(3), "no count keeps it, by the policy of often");
    assert_eq!(because(4), "no count keeps it");
    // The newest good one and the last verified one are those of all: whoever made them.
    backups[0].doubt = Some("suspect");
    backups[3].verified_at = Some(now);
    let rules = Rules {
        usual,
        of_schedules: own(Policy { hard_limit: Some(Duration::from_secs(60)), ..Policy::KEEP_ALL }),
    };
    let judged = super::plan(&rules, now, &backups);
    assert_eq!(kept(&judged), ["2026-01-15", "2026-01-14", "2026-01-13", "2026-01-12", "2026-01-11"]);
    assert_eq!(judged.decisions[1].because(), "the newest good one; all are kept, by the policy of often");
    assert_eq!(judged.decisions[5].because(), "older than 1m, by the policy of often");
}

/// Says of each backup whether it stays, the slow and simple way: one question after the other about one backup.
pub(crate) fn stays(rules: &Rules, now: Timestamp, all: &[Candidate], one: &Candidate) -> bool {
    let own = |one: &Candidate| one.schedule.clone().filter(|name| rules.of_schedules.contains_key(name));
    let rule = own(one).map_or(&rules.usual, |name| &rules.of_schedules[&name]);
    let (policy, calendar) = (&rule.policy, &rule.calendar);
    let newer = |other: &Candidate| (other.created_at, other.id) > (one.created_at, one.id);
    let is_good = |other: &Candidate| other.doubt.is_none();
    let judged = |other: &Candidate| is_good(other) && other.keep_until.is_none() && own(other) == own(one);
    let is_newest_good = is_good(one) && !all.iter().any(|other| is_good(other) && newer(other));
    let verified = |other: &Candidate| is_good(other).then_some(other.verified_at).flatten();
    let is_last_verified = verified(one).is_some()
        && !all.iter().any(|other| {
            (verified(other), other.created_at, other.id) > (verified(one), one.created_at, one.id)
                && verified(other).is_some()
        });
    let held = one.keep_until.is_some_and(|until| until > now);
    if one.preserved || held || one.doubt.is_some() || is_newest_good || is_last_verified {
        return true;
    }
    let age = now.duration_since(one.created_at);
    let beyond =
        |limit: Option<Duration>| limit.is_some_and(|limit| age > SignedDuration::try_from(limit).unwrap());
    if beyond(policy.hard_limit) {
        return false;
    }
    if policy.keep_all {
        return true;
    }
    if !judged(one) {
        return false;
    }
    let rank = all.iter().filter(|other| judged(other) && newer(other)).count();
    if rank < policy.min_backups as usize {
        return true;
    }
    let text = |period: Period, time: Timestamp| {
        let zoned = time.to_zoned(calendar.zone.clone());
        match period {
            Period::Hour => zoned.strftime("%Y-%m-%d %H %z").to_string(),
            Period::Day => zoned.strftime("%Y-%m-%d").to_string(),
            Period::Week => {
                let mut day = zoned.date();
                while day.weekday() != calendar.week_start {
                    day = day.yesterday().unwrap();
                }
                day.to_string()
            }
            Period::Month => zoned.strftime("%Y-%m").to_string(),
            Period::Year => zoned.strftime("%Y").to_string(),
        }
    };
    let counted = [
        (Period::Hour, policy.hourly),
        (Period::Day, policy.daily),
        (Period::Week, policy.weekly),
        (Period::Month, policy.monthly),
        (Period::Year, policy.yearly),
    ];
    let no_counts = counted.iter().all(|(_, count)| *count == 0);
    let kept = counted.iter().any(|(period, count)| {
        let own = text(*period, one.created_at);
        let newer: Vec<_> = all.iter().filter(|other| judged(other) && newer(other)).collect();
        let periods: BTreeSet<_> = newer.iter().map(|other| text(*period, other.created_at)).collect();
        !periods.contains(&own) && periods.len() < *count as usize
    });
    (kept || no_counts) && !beyond(policy.max_age)
}

pub(crate) fn policies() -> impl Strategy<Value = Policy> {
    let count = || prop_oneof![3 => Just(0u32), 2 => 1..5u32, 1 => 5..40u32];
    let days =
        |most: u64| prop_oneof![2 => Just(None), 1 => (1..most).prop_map(|days| Some(DAY * days as u32))];
    let counts = (count(), count(), count(), count(), count());
    (counts, days(120), days(300), 0..4u32, any::<bool>()).prop_map(
        |((hourly, daily, weekly, monthly, yearly), max_age, hard_limit, min_backups, keep_all)| {
            if keep_all && hourly == 1 {
                return Policy { hard_limit, ..Policy::KEEP_ALL };
            }
            Policy {
                hourly,
                daily,
                weekly,
                monthly,
                yearly,
                max_age,
                hard_limit,
                min_backups,
                ..Policy::default()
            }
        },
    )
}

pub(crate) fn series() -> impl Strategy<Value = Vec<Candidate>> {
    // Around both changes of the clocks of a year, dense and sparse.
    let time = prop_oneof![
        (0..400i64 * 24).prop_map(|hours| hours * 3600),
        (0..400i64 * 86_400).prop_map(|seconds| seconds),
        (0..72i64).prop_map(|quarters| (298 * 24) * 3600 + quarters * 900),
    ];
    let one = (time, 0..20u8, prop::option::weighted(0.1, 0..400i64), prop::option::weighted(0.1, 0..500i64));
    prop::collection::btree_map(0..120u16, one, 0..70).prop_map(|map| {
        let mut ids = BTreeSet::new();
        let start = at("2025-01-01T00:00:00Z");
        map.into_values()
            .map(|(seconds, kind, verified, until)| {
                let mut one = backup(start + SignedDuration::from_secs(seconds));
                while !ids.insert(one.id) {
                    one.id = one.id.next();
                }
                one.preserved = kind == 0;
                one.doubt = (kind == 1).then_some("damaged");
                one.verified_at = verified.map(|days| start + SignedDuration::from_hours(days * 24));
                one.keep_until = until.map(|days| start + SignedDuration::from_hours(days * 24));
                one.schedule = [None, Some("often"), Some("nightly"), Some("gone")][(seconds % 4) as usize]
                    .map(str::to_owned);
                one
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_slow_and_simple_model(
        policy in policies(), often in policies(), nightly in prop::option::of(policies()), backups in series(),
        hours in 0..500i64 * 24, sunday in any::<bool>(), zone in 0..4usize,
    ) {
        let zone = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"][zone];
        let week_start = if sunday { Weekday::Sunday } else { Weekday::Monday };
        let calendar = Calendar { zone: TimeZone::get(zone).unwrap(), week_start };
        let now = at("2025-01-01T00:00:00Z") + SignedDuration::from_hours(hours);
        let own = [("often", Some(often)), ("nightly", nightly)].into_iter();
        let own = own.filter_map(|(name, policy)| Some((name.to_owned(), Rule { policy: policy?, calendar: berlin() })));
        let rules = Rules { usual: Rule { policy, calendar }, of_schedules: own.collect() };
        let judged = super::plan(&rules, now, &backups);
        prop_assert_eq!(judged.decisions.len(), backups.len());
        for one in &backups {
            let decision = judged.decisions.iter().find(|decision| decision.id == one.id).unwrap();
            prop_assert!(!decision.reasons.is_empty());
            let expected = stays(&rules, now, &backups, one);
            prop_assert_eq!(decision.verdict == Verdict::Keep, expected, "{}: {:?}", one.id, decision);
        }
    }

    #[test]
    fn carried_out_it_is_satisfied_and_the_order_of_the_list_is_nothing(
        policy in policies(), backups in series(), most in prop::option::of(1..400u64), turn in 0..70usize,
    ) {
        let policy = Policy { max_size: most.filter(|_| !policy.keep_all), ..policy };
        let now = at("2026-02-01T00:00:00Z");
        let judged = plan(&policy, &berlin(), now, &backups);
        let mut turned = backups.clone();
        turned.rotate_left(turn.min(backups.len()));
        let again = plan(&policy, &berlin(), now, &turned);
        let verdicts = |plan: &Plan| plan.decisions.iter().map(|one| (one.id, one.verdict)).collect::<Vec<_>>();
        prop_assert_eq!(verdicts(&judged), verdicts(&again));
        let left: Vec<_> = backups
            .iter()
            .filter(|one| judged.kept().any(|decision| decision.id == one.id))
            .cloned()
            .collect();
        prop_assert_eq!(plan(&policy, &berlin(), now, &left).removals().count(), 0);
        if let Some(most) = policy.max_size {
            let free: u64 = judged
                .kept()
                .filter(|one| !one.reasons.iter().any(|reason| reason.is_protection() || matches!(reason, Reason::Minimum(_))))
                .map(|one| one.size_bytes)
                .sum();
            prop_assert!(free <= most);
        }
    }
}
