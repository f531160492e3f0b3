//! Notifications: who hears of what, and what happens when they cannot be reached.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use cadangkan_testkit::scripted::Scripted;
use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Home, execute, make_shop};

/// A server that takes so many requests.
fn server(requests: usize) -> Scripted {
    Scripted::start(vec![(200, String::new(), String::new()); requests])
}

/// A home folder with a shop and channels.
fn home(notifications: &str, more: &str) -> Home {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    configure(&home, notifications, more);
    home
}

fn configure(home: &Home, notifications: &str, more: &str) {
    home.configure(&format!(
        "notifications:\n{notifications}\ndatabases:\n  shop:\n    sqlite: {{ path: {} }}\n{more}\n",
        home.path("shop.db").display()
    ));
}

fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Lets the next backup fail, or work again.
fn lose(home: &Home, lost: bool) {
    let (there, away) = (home.path("shop.db"), home.path("away.db"));
    let (from, to) = if lost { (&there, &away) } else { (&away, &there) };
    std::fs::rename(from, to).unwrap();
}

/// Lets what waits be due, as if an hour had passed.
fn an_hour_passes(home: &Home) {
    let catalog = Connection::open(home.path(".cadangkan/catalog.db")).unwrap();
    catalog.execute("UPDATE notifications SET not_before = not_before - 3600000000", []).unwrap();
}

#[test]
fn a_failure_and_its_end_are_told_and_what_went_well_is_not() {
    let server = server(2);
    let home = home(&format!("  ops: {{ webhook: {{ webhook_url: {} }} }}", server.url), "");
    home.good(&["backup", "shop"]);
    lose(&home, true);
    let ran = home.run(&["backup", "shop"]);
    let told = body(&server.request());
    assert_eq!(
        (&told["event"], &told["database"], &told["run"]),
        (&"failure".into(), &"shop".into(), &"backup".into())
    );
    assert_eq!(
        (&told["failures"], told["error"]["code"].as_str()),
        (&1.into(), Some("not_found")),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains(told["error"]["hint"].as_str().unwrap()), "{}", ran.stderr);
    lose(&home, false);
    let id = home.back_up();
    let told = body(&server.request());
    assert_eq!((&told["event"], &told["backup_id"]), (&"recovered".into(), &id.into()));
    assert!(
        told["size_bytes"].as_u64() > Some(0) && told["storages"] == serde_json::json!(["home"]),
        "{told}"
    );
    home.good(&["backup", "shop"]);
    let listed = home.json(&["notify", "list"]);
    assert_eq!((&listed[0]["waiting"], &listed[0]["error"]), (&0.into(), &Value::Null));
    assert!(listed[0]["delivered_at"].is_string());
}

#[test]
fn nobody_hears_of_what_a_person_mistyped_or_only_planned() {
    let server = server(0);
    let home =
        home(&format!("  ops: {{ webhook: {{ webhook_url: {} }}, on: [success, failure] }}", server.url), "");
    home.good(&["backup", "shop", "--dry-run"]);
    for wrong in [
        &["backup", "nothing"][..],
        &["backup", "shop", "--databases", "a"],
        &["backup", "shop", "--nonsense"],
    ] {
        assert_ne!(home.run(wrong).code, 0);
    }
    // Nothing listens, so whatever was told would wait.
    assert_eq!(home.json(&["notify", "list"])[0]["waiting"], 0);
    assert_eq!(home.run(&["backup", "shop"]).code, 0);
    assert_eq!(home.json(&["notify", "list"])[0]["waiting"], 1);
}

#[test]
fn a_channel_may_hear_of_failures_only_when_there_are_several() {
    let server = server(2);
    let channel = format!("  ops: {{ webhook: {{ webhook_url: {} }}, after_failures: 2 }}", server.url);
    let home = home(&channel, "");
    // One failure, and its end, are not told.
    lose(&home, true);
    home.run(&["backup", "shop"]);
    lose(&home, false);
    home.back_up();
    lose(&home, true);
    home.run(&["backup", "shop"]);
    home.run(&["backup", "shop"]);
    let told = body(&server.request());
    assert_eq!((&told["event"], &told["failures"]), (&"failure".into(), &2.into()));
    assert!(told["title"].as_str().unwrap().contains("failed 2 times"));
    lose(&home, false);
    home.back_up();
    assert_eq!(body(&server.request())["event"], "recovered");
}

#[test]
fn a_database_says_who_hears_of_it() {
    let (loud, quiet) = (server(1), server(0));
    let channels = format!(
        "  loud: {{ webhook: {{ webhook_url: {} }} }}\n  quiet: {{ webhook: {{ webhook_url: {} }}, on: [success] }}",
        loud.url, quiet.url
    );
    let home = home(&channels, "    notify: { loud: [success] }");
    home.good(&["backup", "shop"]);
    assert_eq!(body(&loud.request())["event"], "success");
    let states = home.json(&["notify", "list"]);
    assert_eq!((&states[0]["waiting"], &states[1]["waiting"]), (&0.into(), &0.into()));
    // Nobody at all.
    configure(&home, &channels, "    notify: []");
    home.good(&["backup", "shop"]);
    // By the defaults: those that a list names hear what they usually do.
    configure(&home, &format!("{channels}\ndefaults: {{ notify: [quiet] }}"), "");
    home.good(&["backup", "shop"]);
    let states = home.json(&["notify", "list"]);
    assert_eq!((&states[0]["waiting"], &states[1]["waiting"]), (&0.into(), &1.into()));
}

#[test]
fn what_could_not_be_delivered_comes_later_in_one_message() {
    let down = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", down.local_addr().unwrap());
    drop(down);
    let channel =
        |url: &str| format!("  ops: {{ webhook: {{ webhook_url: {url} }}, on: [success, failure] }}");
    let home = home(&channel(&url), "");
    let ran = home.run(&["backup", "shop"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("ops could not be notified, and will be again"), "{}", ran.stderr);
    lose(&home, true);
    home.run(&["backup", "shop"]);
    let state = home.json(&["notify", "list"])[0].clone();
    assert_eq!(state["waiting"], 2);
    assert!(state["error"].as_str().unwrap().contains("the connection to the server was lost or not made"));
    // It is not tried before its time.
    let server = Scripted::start(vec![
        (500, String::new(), "broken".to_owned()),
        (429, "retry-after: 7200\r\n".to_owned(), String::new()),
        (200, String::new(), String::new()),
    ]);
    configure(&home, &channel(&server.url), "");
    assert_eq!(home.json(&["notify", "deliver"])["delivered"], 0);
    for status in ["500 broken", "429"] {
        an_hour_passes(&home);
        let ran = home.run(&["notify", "deliver"]);
        assert_ne!(ran.code, 0);
        assert!(ran.stderr.contains(&format!("the server says {status}")), "{}", ran.stderr);
        assert_eq!(body(&server.request())["event"], "several");
    }
    an_hour_passes(&home);
    assert_eq!(home.json(&["notify", "deliver"])["delivered"], 2);
    let told = body(&server.request());
    let kinds: Vec<_> =
        told["events"].as_array().unwrap().iter().map(|event| event["event"].clone()).collect();
    assert_eq!(kinds, ["success", "failure"]);
    assert_eq!(home.json(&["notify", "deliver"])["delivered"], 0);
}

#[test]
fn delivery_is_given_up_after_a_day_or_when_the_channel_is_gone() {
    let down = "  ops: { webhook: { webhook_url: 'http://127.0.0.1:1/' }, on: [success] }";
    let home = home(down, "");
    home.good(&["backup", "shop"]);
    let catalog = Connection::open(home.path(".cadangkan/catalog.db")).unwrap();
    catalog.execute("UPDATE notifications SET due_at = due_at - 90000000000", []).unwrap();
    an_hour_passes(&home);
    assert_ne!(home.run(&["notify", "deliver"]).code, 0);
    let state = home.json(&["notify", "list"])[0].clone();
    assert_eq!((&state["waiting"], &state["given_up"]), (&0.into(), &1.into()));
    assert!(
        home.good(&["notify", "list"]).contains("ops could not be reached, 1 event given up: the connection")
    );
    let status = home.good(&["status"]);
    assert!(status.contains("✗ ops could not be reached, 1 event given up: "), "{status}");
    assert!(status.contains("try: cadangkan notify test ops") && !status.contains("All is well"), "{status}");
    let check = home.run(&["health", "--check"]);
    assert!(check.code != 0 && check.stdout.starts_with("CADANGKAN "), "{}", check.stdout);

    home.good(&["backup", "shop"]);
    configure(&home, "  other: { webhook: { webhook_url: 'http://127.0.0.1:1/' } }", "");
    an_hour_passes(&home);
    home.good(&["notify", "deliver"]);
    let (status, error): (String, String) = catalog
        .query_row("SELECT status, error FROM notifications ORDER BY id DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!((status.as_str(), error.as_str()), ("given_up", "the channel is not configured any more"));
}

#[test]
fn a_channel_that_hangs_delays_neither_the_others_nor_the_result_for_long() {
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = server(1);
    let channels = format!(
        "  a: {{ webhook: {{ webhook_url: 'http://{}/' }}, on: [success] }}\n  b: {{ webhook: {{ webhook_url: {} }}, on: [success] }}",
        hangs.local_addr().unwrap(),
        good.url
    );
    let home = home(&channels, "");
    let begun = Instant::now();
    let ran = home.run(&["backup", "shop"]);
    assert_eq!(ran.code, 0);
    // The limit is ten seconds; a machine under load adds to them.
    assert!(begun.elapsed() < Duration::from_secs(40));
    assert!(ran.stderr.contains("a could not be notified"), "{}", ran.stderr);
    assert_eq!(body(&good.request())["event"], "success");
    let states = home.json(&["notify", "list"]);
    assert_eq!((&states[0]["waiting"], &states[1]["waiting"]), (&1.into(), &0.into()));
}

#[test]
fn a_digest_waits_for_the_morning_and_tells_of_all() {
    let server = server(1);
    let home = home(&format!("  boss: {{ webhook: {{ webhook_url: {} }}, digest: daily }}", server.url), "");
    home.good(&["backup", "shop"]);
    lose(&home, true);
    home.run(&["backup", "shop"]);
    assert_eq!(home.json(&["notify", "deliver"])["delivered"], 0);
    (0..25).for_each(|_| an_hour_passes(&home));
    assert_eq!(home.json(&["notify", "deliver"])["delivered"], 2);
    let told = body(&server.request());
    assert_eq!(
        (&told["event"], told["title"].as_str()),
        (&"digest".into(), Some("✗ Backups: 1 good, 1 to look at"))
    );
}

#[test]
fn restores_and_verifications_are_told_to_who_wants_to_hear() {
    let server = server(3);
    let home = home(
        &format!(
            "  ops: {{ webhook: {{ webhook_url: {} }}, on: [restore, verification, failure] }}",
            server.url
        ),
        "",
    );
    let id = home.back_up();
    home.good(&["restore", "shop", "--to", "copy.db"]);
    let told = body(&server.request());
    assert_eq!((&told["event"], &told["backup_id"]), (&"restore".into(), &id.clone().into()));
    home.good(&["verify", "shop"]);
    assert_eq!(body(&server.request())["event"], "verification");
    home.damage_archive();
    assert_eq!(home.run(&["verify", "shop"]).code, 10);
    let told = body(&server.request());
    assert_eq!(
        (&told["event"], &told["run"], &told["failures"]),
        (&"failure".into(), &"verify".into(), &0.into())
    );
}

#[test]
fn checks_hear_when_a_backup_begins_and_how_it_ended() {
    let server = server(4);
    let home = home(&format!("  hc: {{ healthchecks: {{ ping_url: {}/uuid }} }}", server.url), "");
    home.back_up();
    lose(&home, true);
    home.run(&["backup", "shop"]);
    let lines: Vec<_> = (0..4).map(|_| server.request().lines().next().unwrap().to_owned()).collect();
    let expected =
        ["/uuid/start", "/uuid", "/uuid/start", "/uuid/fail"].map(|path| format!("POST {path} HTTP/1.1"));
    assert_eq!(lines, expected);
}

#[test]
fn many_that_fail_together_are_told_in_one_message() {
    let server = server(1);
    let home = home(
        &format!("  ops: {{ webhook: {{ webhook_url: {} }} }}", server.url),
        "  wiki: { sqlite: { path: /nowhere/wiki.db } }\n  blog: { sqlite: { path: /nowhere/blog.db } }",
    );
    let ran = home.run(&["backup", "--all", "--jobs", "2"]);
    assert_eq!(ran.code, 15, "{}", ran.stderr);
    let told = body(&server.request());
    let mut databases: Vec<_> =
        told["events"].as_array().unwrap().iter().map(|event| event["database"].as_str().unwrap()).collect();
    databases.sort_unstable();
    assert_eq!((&told["event"], databases), (&"several".into(), vec!["blog", "wiki"]), "{told}");
    let listed = home.json(&["notify", "list"]);
    assert_eq!((&listed[0]["waiting"], &listed[0]["error"]), (&0.into(), &Value::Null), "{listed}");
}

#[test]
fn a_run_that_was_killed_is_told_by_the_next_one() {
    let server = server(1);
    let home = home(&format!("  ops: {{ webhook: {{ webhook_url: {} }} }}", server.url), "");
    home.back_up();
    let catalog = Connection::open(home.path(".cadangkan/catalog.db")).unwrap();
    // As kill -9 leaves it: recorded as running, and nobody holds the lock.
    catalog.execute("UPDATE runs SET status = 'running', finished_at = NULL", []).unwrap();
    home.back_up();
    let told = body(&server.request());
    assert_eq!((&told["event"], &told["run"]), (&"interrupted".into(), &"backup".into()));
    assert!(told["error"]["message"].as_str().unwrap().contains("ended without a word"), "{told}");
}

#[test]
fn a_run_that_was_killed_is_told_also_when_the_next_one_is_stopped() {
    let server = server(1);
    let ops = format!("  ops: {{ webhook: {{ webhook_url: {} }} }}", server.url);
    let home = home(&ops, "");
    home.back_up();
    let catalog = Connection::open(home.path(".cadangkan/catalog.db")).unwrap();
    catalog.execute("UPDATE runs SET status = 'running', finished_at = NULL", []).unwrap();
    // Ctrl-C, as the backup has just begun.
    configure(&home, &ops, "    hooks: { before: [ 'kill -INT $PPID; sleep 600' ] }");
    let stopped = home.run(&["backup", "shop"]);
    assert_eq!(stopped.code, 130, "{}", stopped.stderr);
    assert_eq!(body(&server.request())["event"], "interrupted");
    configure(&home, &ops, "");
    home.back_up();
    let listed = home.json(&["notify", "list"]);
    assert_eq!((&listed[0]["waiting"], &listed[0]["error"]), (&0.into(), &Value::Null), "it is told once");
}

#[test]
fn a_backup_that_looks_wrong_is_told_and_so_is_its_end() {
    let server = server(2);
    let home = home(&format!("  ops: {{ webhook: {{ webhook_url: {} }} }}", server.url), "");
    home.back_up();
    execute(&home.path("shop.db"), "ALTER TABLE orders RENAME TO gone");
    let id = home.back_up();
    let told = body(&server.request());
    assert_eq!((&told["event"], &told["backup_id"]), (&"suspect".into(), &id.into()));
    assert!(told["detail"].as_str().unwrap().contains("orders"), "{told}");
    execute(&home.path("shop.db"), "ALTER TABLE gone RENAME TO orders");
    home.back_up();
    assert_eq!(body(&server.request())["event"], "recovered");
}

/// A small file system in memory; unmounted when dropped.
struct SmallDisk(PathBuf);

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_storage_that_is_nearly_full_is_told_once() {
    let server = server(2);
    let home = home(&format!("  ops: {{ webhook: {{ webhook_url: {} }} }}", server.url), "");
    let disk = SmallDisk(home.path(".cadangkan/backups"));
    std::fs::create_dir_all(&disk.0).unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=20m", "tmpfs"]).arg(&disk.0).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        let strict = std::env::vars_os().any(|(name, value)| name == "CI" && value == "true");
        assert!(!strict, "the right to mount a tmpfs is needed");
        return;
    }
    home.back_up();
    let ballast = disk.0.join("ballast");
    for (times, fills) in [(2, true), (1, false), (1, true)] {
        if fills {
            std::fs::write(&ballast, vec![1; 20_300_000]).unwrap();
        } else {
            std::fs::remove_file(&ballast).unwrap();
        }
        (0..times).for_each(|_| drop(home.back_up()));
    }
    for _ in 0..2 {
        let told = body(&server.request());
        assert_eq!((&told["event"], &told["storages"]), (&"low_space".into(), &serde_json::json!(["home"])));
        assert!(told["detail"].as_str().unwrap().contains("of 21 MB free in home"), "{told}");
    }
    assert_eq!(home.json(&["notify", "list"])[0]["waiting"], 0);
}

#[test]
fn a_storage_that_holds_nearly_what_is_meant_for_backups_is_told() {
    let server = server(1);
    let home = home(
        &format!("  ops: {{ webhook: {{ webhook_url: {} }} }}", server.url),
        "storages: { home: { local: { path: ~/backups }, capacity: 1GB, low_space: 999MB } }\n",
    );
    home.back_up();
    assert_eq!(home.json(&["storage", "usage"])[0]["is_low"], false);
    let config = std::fs::read_to_string(home.path(".cadangkan/config.yaml")).unwrap();
    home.configure(&config.replace("999MB", "1GB"));
    (0..2).for_each(|_| drop(home.back_up()));
    let told = body(&server.request());
    assert_eq!((&told["event"], &told["storages"]), (&"low_space".into(), &serde_json::json!(["home"])));
    assert!(told["detail"].as_str().unwrap().contains("of 1.0 GB free in home, at "), "{told}");
    assert_eq!(home.json(&["notify", "list"])[0]["waiting"], 0);
}

#[test]
fn a_test_message_is_marked_and_its_failure_has_an_exit_code() {
    let server = Scripted::start(vec![
        (200, String::new(), String::new()),
        (404, String::new(), "no_service".to_owned()),
    ]);
    let home = home(&format!("  ops: {{ slack: {{ webhook_url: {}/x }} }}", server.url), "");
    assert_eq!(home.good(&["notify", "test", "ops"]), "✓ ops (Slack) has taken a test message\n");
    assert!(body(&server.request())["text"].as_str().unwrap().starts_with("*This is a test from "));
    let ran = home.run(&["notify", "test", "ops", "--output", "json"]);
    assert_eq!(ran.code, 8);
    assert_eq!(ran.error()["message"], "the server says 404 no_service", "{}", ran.stderr);
    let ran = home.run(&["notify", "test", "opps"]);
    assert_eq!(ran.code, 4);
    assert!(ran.stderr.contains("did you mean `ops`?"), "{}", ran.stderr);
}

#[test]
fn mistakes_are_named_with_their_place_and_without_secrets() {
    let home = home(
        "  a: { slack: { webhook_url: 'http://elsewhere/mArKeD' }, on: [failures] }\n  \
         b: { pagerduty: { routing_key: mArKeD }, digest: daily, template: x }\n  \
         c: { webhook: { webhook_url: 'https://elsewhere' }, template: '{{ databas }}' }\n  \
         d: { email: { host: h, from: 'a@b', to: ['c@d'], passwort: mArKeD } }\n  \
         e: { slack: {} }",
        "    notify: { f: [success], a: [sucess] }",
    );
    let ran = home.run(&["config", "validate"]);
    assert_eq!(ran.code, 3);
    for expected in [
        "`webhook_url`: without TLS anybody",
        "did you mean `failure`?",
        "PagerDuty is told of each event by itself",
        "`template`: what PagerDuty is told has a form of its own",
        "`template`: there is no `databas`",
        "did you mean `password`?",
        "`slack` needs `webhook_url`",
        "there is no channel `f`",
        "did you mean `success`?",
    ] {
        assert!(ran.stderr.contains(expected), "{expected}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("whole URL"), "{}", ran.stderr);
}
