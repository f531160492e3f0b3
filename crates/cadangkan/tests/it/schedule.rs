//! `schedule …` as a person uses it.

use crate::support::Home;

#[test]
fn a_schedule_is_made_shown_paused_and_removed() {
    let home = Home::with_shop();
    let text =
        home.good(&["schedule", "set", "shop", "--daily", "--time", "2:30", "--timezone", "Europe/Berlin"]);
    assert!(text.contains("At 02:30 (Europe/Berlin)"), "{text}");
    assert!(text.contains("7 daily, 4 weekly, 12 monthly (the usual policy"), "{text}");
    assert!(text.contains("cadangkan daemon"), "{text}");
    home.good(&[
        "schedule", "set", "shop", "--weekly", "--day", "sunday", "--name", "check", "--task", "verify",
    ]);
    let list = home.json(&["schedule", "list"]);
    let names: Vec<_> =
        list.as_array().unwrap().iter().map(|one| one["schedule"].as_str().unwrap()).collect();
    assert_eq!(names, ["check", "main", "retention"]);
    let next = home.json(&["schedule", "next", "shop"]);
    assert_eq!(next[1]["next_due"].as_array().unwrap().len(), 10);
    home.good(&["schedule", "disable", "shop", "--name", "check"]);
    let list = home.json(&["schedule", "list"]);
    assert_eq!((&list[0]["paused"], &list[1]["enabled"]), (&true.into(), &true.into()));
    home.good(&["schedule", "enable", "shop"]);
    // Setting it anew replaces it.
    home.good(&["schedule", "set", "shop", "--cron", "@hourly"]);
    assert!(home.json(&["schedule", "list"])[1]["when"].as_str().unwrap().contains("minute"));
    home.good(&["schedule", "remove", "shop", "--yes"]);
    home.good(&["schedule", "remove", "shop", "--name", "check", "--yes"]);
    assert_eq!(home.json(&["schedule", "list"]).as_array().unwrap().len(), 0);
    assert_eq!(home.run(&["schedule", "disable", "shop"]).code, 4);
}

#[test]
fn a_dry_run_makes_nothing() {
    let home = Home::with_shop();
    home.good(&["schedule", "set", "shop", "--daily", "--dry-run"]);
    assert_eq!(home.json(&["schedule", "list"]).as_array().unwrap().len(), 0);
}

#[test]
fn what_the_file_declares_is_shown_and_can_be_paused() {
    let home = Home::configured(
        "timezone: America/New_York\ndefaults: { schedule: { every: weekly } }\ndatabases:\n  shop:\n    sqlite: { path: ~/shop.db }\n    schedules:\n      often: { cron: \"0 */6 * * *\", window: [\"18:00-08:00\"] }\n  other:\n    sqlite: { path: ~/other.db }\n    retention: { keep_all: true }\n    upload_after: { home: 24h }\n",
    );
    let list = home.json(&["schedule", "list"]);
    let lines: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!("{} {} {} {}", one["database"], one["schedule"], one["source"], one["when"])
                .replace('"', "")
        })
        .collect();
    assert_eq!(
        lines,
        [
            "other main defaults At 03:00, on Sunday (America/New_York)",
            "other retention scheduler At 03:00 (America/New_York)",
            "other sync scheduler At minute 15 past every hour (America/New_York)",
            "shop often database At minute 0, of every 6 hours (America/New_York)",
            "shop retention scheduler At 03:00 (America/New_York)",
        ]
    );
    let refused = home.run(&["schedule", "set", "shop", "--daily", "--name", "often"]);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    let refused = home.run(&["schedule", "remove", "shop", "--name", "often", "--yes"]);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    home.good(&["schedule", "disable", "shop", "--name", "often"]);
    assert_eq!(home.json(&["schedule", "list", "shop"])[0]["paused"], true);
    assert_eq!(home.json(&["schedule", "next", "shop"]).as_array().unwrap().len(), 1);
}

#[test]
fn what_waits_for_its_window_is_shown_when_it_begins() {
    let home = Home::with_shop();
    home.good(&[
        "schedule",
        "set",
        "shop",
        "--daily",
        "--time",
        "12:00",
        "--window",
        "22:00-06:00",
        "--timezone",
        "UTC",
    ]);
    let next = home.json(&["schedule", "next", "shop"])[0]["next_due"].clone();
    assert_eq!(next.as_array().unwrap().len(), 10);
    assert!(
        next.as_array().unwrap().iter().all(|time| time.as_str().unwrap().ends_with("T22:00:00Z")),
        "{next}"
    );
    assert_eq!(home.json(&["schedule", "list", "shop"])[0]["next_due"], next[0]);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let home = Home::with_shop();
    for (arguments, said) in [
        (vec!["--cron", "61 * * * *"], "no cron pattern"),
        (vec!["--cron", "0 0 31 2 *"], "no such day"),
        (vec!["--daily", "--time", "25:00"], "no time of day"),
        (vec!["--daily", "--timezone", "Europe/Nowhere"], "not a known time zone"),
        (vec!["--after", "shop"], "would follow itself"),
        (vec!["--daily", "--window", "noon"], "are no hours"),
        (vec!["--daily", "--name", "retention"], "of itself"),
        (vec!["--daily", "--weekly"], "cannot be used with"),
        (vec!["--daily", "--keep", "dayly=7"], "there are keep_all, hourly, daily"),
        (vec!["--daily", "--keep", "daily"], "write it as daily=7"),
        (vec!["--daily", "--keep", "daily=many"], "`daily` is a whole number"),
        (vec!["--daily", "--keep", "week_start=someday"], "`week_start`"),
        (vec!["--daily", "--task", "bakcup"], "there are backup, verify, cleanup, sync"),
        (vec!["--hourly", "--time", "05:15"], "the minute of each hour"),
        (vec!["--hourly", "--jitter", "2h"], "shorter than the time from one run to the next"),
        (vec!["--daily", "--keep", "keep_all=true,daily=7"], "keeps everything"),
        (
            vec!["--daily", "--keep", "daily=7", "--task", "verify"],
            "belongs to a schedule that makes backups",
        ),
        (vec!["--cron", "@daily", "--time", "02:00"], "cannot be used with"),
        (vec![], "required"),
    ] {
        let ran = home.run(&[&["schedule", "set", "shop"], arguments.as_slice()].concat());
        assert_eq!(ran.code, 2, "{arguments:?} {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{arguments:?} {}", ran.stderr);
    }
    assert_eq!(home.run(&["schedule", "set", "shp", "--daily"]).code, 4);
    assert_eq!(home.run(&["schedule", "set", "shop", "--daily", "--storage", "nowhere"]).code, 4);
}

#[test]
fn a_schedule_says_what_stays_of_its_backups() {
    let home = Home::with_shop();
    let text = home.good(&[
        "schedule",
        "set",
        "shop",
        "--hourly",
        "--name",
        "often",
        "--keep",
        "hourly=24,max_age=2d",
        "--keep",
        "daily=2",
    ]);
    assert!(text.contains("Stays      24 hourly, 2 daily, none older than 2d\n"), "{text}");
    let list = home.json(&["schedule", "list"]);
    assert_eq!(list[0]["retention"], serde_json::json!({ "hourly": 24, "daily": 2, "max_age": "2d" }));
    // What a person makes goes by the usual policy; the hourly ones are not what it is for.
    let text = home.good(&["schedule", "set", "shop", "--daily"]);
    assert!(text.contains("Stays      7 daily, 4 weekly, 12 monthly (the usual policy"), "{text}");
    for (schedule, message) in [
        ("{ every: hourly, retention: { houry: 24 } }", "did you mean `hourly`?"),
        (
            "{ every: hourly, retention: { daily: 7, storages: { nowhere: { daily: 1 } } } }",
            "no storage `nowhere`",
        ),
        ("{ every: hourly, retention: { min_backups: 3 } }", "does not say what stays"),
        (
            "{ every: hourly, task: verify, retention: { daily: 3 } }",
            "belongs to a schedule that makes backups",
        ),
        ("{ every: hourly, retention: 7 }", "must be a map"),
    ] {
        home.configure(&format!(
            "databases:\n  shop:\n    sqlite: {{ path: ~/shop.db }}\n    schedules:\n      often: {schedule}\n"
        ));
        let ran = home.run(&["config", "validate"]);
        assert_eq!(ran.code, 3, "{schedule}: {}", ran.stderr);
        assert!(
            ran.stderr.contains(message) && ran.stderr.contains("has 1 mistake\n"),
            "{schedule}: {}",
            ran.stderr
        );
    }
}

#[test]
fn databases_that_follow_each_other_in_a_circle_are_refused() {
    let home = Home::with_shop();
    home.good(&["add", "sqlite", "second", "--path", "shop.db"]);
    home.good(&["add", "sqlite", "third", "--path", "shop.db"]);
    home.good(&["schedule", "set", "second", "--after", "shop"]);
    home.good(&["schedule", "set", "third", "--after", "second"]);
    let ran = home.run(&["schedule", "set", "shop", "--after", "third"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}

#[test]
fn a_removed_database_takes_its_schedules_along() {
    let home = Home::with_shop();
    home.good(&["schedule", "set", "shop", "--daily"]);
    home.good(&["remove", "shop", "--yes"]);
    home.good(&["add", "sqlite", "shop", "--path", "shop.db"]);
    assert_eq!(home.json(&["schedule", "list"]).as_array().unwrap().len(), 0);
}
