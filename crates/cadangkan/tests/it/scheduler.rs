//! The scheduler as a process, with real databases.

use std::io::Read;
use std::time::{Duration, Instant};

use cadangkan_testkit::scripted::Scripted;
use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Daemon, Home, make_shop, measures_coverage};

/// How long something may take until the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A pattern that does not come while tests run.
pub(crate) const LEAP_DAY: &str = "0 0 29 2 *";

/// Sets back when schedules come next, as if no scheduler had run for two hours.
pub(crate) fn make_due(home: &Home) {
    let catalog = Connection::open(home.path(".cadangkan/catalog.db")).unwrap();
    let changed = catalog.execute(
        "UPDATE schedule_states SET next_due = CAST((unixepoch('subsec') - 7200) * 1000 AS INTEGER) * 1000
         WHERE name <> 'retention'",
        [],
    );
    assert!(changed.unwrap() > 0);
}

fn jobs(home: &Home) -> Vec<Value> {
    home.json(&["schedule", "history"]).as_array().unwrap().clone()
}

pub(crate) fn state_of(home: &Home, database: &str) -> String {
    let jobs = jobs(home);
    let of = |job: &&Value| job["database"] == database && job["state"] != "missed";
    jobs.iter().find(of).map_or(String::new(), |job| job["state"].as_str().unwrap().to_owned())
}

/// A database whose backup takes many seconds, since its storage is slow.
fn slow(home: &Home) {
    home.configure(
        &format!("storages:\n  home: {{ local: {{ path: ~/backups }}, bandwidth: 100KB }}\ndatabases:\n  big:\n    sqlite: {{ path: ~/big.db }}\n    schedule: {{ cron: \"{LEAP_DAY}\", retry: {{ attempts: 3, delay: 1s }} }}\n"),
    );
    std::fs::create_dir_all(home.path("backups")).unwrap();
    let database = Connection::open(home.path("big.db")).unwrap();
    database.execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)").unwrap();
    database
        .execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) INSERT INTO t SELECT i, randomblob(1000) FROM n", [])
        .unwrap();
}

/// A scheduler in the middle of a run.
fn under_way() -> (Home, Daemon) {
    let home = Home::empty();
    slow(&home);
    Daemon::start(&home).end();
    make_due(&home);
    let daemon = Daemon::start(&home);
    until("the run is under way", || {
        state_of(&home, "big") == "running" && !home.files("backups").is_empty()
    });
    (home, daemon)
}

#[test]
fn what_was_missed_is_made_up_for_and_told() {
    let home = Home::with_shop();
    home.good(&["schedule", "set", "shop", "--cron", LEAP_DAY]);
    assert_eq!(jobs(&home).len(), 0);
    make_due(&home);
    let daemon = Daemon::start(&home);
    until("the backup is there", || state_of(&home, "shop") == "completed");
    let said = daemon.end();
    assert!(said.contains("were not made at their time; it is made up for now"), "{said}");
    assert!(said.contains("backup of shop completed"), "{said}");
    let backups = home.json(&["backups", "list"]);
    assert_eq!(backups.as_array().unwrap().len(), 1);
    assert_eq!(backups[0]["trigger"], "yearly");
    let runs = home.json(&["logs", "shop"]);
    assert!(runs[0]["run"]["initiator"].as_str().unwrap().starts_with("job:"), "{runs}");
    // It ended in order: nothing is left of it that another would stumble over.
    assert!(!home.path(".cadangkan/daemon.sock").exists());
    assert_eq!(home.run(&["cancel", "shop", "--yes"]).code, 4);
    assert!(home.path(".cadangkan/logs/cadangkan.log").exists());
}

#[test]
fn a_schedule_with_a_policy_of_its_own_goes_by_it_and_no_other_does() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    let config = |often: &str| {
        home.configure(&format!(
            "databases:\n  shop:\n    sqlite: {{ path: ~/shop.db }}\n    retention: {{ keep_all: true }}\n    schedules:\n      {often}: {{ cron: \"{LEAP_DAY}\", retention: {{ daily: 1 }} }}\n      nightly: {{ cron: \"{LEAP_DAY}\" }}\n"
        ));
    };
    config("often");
    home.back_up();
    Daemon::start(&home).end();
    let completed = || jobs(&home).iter().filter(|job| job["state"] == "completed").count();
    for round in 1..=2 {
        make_due(&home);
        let daemon = Daemon::start(&home);
        until("both are made", || completed() == 2 * round);
        daemon.end();
    }
    let list = home.json(&["backups", "list", "shop"]);
    let mut made: Vec<_> =
        list.as_array().unwrap().iter().map(|backup| backup["schedule"].as_str().unwrap_or("-")).collect();
    made.sort_unstable();
    assert_eq!(made, ["-", "nightly", "nightly", "often"]);
    let shown = home.good(&["cleanup", "shop", "--dry-run"]);
    assert!(shown.contains("Storage home: all; of often: 1 daily\n"), "{shown}");
    assert!(shown.contains(", by the policy of often\n"), "{shown}");
    let often = list.as_array().unwrap().iter().find(|backup| backup["schedule"] == "often").unwrap();
    let id = often["backup_id"].as_str().unwrap();
    let info = home.good(&["backups", "info", "shop", id]);
    assert!(info.contains("Schedule     often\n"), "{info}");
    let plan = home.json(&["cleanup", "shop", "--dry-run"]);
    let series = &plan["retention"]["series"][0];
    assert_eq!(series["schedules"]["often"], "1 daily");
    let judged = series["decisions"].as_array().unwrap().iter().find(|one| one["backup_id"] == *id).unwrap();
    assert_eq!((&judged["schedule"], &judged["verdict"]), (&"often".into(), &"keep".into()));
    // Once it is called something else, what it made is judged as all the rest.
    config("frequent");
    let shown = home.good(&["cleanup", "shop", "--dry-run"]);
    assert!(shown.contains("Storage home: all\n") && !shown.contains("by the policy of"), "{shown}");
}

#[test]
fn what_a_schedule_with_a_policy_of_its_own_will_make_is_played_as_it_says() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    home.configure("databases:\n  shop:\n    sqlite: { path: ~/shop.db }\n    schedules:\n      often: { every: hourly, retention: { hourly: 24, daily: 2 } }\n");
    Daemon::start(&home).end();
    make_due(&home);
    let daemon = Daemon::start(&home);
    until("it is made", || state_of(&home, "shop") == "completed");
    daemon.end();
    // One backup alone tells nothing of how often they are made.
    let futures = home.json(&["cleanup", "shop", "--simulate", "7d"]);
    assert_eq!(
        (&futures[0]["schedules"]["often"], &futures[0]["every_seconds"]),
        (&"24 hourly, 2 daily".into(), &3600.into())
    );
    let last = futures[0]["days"][6]["backups"].as_u64().unwrap();
    assert!((24..=25).contains(&last), "a day of hours, and the last of the day before: {futures}");
    // A second one, which has made nothing yet, and goes by the usual policy.
    home.good(&["schedule", "set", "shop", "--daily", "--name", "nightly"]);
    let futures = home.json(&["cleanup", "shop", "--simulate", "30d"]);
    let last = futures[0]["days"][29]["backups"].as_u64().unwrap();
    assert!((24 + 7 + 3..=25 + 7 + 4).contains(&last), "seven days and some weeks beside: {futures}");
    let shown = home.good(&["cleanup", "shop", "--simulate", "30d"]);
    assert!(shown.contains("; backups as scheduled for 30 days"), "{shown}");
    // As somebody says wins.
    let futures = home.json(&["cleanup", "shop", "--simulate", "7d", "--every", "24h"]);
    assert_eq!(futures[0]["every_seconds"], 86_400);
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_gives_way_as_its_schedule_says() {
    let home = Home::empty();
    slow(&home);
    let config = std::fs::read_to_string(home.path(".cadangkan/config.yaml")).unwrap();
    home.configure(&config.replace("retry:", "nice: 7, io: idle, cpus: 1, retry:"));
    Daemon::start(&home).end();
    make_due(&home);
    let daemon = Daemon::start(&home);
    until("the run is under way", || !home.files("backups").is_empty());
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", daemon.id())).unwrap();
    let is_run =
        |pid: &&str| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap().contains("\0job\0");
    let pid = children.split_whitespace().find(is_run).unwrap();
    // All threads but the one that only looks whether the scheduler is there.
    let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten().collect::<Vec<_>>();
    let gives_way = |thread: &&std::fs::DirEntry| {
        let shown = std::process::Command::new("ionice").arg("-p").arg(thread.file_name()).output().unwrap();
        // One that ended meanwhile does not.
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The nineteenth field; the second one is the name, in brackets.
        let nice = stat.rsplit(") ").next().unwrap().split(' ').nth(16);
        String::from_utf8_lossy(&shown.stdout).trim() == "idle" && nice == Some("7")
    };
    until("those that read and write give way", || {
        let threads = threads();
        let giving_way = threads.iter().filter(gives_way).count();
        giving_way > 1 && giving_way == threads.len() - 1
    });
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    assert!(allowed.trim().parse::<u32>().is_ok(), "one processor: {allowed}");
    daemon.end();
}

#[test]
fn killed_at_any_time_no_run_is_lost_or_doubled() {
    let (home, daemon) = under_way();
    daemon.kill();
    // The run ends by itself, and leaves nothing behind.
    until("nothing is left of it", || home.files("backups").is_empty());
    assert_eq!(state_of(&home, "big"), "running");
    let shown = |verb: &str| home.good(&["schedule", verb, "big"]);
    assert!(shown("list").contains("running") && shown("history").contains("running"));
    let catalog = Connection::open(home.path(".cadangkan/catalog.db")).unwrap();
    catalog.execute("UPDATE jobs SET lease_until = 0 WHERE state = 'running'", []).unwrap();
    assert!(shown("list").contains("left behind") && shown("history").contains("left behind"));
    let daemon = Daemon::start(&home);
    until("it was made again", || state_of(&home, "big") == "completed");
    let said = daemon.end();
    assert!(said.contains("backup of big was interrupted"), "{said}");
    let jobs = jobs(&home);
    let done: Vec<_> = jobs.iter().filter(|job| job["state"] == "completed").collect();
    assert_eq!(done.len(), 1, "{jobs:?}");
    assert_eq!(done[0]["attempt"], 2);
    assert_eq!(home.json(&["backups", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_scheduler_that_ends_in_order_leaves_its_run_to_the_next() {
    let (home, daemon) = under_way();
    let said = daemon.end();
    assert!(said.contains("was interrupted"), "{said}");
    assert_eq!(state_of(&home, "big"), "queued");
    assert!(home.files("backups").is_empty());
    let daemon = Daemon::start(&home);
    until("it was made", || state_of(&home, "big") == "completed");
    daemon.end();
}

#[test]
fn a_run_can_be_cancelled() {
    let (home, daemon) = under_way();
    assert_eq!(home.json(&["cancel", "big", "--yes"])["cancelled"], 1);
    until("it was stopped", || state_of(&home, "big") == "cancelled");
    until("nothing is left of it", || home.files("backups").is_empty());
    // Before any question: there is nothing to be asked about.
    let ran = home.run(&["cancel", "big"]);
    assert!(ran.code == 4 && ran.stderr.contains("is under way or waits"), "{}", ran.stderr);
    let ran = home.run(&["cancel", "bgi"]);
    assert!(ran.code == 4 && ran.stderr.contains("big"), "{}", ran.stderr);
    daemon.end();
    assert_eq!(home.json(&["backups", "list"]).as_array().unwrap().len(), 0);
}

#[test]
fn a_run_that_is_ending_is_not_cut_short_by_who_asks_again() {
    let (home, daemon) = under_way();
    home.good(&["cancel", "big", "--yes"]);
    // Whether it is over by now is a matter of chance.
    home.run(&["cancel", "big", "--yes"]);
    let said = daemon.end();
    assert_eq!(state_of(&home, "big"), "cancelled", "{said}");
    assert!(home.json(&["logs", "big"])[0]["run"]["status"] == "cancelled", "{said}");
    assert!(home.files("backups").is_empty());
}

#[test]
fn the_configuration_is_taken_up_without_a_restart() {
    let home = Home::with_shop();
    let daemon = Daemon::start(&home);
    let log = || std::fs::read_to_string(home.path(".cadangkan/logs/cadangkan.log")).unwrap();
    home.good(&["schedule", "set", "shop", "--daily"]);
    until("a new schedule is seen", || {
        log().contains("\"the configuration was taken up\",\"schedules\":\"2\"")
    });
    home.configure("databases:\n  shop2:\n    sqlite: { path: ~/shop.db }\n    schedule: { every: often }\n");
    until("the mistake is told", || log().contains("the configuration stays as it was"));
    home.configure("scheduler: { limit: 1 }\ndatabases:\n  shop2:\n    sqlite: { path: ~/shop.db }\n    schedule: { every: hourly }\n");
    until("the mended file is seen", || log().contains("\"schedules\":\"4\""));
    let before = log().matches("was taken up").count();
    daemon.signal(rustix::process::Signal::HUP);
    until("it reads again when asked to", || log().matches("was taken up").count() > before);
    make_due(&home);
    daemon.end();
}

#[test]
fn there_is_one_scheduler_for_a_home() {
    let home = Home::with_shop();
    let daemon = Daemon::start(&home);
    let second = home.run(&["daemon"]);
    assert_eq!(second.code, 6, "{}", second.stderr);
    assert!(second.stderr.contains("a scheduler runs already"));
    daemon.kill();
    // What a killed one left is no hindrance.
    Daemon::start(&home).end();
}

#[test]
fn a_run_that_fails_is_tried_again_unless_that_is_of_no_use() {
    let home = Home::with_shop();
    home.good(&["schedule", "set", "shop", "--cron", LEAP_DAY, "--attempts", "2", "--retry-delay", "1s"]);
    std::fs::rename(home.path("shop.db"), home.path("away.db")).unwrap();
    make_due(&home);
    let daemon = Daemon::start(&home);
    until("it was given up", || state_of(&home, "shop") == "failed");
    daemon.end();
    let job = jobs(&home).into_iter().find(|job| job["state"] == "failed").unwrap();
    let reason = job["reason"].as_str().unwrap();
    assert!(reason.contains("shop.db"), "{reason}");
}

#[test]
fn five_hundred_schedules_need_little_memory() {
    let home = Home::empty();
    let mut config = "databases:\n".to_owned();
    for index in 0..500 {
        config.push_str(&format!(
            "  db{index}: {{ sqlite: {{ path: ~/shop.db }}, schedule: {{ cron: \"0 0 29 2 *\" }} }}\n"
        ));
    }
    home.configure(&config);
    let daemon = Daemon::start(&home);
    std::thread::sleep(Duration::from_secs(3));
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("peak {peak} kB");
    // What counts the lines that tests reach takes room of its own.
    let most = if measures_coverage() { 100_000 } else { 50_000 };
    assert!(peak < most, "{peak} kB");
    daemon.end();
}

#[test]
fn what_was_missed_and_what_failed_is_told_in_one_message() {
    let home = Home::empty();
    let server = Scripted::start(vec![(200, String::new(), String::new())]);
    let config = format!(
        "notifications:\n  ops: {{ webhook: {{ webhook_url: \"{}/\", allow_http: true }} }}\ndatabases:\n  gone:\n    sqlite: {{ path: ~/gone.db }}\n    schedule: {{ cron: \"{LEAP_DAY}\" }}\n",
        server.url
    );
    home.configure(&config);
    Daemon::start(&home).end();
    make_due(&home);
    let daemon = Daemon::start(&home);
    until("it was given up", || state_of(&home, "gone") == "failed");
    // The only one that is answered: both are in it.
    let message = server.request();
    assert!(message.contains("missed") && message.contains("it is made up for now"), "{message}");
    assert!(message.contains("failure") && message.contains("gone.db"), "{message}");
    // One that ends before it has read the answer sends it again.
    until("the answer was read", || home.json(&["notify", "list"])[0]["waiting"] == 0);
    daemon.end();
}

#[test]
fn status_knows_of_schedules_and_the_scheduler() {
    let home = Home::with_shop();
    home.good(&["schedule", "set", "shop", "--daily"]);
    let text = home.good(&["status"]);
    assert!(text.contains("Scheduler:  does not run"), "{text}");
    assert!(text.contains("But the scheduler does not run") && !text.contains("All is well"), "{text}");
    home.back_up();
    let check = || home.run(&["health", "--check"]);
    let warned = check();
    assert_eq!(warned.code, 1, "{}", warned.stdout);
    assert!(warned.stdout.starts_with("CADANGKAN WARNING - the scheduler does not run"), "{}", warned.stdout);
    let daemon = Daemon::start(&home);
    assert_eq!(home.json(&["status"])["scheduler_running"], true);
    assert_eq!(check().code, 0, "{}", check().stdout);
    assert!(home.good(&["status"]).contains("Scheduler:  runs"));
    let metrics = home.good(&["metrics"]);
    assert!(metrics.contains("cadangkan_backup_next_timestamp_seconds{database=\"shop\""), "{metrics}");
    daemon.end();
}

#[test]
fn monitoring_can_ask_the_scheduler() {
    let home = Home::empty();
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    home.configure(&format!(
        "scheduler: {{ listen: \"{address}\" }}\ndatabases:\n  shop: {{ sqlite: {{ path: ~/shop.db }}, schedule: {{ every: daily }} }}\n"
    ));
    let daemon = Daemon::start(&home);
    let ask = |path: &str| {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut stream, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    for path in ["/livez", "/readyz"] {
        assert!(ask(path).starts_with("HTTP/1.1 200 OK") && ask(path).ends_with("ok\n"));
    }
    let metrics = ask("/metrics");
    assert!(metrics.contains("cadangkan_backup_next_timestamp_seconds{database=\"shop\""), "{metrics}");
    assert!(ask("/").starts_with("HTTP/1.1 404"));
    // Another address is taken up; one that cannot be is told, and the one before stays.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let second = free.local_addr().unwrap();
    let configure = |address| home.configure(&format!("scheduler: {{ listen: \"{address}\" }}\n"));
    configure(second);
    let said = || {
        let logs = home.files(".cadangkan/logs");
        logs.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect::<String>()
    };
    until("a taken port is told", || said().contains("cannot listen for monitoring"));
    assert!(ask("/livez").ends_with("ok\n"), "the address before does not serve");
    drop(free);
    configure(std::net::SocketAddr::from(([127, 0, 0, 2], second.port())));
    until("it listens elsewhere", || {
        std::net::TcpStream::connect((std::net::Ipv4Addr::new(127, 0, 0, 2), second.port())).is_ok()
    });
    assert!(std::net::TcpStream::connect(address).is_err());
    let said = daemon.end();
    assert!(said.contains("cannot listen for monitoring"), "{said}");
}

#[test]
fn why_a_run_did_not_even_begin_is_told() {
    let home = Home::configured(&format!(
        "databases:\n  shop:\n    sqlite: {{ path: ~/shop.db }}\n    encryption: {{ passphrase_file: ~/gone }}\n    schedule: {{ cron: \"{LEAP_DAY}\" }}\n"
    ));
    Daemon::start(&home).end();
    make_due(&home);
    let daemon = Daemon::start(&home);
    until("it was given up", || state_of(&home, "shop") == "failed");
    daemon.end();
    let job = jobs(&home).into_iter().find(|job| job["state"] == "failed").unwrap();
    assert_eq!(job["run_id"], Value::Null);
    let reason = job["reason"].as_str().unwrap();
    assert!(!reason.contains("ended with code") && reason.contains("secret"), "{reason}");
}

/// What is kept to be told of copies, and how often they had failed by then.
fn told_of_sync(home: &Home) -> Vec<(String, u64)> {
    let catalog = Connection::open(home.path(".cadangkan/catalog.db")).unwrap();
    let mut events = catalog.prepare("SELECT event FROM notifications ORDER BY id").unwrap();
    let events = events.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let events = events.map(|event| serde_json::from_str::<Value>(&event.unwrap()).unwrap());
    let of_sync = events.filter(|event| event["run"] == "sync" && event["kind"] != "missed");
    of_sync
        .map(|event| (event["kind"].as_str().unwrap().to_owned(), event["failures"].as_u64().unwrap_or(0)))
        .collect()
}

#[test]
fn copies_that_fail_are_told_once_and_that_they_work_again() {
    let home = Home::empty();
    crate::support::make_shop(&home.path("shop.db"));
    home.configure(&format!(
        "notifications: {{ ops: {{ webhook: {{ webhook_url: \"http://127.0.0.1:1/x\" }} }} }}
storages: {{ home: {{ local: {{ path: ~/backups }} }}, usb: {{ local: {{ path: ~/usb }} }} }}
databases: {{ shop: {{ sqlite: {{ path: ~/shop.db }}, storage: [home, usb], schedule: {{ cron: \"{LEAP_DAY}\", task: sync, retry: {{ attempts: 1 }} }} }} }}
"
    ));
    std::fs::create_dir(home.path("usb")).unwrap();
    home.back_up();
    for file in home.files("usb") {
        std::fs::remove_file(file).unwrap();
    }
    Daemon::start(&home).end();
    let away = |is: bool| {
        let (there, away) = (home.path("usb"), home.path("away"));
        let (from, to) = if is { (there, away) } else { (away, there) };
        std::fs::rename(from, to).unwrap();
    };
    let syncs = || jobs(&home).iter().filter(|job| job["task"] == "sync").cloned().collect::<Vec<_>>();
    // Each is due at another time, else it is the same one.
    let sync = |state: &str, ago: u32| {
        let catalog = Connection::open(home.path(".cadangkan/catalog.db")).unwrap();
        let sql = format!(
            "UPDATE schedule_states SET next_due = (unixepoch() - {ago}) * 1000000 WHERE name = 'main'"
        );
        assert_eq!(catalog.execute(&sql, []).unwrap(), 1);
        let before = syncs().iter().filter(|job| job["state"] == state).count();
        let daemon = Daemon::start(&home);
        until("the copies were tried", || {
            let syncs = syncs();
            syncs.iter().filter(|job| job["state"] == state).count() > before
        });
        daemon.end();
    };
    away(true);
    sync("partial", 400);
    sync("partial", 300);
    assert_eq!(told_of_sync(&home), [("partial".to_owned(), 1)]);
    away(false);
    sync("completed", 200);
    sync("completed", 100);
    assert_eq!(told_of_sync(&home), [("partial".to_owned(), 1), ("recovered".to_owned(), 2)]);
}
