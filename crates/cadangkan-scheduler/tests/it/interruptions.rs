use std::time::Duration;

use cadangkan_catalog::JobState;
use cadangkan_scheduler::{End, Note};
use serde_json::json;

use crate::world::{Daemon, Played, World, at, plan, states};

#[test]
fn a_run_that_was_cut_short_is_reported_and_tried_again() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "daily" }))];
    let mut runner = Played { takes: Duration::from_secs(600), ..Played::new() };
    Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z")).until(at("2026-01-02T02:05:00Z"), &mut runner);
    runner.kill();
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-02T02:06:00Z"));
    daemon.until(at("2026-01-02T12:00:00Z"), &mut runner);
    assert_eq!(world.lines(), ["shop/main 02 02:00 completed 2"]);
    assert!(daemon.notes.iter().any(|note| matches!(note, Note::Interrupted(_))));
}

#[test]
fn a_run_that_ended_unheard_is_not_made_again() {
    let world = World::new();
    let plans =
        [plan("shop", "main", json!({ "every": "daily" })), plan("next", "main", json!({ "after": "shop" }))];
    let mut runner = Played { takes: Duration::from_secs(60), ..Played::new() };
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-02T02:00:30Z"), &mut runner);
    runner.now = at("2026-01-02T02:02:00Z");
    runner.kill();
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-02T02:03:00Z"));
    daemon.until(at("2026-01-02T12:00:00Z"), &mut runner);
    assert_eq!(world.lines(), ["shop/main 02 02:00 completed 1", "next/main 02 02:00 completed 1"]);
    assert_eq!(runner.begun.len(), 2);
}

#[test]
fn what_ends_while_the_catalog_cannot_be_used_is_recorded_later() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "cron": "0 */6 * * *" }))];
    let mut runner = Played { takes: Duration::from_secs(60), ..Played::new() };
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T23:59:00Z"));
    daemon.until(at("2026-01-02T00:00:30Z"), &mut runner);
    world.break_jobs(true);
    (daemon.now, runner.now) = (at("2026-01-02T00:02:00Z"), at("2026-01-02T00:02:00Z"));
    assert!(daemon.scheduler.tick(daemon.now, &mut runner).is_err());
    world.break_jobs(false);
    daemon.until(at("2026-01-02T06:00:30Z"), &mut runner);
    // The same of one that a daemon before this one began.
    runner.now = at("2026-01-02T06:02:00Z");
    runner.kill();
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-02T06:03:00Z"));
    runner.now = daemon.now;
    world.break_jobs(true);
    assert!(daemon.scheduler.tick(daemon.now, &mut runner).is_err());
    world.break_jobs(false);
    daemon.until(at("2026-01-02T12:30:00Z"), &mut runner);
    assert_eq!(
        world.lines(),
        [
            "shop/main 02 00:00 completed 1",
            "shop/main 02 06:00 completed 1",
            "shop/main 02 12:00 completed 1"
        ]
    );
}

#[test]
fn a_run_whose_process_still_lives_is_waited_for() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "daily" }))];
    let mut runner = Played { takes: Duration::from_secs(600), ..Played::new() };
    Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z")).until(at("2026-01-02T02:05:00Z"), &mut runner);
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-02T02:06:00Z"));
    daemon.until(at("2026-01-02T12:00:00Z"), &mut runner);
    assert_eq!(world.lines(), ["shop/main 02 02:00 completed 1"]);
    assert_eq!(runner.begun.len(), 1);
}

#[test]
fn one_that_always_dies_with_the_daemon_is_given_up() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "daily" }))];
    let mut runner = Played { takes: Duration::from_secs(600), ..Played::new() };
    let mut now = at("2026-01-02T01:59:00Z");
    for _ in 0..5 {
        let mut daemon = Daemon::start(&world, &plans, now);
        now = now.checked_add(Duration::from_secs(300)).unwrap();
        daemon.until(now, &mut runner);
        runner.kill();
    }
    assert_eq!(world.lines(), ["shop/main 02 02:00 failed 3"]);
}

#[test]
fn a_daemon_that_ends_in_order_leaves_its_runs_to_the_next() {
    let world = World::new();
    let plans = [plan("shop", "main", json!({ "every": "daily", "retry": { "attempts": 1 } }))];
    let mut runner = Played { takes: Duration::from_secs(600), ..Played::new() };
    let mut daemon = Daemon::start(&world, &plans, at("2026-01-01T12:00:00Z"));
    daemon.until(at("2026-01-02T02:05:00Z"), &mut runner);
    daemon.scheduler.shut_down(&mut runner);
    daemon.until(at("2026-01-02T02:05:01Z"), &mut runner);
    assert!(daemon.scheduler.running() == 0);
    assert_eq!(states(&world), [JobState::Queued]);
    Daemon::start(&world, &plans, at("2026-01-02T02:06:00Z")).until(at("2026-01-02T03:00:00Z"), &mut runner);
    assert_eq!(world.lines(), ["shop/main 02 02:00 completed 1"]);
    assert_eq!(runner.done.values().filter(|end| **end == End::Completed).count(), 1);
}
