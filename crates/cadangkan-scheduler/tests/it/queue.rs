use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cadangkan_catalog::JobState;
use cadangkan_scheduler::{End, Limits, Note, Sessions};
use serde_json::json;

use crate::world::{Daemon, Played, World, at, name, plan, states};

#[test]
fn five_hundred_at_the_same_minute_all_have_their_turn() {
    let world = World::new();
    let plans: Vec<_> =
        (0..500).map(|index| plan(&format!("db{index:03}"), "main", json!({ "every": "daily" }))).collect();
    let mut runner = Played { takes: Duration::from_secs(90), ..Played::new() };
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-02T12:00:00Z"), &mut runner);
    assert_eq!(runner.begun.len(), 500);
    assert!(runner.begun.iter().all(|(_, others)| *others < 3), "the limit holds");
    let databases: BTreeSet<_> = runner.begun.iter().map(|(job, _)| job.database.clone()).collect();
    assert_eq!(databases.len(), 500);
    assert!(states(&world).iter().all(|state| *state == JobState::Completed));
    // Three at once, 90 seconds each: the last one begins after 166 rounds, and nobody waited longer than that.
    let last = runner.begun.last().unwrap().0.started_at.unwrap();
    assert!(last < at("2026-01-02T06:15:00Z"), "{last}");
}

#[test]
fn where_there_is_always_more_to_do_than_can_be_done_each_has_its_turn() {
    let world = World::new();
    let plans: Vec<_> =
        (0..20).map(|index| plan(&format!("db{index:02}"), "main", json!({ "cron": "* * * * *" }))).collect();
    // Three at once, half a minute each: six of twenty in a minute.
    let mut runner = Played { takes: Duration::from_secs(30), ..Played::new() };
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-01T12:20:30Z"), &mut runner);
    let mut turns = BTreeMap::new();
    for (job, _) in &runner.begun {
        *turns.entry(job.database.clone()).or_insert(0) += 1;
    }
    assert_eq!(turns.len(), 20, "{turns:?}");
    assert!(turns.values().all(|count| (5..=7).contains(count)), "{turns:?}");
}

#[test]
fn a_database_has_one_run_at_a_time() {
    let world = World::new();
    let plans = [
        plan("shop", "a", json!({ "cron": "0 * * * *" })),
        plan("shop", "b", json!({ "cron": "0 * * * *", "task": "verify" })),
        plan("other", "c", json!({ "cron": "0 * * * *" })),
    ];
    let mut runner = Played { takes: Duration::from_secs(1500), ..Played::new() };
    Daemon::start(&world, &plans, at("2026-01-01T12:30:00Z")).until(at("2026-01-01T13:59:00Z"), &mut runner);
    let begun: Vec<_> = runner.begun.iter().map(|(job, _)| job.schedule.clone()).collect();
    assert_eq!(begun, ["c", "a", "b"]);
    assert!(states(&world).iter().all(|state| *state == JobState::Completed));
}

#[test]
fn runs_spread_by_chance_and_always_alike() {
    let world = World::new();
    let plans: Vec<_> = (0..60)
        .map(|index| plan(&format!("db{index}"), "main", json!({ "every": "daily", "jitter": "1h" })))
        .collect();
    let mut runner = Played { takes: Duration::from_secs(5), ..Played::new() };
    Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z")).until(at("2026-01-02T12:00:00Z"), &mut runner);
    let minutes: BTreeSet<_> =
        runner.begun.iter().map(|(job, _)| job.started_at.unwrap().as_second() / 60).collect();
    assert!(minutes.len() > 25, "{}", minutes.len());
    let late = |job: &cadangkan_catalog::Job| job.started_at.unwrap().duration_since(job.due_at).as_secs();
    assert!(runner.begun.iter().all(|(job, _)| (0..=3660).contains(&late(job))));
}

#[test]
fn a_busy_server_is_waited_for_but_one_that_says_nothing_is_not() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "daily", "max_sessions": 20 }))];
    let mut runner = Played { sessions: Sessions::AtWork(21), ..Played::new() };
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-02T02:20:00Z"), &mut runner);
    assert!(runner.begun.is_empty());
    let told = |note: &&Note| matches!(note, Note::Waits { reason, .. } if reason.starts_with("21 sessions are at work"));
    assert_eq!(daemon.notes.iter().filter(told).count(), 1, "{:?}", daemon.notes);
    runner.sessions = Sessions::Asked;
    daemon.until(at("2026-01-02T02:20:30Z"), &mut runner);
    assert!(runner.begun.is_empty());
    runner.sessions = Sessions::AtWork(20);
    daemon.until(at("2026-01-02T12:00:00Z"), &mut runner);
    assert!(runner.begun[0].0.started_at.unwrap() < at("2026-01-02T02:21:00Z"));
    // A server that is always busy is waited for an hour, one that cannot be asked not at all.
    runner.sessions = Sessions::AtWork(500);
    daemon.until(at("2026-01-03T12:00:00Z"), &mut runner);
    assert_eq!(runner.begun[1].0.started_at.unwrap(), at("2026-01-03T03:00:00Z"));
    runner.sessions = Sessions::Unknown;
    daemon.until(at("2026-01-04T12:00:00Z"), &mut runner);
    assert_eq!(runner.begun[2].0.started_at.unwrap(), at("2026-01-04T02:00:00Z"));
    // What is made up for waits as long, from when it could begin.
    runner.sessions = Sessions::AtWork(21);
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-06T11:00:00Z"));
    daemon.until(at("2026-01-06T13:00:00Z"), &mut runner);
    assert_eq!(runner.begun[3].0.started_at.unwrap(), at("2026-01-06T12:00:00Z"));
}

#[test]
fn a_busy_machine_is_waited_for_but_not_for_ever() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "daily", "max_load": 4.0 }))];
    let mut runner = Played { load: Some(9.0), ..Played::new() };
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-02T02:20:00Z"), &mut runner);
    assert!(runner.begun.is_empty());
    runner.load = Some(1.0);
    daemon.until(at("2026-01-02T12:00:00Z"), &mut runner);
    assert!(runner.begun[0].0.started_at.unwrap() < at("2026-01-02T02:21:00Z"));
    runner.load = Some(9.0);
    daemon.until(at("2026-01-03T12:00:00Z"), &mut runner);
    let second = runner.begun[1].0.started_at.unwrap();
    assert!((at("2026-01-03T03:00:00Z")..at("2026-01-03T03:01:00Z")).contains(&second), "{second}");
}

#[test]
fn a_database_that_is_in_use_is_waited_for() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "daily", "retry": { "attempts": 1 } }))];
    let mut runner = Played { takes: Duration::from_secs(1), ..Played::new() };
    runner.say("shop", &[End::Busy, End::Busy, End::Completed]);
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-02T12:00:00Z"), &mut runner);
    assert_eq!(world.lines(), ["shop/main 02 02:00 completed 1"]);
    assert_eq!(runner.begun.len(), 3);
}

#[test]
fn one_that_is_made_up_for_waits_as_long_for_a_database_in_use() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "daily" }))];
    let mut runner = Played { takes: Duration::from_secs(1), ..Played::new() };
    Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z")).until(at("2026-01-01T13:00:00Z"), &mut runner);
    // It was due more than the longest time of a run ago.
    runner.say("shop", &[End::Busy, End::Busy, End::Completed]);
    let plans = [plan("shop", "main", json!({ "every": "daily", "timeout": "1h" }))];
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-02T12:00:00Z"));
    daemon.until(at("2026-01-02T13:00:00Z"), &mut runner);
    assert_eq!(world.lines(), ["shop/main 02 02:00 completed 1"]);
}

#[test]
fn a_process_that_cannot_be_started_is_a_failed_try() {
    let world = World::new();
    let plans = [
        plan("shop", "main", json!({ "every": "daily" })),
        plan("other", "main", json!({ "every": "daily" })),
    ];
    let mut runner = Played { refuses: true, ..Played::new() };
    let mut daemon = Daemon::start_with(
        &world,
        &plans,
        at("2026-01-01T12:00:00Z"),
        Limits { at_once: 1, ..Limits::default() },
    );
    daemon.until(at("2026-01-02T02:00:30Z"), &mut runner);
    runner.refuses = false;
    daemon.until(at("2026-01-02T12:00:00Z"), &mut runner);
    assert_eq!(world.lines(), ["other/main 02 02:00 completed 2", "shop/main 02 02:00 completed 2"]);
    assert!(daemon.notes.iter().any(|note| matches!(note, Note::Retrying(job) if job.reason.as_deref() == Some("there is no process left"))));
}

#[test]
fn what_runs_and_what_waits_can_be_cancelled() {
    let world = World::new();
    let plans =
        [plan("shop", "a", json!({ "every": "daily" })), plan("shop", "b", json!({ "every": "daily" }))];
    let mut runner = Played { takes: Duration::from_secs(3600), ..Played::new() };
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-02T02:30:00Z"), &mut runner);
    let (count, _) = daemon.scheduler.cancel(&name("shop"), daemon.now, &mut runner).unwrap();
    assert_eq!(count, 2);
    daemon.until(at("2026-01-02T03:30:00Z"), &mut runner);
    assert_eq!(states(&world), [JobState::Cancelled, JobState::Cancelled]);
    assert_eq!(daemon.scheduler.cancel(&name("other"), daemon.now, &mut runner).unwrap().0, 0);
}
