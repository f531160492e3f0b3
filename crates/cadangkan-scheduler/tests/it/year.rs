use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cadangkan_catalog::{Catalog, JobFilter, JobState};
use cadangkan_core::{BackupId, Timestamp};
use cadangkan_retention::{Calendar, Candidate, Policy, Rule, Rules};
use cadangkan_scheduler::{End, Limits, Note, Plan, Schedule};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::world::{Daemon, Played, World, at, failed, name, plan};

const ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"];

/// So many databases have a second schedule, and it is that of a database so many after them.
const WITH_SECOND: usize = 20;
const SECOND: usize = 22;

/// A number that looks random and always is the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // xorshift64, by Marsaglia.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn settings(index: usize) -> Value {
    let zone = ZONES[index % ZONES.len()];
    let minute = index % 60;
    match index % 5 {
        0 => json!({ "every": "daily", "timezone": zone }),
        1 => json!({ "cron": format!("{minute} 2 * * *"), "timezone": zone, "jitter": "10m" }),
        2 => json!({ "cron": format!("{minute} 1,13 * * *"), "timezone": zone, "missed": "skip" }),
        3 => json!({ "every": "weekly", "day": "sunday", "time": "02:30", "timezone": zone }),
        _ => json!({ "cron": "*/30 2 * * MON-FRI", "timezone": zone }),
    }
}

/// When a pattern of this test is due, found by looking at every hour of the year by the clock on the wall, at those of its
/// minutes that are in any pattern.
fn slow_times(schedule: &Schedule, index: usize, from: Timestamp, to: Timestamp) -> BTreeSet<Timestamp> {
    let zone = schedule.zone();
    let minute = i8::try_from(index % 60).unwrap();
    let due = |time: jiff::civil::DateTime| match index % 5 {
        0 => (time.hour(), time.minute()) == (2, 0),
        1 => (time.hour(), time.minute()) == (2, minute),
        2 => [1, 13].contains(&time.hour()) && time.minute() == minute,
        3 => time.weekday() == jiff::civil::Weekday::Sunday && (time.hour(), time.minute()) == (2, 30),
        _ => {
            let workday = time.weekday().to_monday_zero_offset() < 5;
            workday && time.hour() == 2 && time.minute() % 30 == 0
        }
    };
    let mut times = BTreeSet::new();
    let mut wall = from.to_zoned(zone.clone()).datetime().date().yesterday().unwrap().at(0, 0, 0, 0);
    let end = to.to_zoned(zone.clone()).datetime().date().tomorrow().unwrap().at(0, 0, 0, 0);
    while wall < end {
        for minute in [0, 30, minute] {
            let wall = wall.with().minute(minute).build().unwrap();
            if due(wall) {
                times.insert(first_of(&zone, wall));
            }
        }
        wall = wall.checked_add(jiff::SignedDuration::from_hours(1)).unwrap();
    }
    times.into_iter().filter(|time| *time > from && *time <= to).collect()
}

/// The first moment at which clocks show a time, or show more for the first time.
fn first_of(zone: &TimeZone, wall: jiff::civil::DateTime) -> Timestamp {
    let ambiguous = zone.to_ambiguous_zoned(wall);
    if !matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
        return ambiguous.compatible().unwrap().timestamp();
    }
    let before = ambiguous.earlier().unwrap().timestamp();
    zone.following(before).next().unwrap().timestamp()
}

/// A year of 100 databases in four zones, with runs that fail, daemons that are killed, and days without one: each time at
/// which something was due is there once, done or told.
#[test]
fn a_year_of_a_hundred_databases_loses_no_run_and_makes_none_twice() {
    let began = Instant::now();
    let (start, end) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let world = World::new();
    let mut dice = Dice(0x5eed_cada_0001);
    let one = |index: usize| plan(&format!("db{index:02}"), "main", settings(index));
    // Some databases have a second one, whose backups go by a policy of their own.
    let second = |index: usize| plan(&format!("db{index:02}"), "often", settings(index + SECOND));
    let plans: Vec<Plan> = (0..100).map(one).chain((0..WITH_SECOND).map(second)).collect();
    let mut runner = Played { takes: Duration::from_secs(900), ..Played::new() };
    let limits = Limits { at_once: 20, ..Limits::default() };
    let (mut now, mut notes) = (start, Vec::new());
    let (mut daemons, mut kills) = (0, 0);
    while now < end {
        let mut daemon = Daemon::start_with(&world, &plans, now, limits);
        daemons += 1;
        for plan in &plans {
            let mut ends = Vec::new();
            for _ in 0..20 {
                ends.push(match dice.roll(20) {
                    0 => failed("the server does not answer"),
                    1 => End::Partial("one storage did not get it".into()),
                    2 => End::Busy,
                    3 => End::Failed { reason: "denied".into(), retry: false },
                    _ => End::Completed,
                });
            }
            runner.ends.insert(plan.database.clone(), ends);
        }
        let lives = Duration::from_secs(3600 * (1 + dice.roll(240)) + dice.roll(3600));
        // Half of them end a few minutes after a full hour, when most is under way.
        let until = now.checked_add(lives).unwrap().as_second();
        let until = if dice.roll(2) == 0 { until } else { until - until % 3600 + 60 * dice.roll(5) as i64 };
        let until = Timestamp::from_second(until).unwrap().clamp(now, end);
        daemon.until(until, &mut runner);
        notes.append(&mut daemon.notes);
        now = until;
        match dice.roll(3) {
            0 => {}
            1 => {
                kills += 1;
                runner.now = now;
                runner.kill();
            }
            _ => {
                kills += 1;
                runner.now = now;
                runner.kill();
                // Nothing runs for up to three days.
                now = now.checked_add(Duration::from_secs(60 * dice.roll(3 * 24 * 60))).unwrap();
            }
        }
        // A daemon after it has another name.
        now = now.checked_add(Duration::from_millis(1)).unwrap();
    }
    let mut last = Daemon::start_with(&world, &plans, end.max(now), limits);
    last.until(end.max(now).checked_add(Duration::from_secs(12 * 3600)).unwrap(), &mut runner);
    assert!(daemons > 50 && kills > 30, "{daemons} daemons, {kills} killed");

    let mut done = 0;
    for (index, plan) in plans.iter().take(100).enumerate() {
        done += check_one(&world.catalog, plan, index, (start, end));
    }
    for (index, plan) in plans.iter().skip(100).enumerate() {
        check_one(&world.catalog, plan, index + SECOND, (start, end));
    }
    // Each kind of schedule in each zone.
    plans.iter().take(20).for_each(|plan| check_retention(&world.catalog, plan));
    let told = notes.iter().chain(&last.notes).filter(|note| matches!(note, Note::Missed { .. })).count();
    assert!(done > 15_000, "{done}");
    assert!(told > 100, "{told}");
    let interrupted = notes.iter().filter(|note| matches!(note, Note::Interrupted(_))).count();
    assert!(interrupted > 10, "{interrupted}");
    // What completed was begun, and nothing was done twice.
    let mut completed: BTreeMap<_, u32> = BTreeMap::new();
    for (id, end) in &runner.done {
        *completed.entry(*id).or_default() += u32::from(matches!(end, End::Completed | End::Partial(_)));
    }
    assert!(completed.values().all(|count| *count <= 1));
    println!("{done} runs, {daemons} daemons, {kills} killed, {} s", began.elapsed().as_secs());
}

/// Compares what became of a schedule with when it was due; tells how many runs were done.
fn check_one(catalog: &Catalog, plan: &Plan, index: usize, (start, end): (Timestamp, Timestamp)) -> usize {
    let filter = JobFilter { database: Some(name(plan.database.as_str())), ..JobFilter::default() };
    let mut jobs = catalog.jobs(&filter).unwrap();
    jobs.retain(|job| job.schedule == plan.name);
    let due = slow_times(&plan.schedule, index, start, end);
    let mut seen: BTreeMap<Timestamp, u32> = BTreeMap::new();
    let mut done = 0;
    for job in jobs.iter().filter(|job| job.due_at <= end) {
        assert!(!matches!(job.state, JobState::Queued | JobState::Running), "{job:?}");
        done += usize::from(matches!(job.state, JobState::Completed | JobState::Partial));
        let stands_for: Vec<Timestamp> = due.range(job.due_at..=job.last_due_at).copied().collect();
        assert_eq!(stands_for.len(), job.count as usize, "{job:?}");
        for time in stands_for {
            *seen.entry(time).or_default() += 1;
        }
    }
    let twice: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{} {twice:?}", plan.database);
    let lost: Vec<_> = due.iter().filter(|time| !seen.contains_key(time)).collect();
    assert!(lost.is_empty(), "{} {lost:?}", plan.database);
    done
}

/// Lets old backups go after each good one of the year, as the program does, and compares with what a slow and simple model keeps.
fn check_retention(catalog: &Catalog, plan: &Plan) {
    let filter = JobFilter { database: Some(name(plan.database.as_str())), ..JobFilter::default() };
    let mut made: Vec<Made> = catalog
        .jobs(&filter)
        .unwrap()
        .into_iter()
        .filter(|job| matches!(job.state, JobState::Completed | JobState::Partial))
        .filter_map(|job| Some((job.started_at?, job.schedule)))
        .collect();
    made.sort_unstable();
    let zone = plan.schedule.zone();
    let calendar = Calendar { zone: zone.clone(), week_start: jiff::civil::Weekday::Monday };
    let usual = Policy { daily: 7, weekly: 4, monthly: 12, ..Policy::default() };
    let often = Policy { hourly: 6, daily: 3, ..Policy::default() };
    let rules = Rules {
        usual: Rule { policy: usual, calendar: calendar.clone() },
        of_schedules: BTreeMap::from([("often".to_owned(), Rule { policy: often, calendar })]),
    };
    let (mut kept, mut model): (Vec<Made>, Vec<Made>) = (Vec::new(), Vec::new());
    for one in made {
        kept.push(one.clone());
        model.push(one.clone());
        let candidates: Vec<Candidate> = kept.iter().map(candidate).collect();
        let planned = cadangkan_retention::plan(&rules, one.0, &candidates);
        let gone: BTreeSet<BackupId> = planned.removals().map(|decision| decision.id).collect();
        kept.retain(|(time, _)| !gone.contains(&BackupId::new(*time)));
        let is_often = |(_, schedule): &&Made| schedule == "often";
        let mut stay =
            slow_retention(model.iter().filter(is_often), &[("%Y-%m-%d %H %z", 6), ("%Y-%m-%d", 3)], &zone);
        let counts = [("%Y-%m-%d", 7), ("%G-%V", 4), ("%Y-%m", 12)];
        stay.extend(slow_retention(model.iter().filter(|one| !is_often(one)), &counts, &zone));
        model = stay.into_iter().collect();
        assert_eq!(kept, model, "{} at {}", plan.database, one.0);
    }
    let (often, usual): (Vec<_>, Vec<_>) = kept.into_iter().partition(|(_, schedule)| schedule == "often");
    assert!((7..=24).contains(&usual.len()), "{} keeps {}", plan.database, usual.len());
    let has_second = plan.database.as_str() < format!("db{WITH_SECOND:02}").as_str();
    assert!(if has_second { (6..=8).contains(&often.len()) } else { often.is_empty() }, "{often:?}");
}

/// When a backup was made, and by which schedule.
type Made = (Timestamp, String);

fn candidate((time, schedule): &Made) -> Candidate {
    Candidate {
        id: BackupId::new(*time),
        created_at: *time,
        size_bytes: 1,
        doubt: None,
        preserved: false,
        verified_at: None,
        locked_until: None,
        keep_until: None,
        schedule: Some(schedule.clone()),
    }
}

/// The newest of each of the last periods that have one, by their names on a calendar.
fn slow_retention<'a>(
    made: impl DoubleEndedIterator<Item = &'a Made> + Clone,
    counts: &[(&str, usize)],
    zone: &TimeZone,
) -> BTreeSet<Made> {
    let mut stay = BTreeSet::new();
    for (period, count) in counts {
        let mut seen = BTreeSet::new();
        for one in made.clone().rev() {
            let period = one.0.to_zoned(zone.clone()).strftime(period).to_string();
            if seen.insert(period) && seen.len() <= *count {
                stay.insert(one.clone());
            }
        }
    }
    stay
}
