use std::time::Duration;

use cadangkan_catalog::JobState;
use cadangkan_scheduler::{End, Note};
use serde_json::json;

use crate::world::{Daemon, Played, World, at, failed, name, plan, states};

#[test]
fn what_is_due_is_done_once_at_its_time() {
    let world = World::new();
    let plans = [
        plan("shop", "main", json!({ "every": "daily" })),
        plan("shop", "often", json!({ "cron": "0 */8 * * *" })),
    ];
    let mut runner = Played::new();
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-02T12:00:00Z"), &mut runner);
    assert_eq!(
        world.lines(),
        [
            "shop/often 01 16:00 completed 1",
            "shop/often 02 00:00 completed 1",
            "shop/main 02 02:00 completed 1",
            "shop/often 02 08:00 completed 1",
        ]
    );
    assert!(runner.begun.iter().all(|(job, _)| job.started_at == Some(job.due_at)));
}

#[test]
fn what_passed_while_nothing_ran_is_made_up_for_once() {
    let world = World::new();
    let plans = [
        plan("caught", "main", json!({ "every": "daily" })),
        plan("skipped", "main", json!({ "every": "daily", "missed": "skip" })),
    ];
    let mut runner = Played::new();
    Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z")).until(at("2026-01-01T13:00:00Z"), &mut runner);
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-04T12:00:00Z"));
    daemon.until(at("2026-01-05T12:00:00Z"), &mut runner);
    assert_eq!(
        world.lines(),
        [
            "caught/main 02 02:00 missed x2 0",
            "caught/main 04 02:00 completed 1",
            "skipped/main 02 02:00 missed x3 0",
            "caught/main 05 02:00 completed 1",
            "skipped/main 05 02:00 completed 1",
        ]
    );
    let missed: Vec<_> = daemon
        .notes
        .iter()
        .filter_map(|note| match note {
            Note::Missed { database, count, caught_up, .. } => {
                Some((database.to_string(), *count, *caught_up))
            }
            _ => None,
        })
        .collect();
    assert_eq!(missed, [("caught".to_owned(), 3, true), ("skipped".to_owned(), 3, false)]);
}

#[test]
fn a_run_that_is_a_little_late_was_not_missed() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "daily", "missed": "skip" }))];
    let mut runner = Played::new();
    Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z")).until(at("2026-01-02T01:59:59Z"), &mut runner);
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-02T02:04:00Z"));
    daemon.until(at("2026-01-02T03:00:00Z"), &mut runner);
    assert_eq!(world.lines(), ["shop/main 02 02:00 completed 1"]);
    assert!(!daemon.notes.iter().any(|note| matches!(note, Note::Missed { .. })));
}

#[test]
fn a_clock_that_jumps_loses_nothing_and_doubles_nothing() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "daily" }))];
    let mut runner = Played::new();
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-02T02:30:00Z"), &mut runner);
    // Back over a run that was made.
    daemon.now = at("2026-01-02T01:30:00Z");
    daemon.until(at("2026-01-02T04:00:00Z"), &mut runner);
    assert_eq!(world.lines(), ["shop/main 02 02:00 completed 1"]);
    // Ahead by years, and back again: nothing waits for those years to pass.
    daemon.now = at("2036-01-01T00:00:00Z");
    daemon.until(at("2036-01-01T01:00:00Z"), &mut runner);
    daemon.now = at("2026-01-03T00:00:00Z");
    daemon.until(at("2026-01-03T03:00:00Z"), &mut runner);
    let lines = world.lines();
    assert_eq!(
        lines[1..],
        [
            "shop/main 03 02:00 missed x3649 0",
            "shop/main 31 02:00 completed 1",
            "shop/main 03 02:00 completed 1"
        ]
    );
    assert!(daemon.notes.iter().any(|note| matches!(note, Note::ClockSetBack { .. })));
}

#[test]
fn hours_that_are_closed_put_a_run_off() {
    let world = World::new();
    let plans = [plan(
        "shop",
        "main",
        json!({ "every": "daily", "time": "12:00", "window": ["22:00-23:00"], "blackout": ["2026-01-01"] }),
    )];
    let mut runner = Played::new();
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T00:00:00Z"));
    daemon.until(at("2026-01-04T00:00:00Z"), &mut runner);
    let begun: Vec<String> =
        runner.begun.iter().map(|(job, _)| job.started_at.unwrap().to_string()).collect();
    // That of the first could begin on the second only, after the next one is due.
    assert_eq!(begun, ["2026-01-02T22:00:00Z", "2026-01-03T22:00:00Z"]);
    assert_eq!(states(&world), [JobState::Dropped, JobState::Completed, JobState::Completed]);
    assert!(daemon.notes.iter().any(|note| matches!(note, Note::Postponed(_))));
    // That is what its owner wants, and no news.
    assert!(daemon.notes.iter().any(|note| matches!(note, Note::Dropped(_))));
    assert!(!daemon.notes.iter().any(|note| matches!(note, Note::Skipped(_))));
}

#[test]
fn what_is_dropped_is_not_told_as_made_up_for() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "hourly", "window": ["22:00-06:00"] }))];
    let mut runner = Played::new();
    Daemon::start(&world, &plans, at("2026-01-01T00:00:00Z")).until(at("2026-01-01T03:30:00Z"), &mut runner);
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:30:00Z"));
    daemon.until(at("2026-01-01T12:40:00Z"), &mut runner);
    let missed = daemon.notes.iter().filter_map(|note| match note {
        Note::Missed { caught_up, .. } => Some(*caught_up),
        _ => None,
    });
    assert_eq!(missed.collect::<Vec<_>>(), [false]);
    assert!(daemon.notes.iter().any(|note| matches!(note, Note::Dropped(_))));
}

#[test]
fn what_a_busy_database_keeps_out_of_its_hours_is_told() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "hourly", "window": ["22:00-06:00"] }))];
    let mut runner = Played::new();
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-01T22:30:00Z"), &mut runner);
    let dropped = daemon.notes.iter().filter(|note| matches!(note, Note::Dropped(_))).count();
    // Those due from 13 to 21 o'clock; that of 22 o'clock is run.
    assert_eq!((dropped, runner.begun.len()), (9, 1));
    // The last result is that of the one that was run, also where those of the day come after it.
    daemon.until(at("2026-01-02T12:30:00Z"), &mut runner);
    assert_eq!(world.catalog.last_jobs().unwrap()[0].state, JobState::Completed);
    // A run that takes the rest of the night keeps out those after it.
    runner.takes = Duration::from_secs(4 * 3600);
    daemon.until(at("2026-01-03T03:30:00Z"), &mut runner);
    assert!(daemon.notes.iter().any(|note| matches!(note, Note::Skipped(_))));
    assert_eq!(daemon.notes.iter().filter(|note| matches!(note, Note::Dropped(_))).count(), 9 + 16);
}

#[test]
fn what_failed_is_tried_again_with_longer_and_longer_waits() {
    let world = World::new();
    let plans =
        [plan("shop", "main", json!({ "every": "daily", "retry": { "attempts": 3, "delay": "10m" } }))];
    let mut runner = Played::new();
    runner.say(
        "shop",
        &[failed("no route"), failed("no route"), End::Completed, failed("a"), failed("b"), failed("c")],
    );
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-03T12:00:00Z"), &mut runner);
    let begun: Vec<String> = runner
        .begun
        .iter()
        .map(|(job, _)| job.started_at.unwrap().strftime("%d %H:%M").to_string())
        .collect();
    assert_eq!(begun, ["02 02:00", "02 02:11", "02 02:32", "03 02:00", "03 02:11", "03 02:32"]);
    assert_eq!(world.lines(), ["shop/main 02 02:00 completed 3", "shop/main 03 02:00 failed 3"]);
    assert_eq!(world.jobs()[1].reason.as_deref(), Some("c"));
}

#[test]
fn what_another_try_does_not_help_is_not_tried() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "daily" }))];
    let mut runner = Played::new();
    runner.say("shop", &[End::Failed { reason: "denied".into(), retry: false }]);
    Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z")).until(at("2026-01-02T12:00:00Z"), &mut runner);
    assert_eq!(world.lines(), ["shop/main 02 02:00 failed 1"]);
}

#[test]
fn a_run_that_takes_too_long_is_stopped() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "daily", "timeout": "30m" }))];
    let mut runner = Played { takes: Duration::from_secs(7200), ..Played::new() };
    Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z")).until(at("2026-01-02T12:00:00Z"), &mut runner);
    assert_eq!(world.lines(), ["shop/main 02 02:00 failed 1"]);
    let job = &world.jobs()[0];
    assert_eq!(job.finished_at.unwrap(), at("2026-01-02T02:30:00.1Z"));
    assert_eq!(job.reason.as_deref(), Some("it took longer than 1800 seconds"));
}

#[test]
fn one_database_can_follow_another() {
    let world = World::new();
    let plans = [
        plan("first", "main", json!({ "every": "daily" })),
        plan("second", "main", json!({ "after": "first" })),
        plan("third", "main", json!({ "after": "second" })),
        plan("other", "check", json!({ "after": "first", "task": "verify" })),
    ];
    let mut runner = Played::new();
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-02T12:00:00Z"), &mut runner);
    runner.say("first", &[End::Failed { reason: "denied".into(), retry: false }]);
    daemon.until(at("2026-01-03T12:00:00Z"), &mut runner);
    assert_eq!(
        world.lines(),
        [
            "first/main 02 02:00 completed 1",
            "second/main 02 02:00 completed 1",
            "third/main 02 02:00 completed 1",
            "first/main 03 02:00 failed 1",
            "second/main 03 02:00 skipped 0",
        ]
    );
    assert_eq!(world.jobs()[4].reason.as_deref(), Some("the backup of first before it was failed"));
}

#[test]
fn a_schedule_that_is_changed_keeps_no_time_of_before() {
    let world = World::new();
    let mut runner = Played::new();
    let mut daemon = Daemon::start(
        &world,
        &[plan("shop", "main", json!({ "every": "monthly" }))],
        at("2026-01-01T12:00:00Z"),
    );
    daemon.until(at("2026-01-01T13:00:00Z"), &mut runner);
    daemon.scheduler.load(vec![plan("shop", "main", json!({ "every": "hourly" }))], daemon.now).unwrap();
    daemon.until(at("2026-01-01T14:30:00Z"), &mut runner);
    assert_eq!(world.lines(), ["shop/main 01 14:00 completed 1"]);
    // One that is there no more leaves nothing that waits.
    runner.takes = Duration::from_secs(7200);
    daemon.until(at("2026-01-01T16:30:00Z"), &mut runner);
    assert_eq!(states(&world)[2], JobState::Queued);
    let notes = daemon.scheduler.load(Vec::new(), daemon.now).unwrap();
    assert!(matches!(&notes[..], [Note::Dropped(_)]));
    daemon.until(at("2026-01-02T16:30:00Z"), &mut runner);
    assert_eq!(states(&world), [JobState::Completed, JobState::Completed, JobState::Dropped]);
    assert!(world.catalog.schedule_states().unwrap().is_empty());
    assert_eq!(name("shop"), world.jobs()[0].database);
}
