//! How databases are: in words, in one number, and as monitoring asks for it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::support::{Home, make_shop};

const HOUR: i64 = 3_600_000_000;

fn catalog(home: &Home, sql: &str) {
    rusqlite::Connection::open(home.path(".cadangkan/catalog.db")).unwrap().execute_batch(sql).unwrap();
}

/// Makes backups that began so many hours ago, the oldest first.
fn made_ago(home: &Home, hours: &[i64]) {
    for hour in hours {
        let id = home.back_up();
        // A run and its backup are of one time.
        catalog(
            home,
            &format!(
                "UPDATE backups SET created_at = created_at - {ago}, completed_at = completed_at - {ago} WHERE backup_id = '{id}';
                 UPDATE runs SET started_at = started_at - {ago} WHERE backup_id = '{id}'",
                ago = hour * HOUR
            ),
        );
    }
}

fn check(home: &Home, more: &[&str]) -> (i32, String) {
    let ran = home.run(&[&["health", "--check"], more].concat());
    assert_eq!(ran.stderr, "");
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    (ran.code, ran.stdout)
}

#[test]
fn status_tells_facts_and_what_to_do() {
    let home = Home::with_shop();
    let never = home.good(&["status"]);
    assert!(
        never.contains("✗ no backup") && never.contains("1 of 1 database without a good and fresh backup."),
        "{never}"
    );
    home.back_up();
    let text = home.good(&["status"]);
    for part in [
        "Databases:  1 (1 active)\n",
        "Backups:    1, ",
        "Storage:    home, ",
        " free\n",
        "Newest:     shop, just now\n",
        "✓ good",
        "completed",
        "Note: the last backup of shop is in home only\n",
        "Note: no backup of shop was ever verified\n",
        "All is well: the last backup is good.\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    home.good(&["verify", "shop"]);
    let one = home.good(&["status", "shop"]);
    assert!(one.contains("Success:    1 of 1 backup of the last 30 days went well\n"), "{one}");
    assert!(!one.contains("verified") && one.contains("Score:      100 of 100\n"), "{one}");
    let value = home.json(&["status"]);
    let shop = &value["databases"][0];
    assert_eq!((&shop["score"], &shop["copies"][0]), (&100.into(), &"home".into()));
    assert_eq!(shop["problems"][0]["code"], "one_copy");
    assert!(value["storages"][0]["total_bytes"].as_u64().unwrap() > 0);
    assert_eq!(home.json(&["status", "shop"])["databases"][0]["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn the_score_has_reasons() {
    let home = Home::with_shop();
    made_ago(&home, &[95, 71, 23]);
    std::fs::rename(home.path("shop.db"), home.path("gone.db")).unwrap();
    assert_eq!(home.run(&["backup", "shop"]).code, 4);
    let text = home.good(&["health", "shop"]);
    // Three of four, a day old, 24 and 48 hours apart: 37.5 + 30 + 20 × (1 − 12 / 36).
    assert!(text.starts_with("shop: 80 of 100\n"), "{text}");
    assert!(text.contains("3 of 4 backups of the last 30 days went well"), "{text}");
    assert!(text.contains("the last good one was made 23 hours ago"), "{text}");
    assert!(text.contains("  they are 3") && text.contains(" apart, give or take 1"), "{text}");
    let value = &home.json(&["health"])[0];
    let percents: Vec<_> =
        value["parts"].as_array().unwrap().iter().map(|part| part["percent"].clone()).collect();
    assert_eq!(percents, [75, 100, 66]);
    assert_eq!(value["grade"], "error");
}

#[test]
fn monitoring_gets_a_line_and_an_exit_code() {
    let home = Home::with_shop();
    let (code, line) = check(&home, &["nothing"]);
    assert_eq!(code, 3);
    assert!(line.starts_with("CADANGKAN UNKNOWN - there is no database"), "{line}");
    let (code, line) = check(&home, &[]);
    assert_eq!(code, 2);
    assert!(
        line.starts_with("CADANGKAN CRITICAL - shop was never backed up | shop_score=0;80:;50:;0;100 "),
        "{line}"
    );
    home.back_up();
    let (code, line) = check(&home, &["shop"]);
    assert_eq!(code, 0);
    assert!(
        line.starts_with(
            "CADANGKAN OK - All is well: the last backup is good. | shop_score=100;80:;50:;0;100 shop_age="
        ),
        "{line}"
    );
    catalog(&home, "UPDATE backups SET suspect = '[\"table a|b is gone\"]'");
    let (code, line) = check(&home, &[]);
    assert_eq!(code, 1);
    assert!(line.contains("looks wrong: table a/b is gone | shop_score="), "{line}");
    catalog(&home, "UPDATE backups SET suspect = '[]', created_at = created_at - 720 * 3600000000");
    assert_eq!(check(&home, &[]).0, 1);
    assert_eq!(check(&home, &["--warning", "60"]).0, 0);
    assert_eq!(check(&home, &["--critical", "90"]).0, 2);
    home.good(&["edit", "shop", "--disable"]);
    assert_eq!(check(&home, &[]), (3, "CADANGKAN UNKNOWN - no database is active\n".to_owned()));
    let broken = Home::configured("nonsense: 1\n");
    assert_eq!(check(&broken, &[]).0, 3);
}

#[test]
fn what_comes_usually_and_does_not_come_is_overdue() {
    let home = Home::with_shop();
    // Every second day; the last one five days ago.
    made_ago(&home, &[11 * 24, 9 * 24, 7 * 24, 5 * 24]);
    let text = home.good(&["status"]);
    assert!(text.contains("✗ overdue") && text.contains("usually there is one every 48h 00m"), "{text}");
    assert_eq!(check(&home, &["--critical", "0", "--warning", "0"]).0, 2);
    let other = Home::with_shop();
    // Many by hand on one day say nothing about the next one.
    made_ago(&other, &[40, 39, 38, 37, 36]);
    assert!(other.good(&["status"]).contains("✓ good"));
}

/// A moment so far from now, in UTC, as SQLite writes it.
fn moment(format: &str, from_now: &str) -> String {
    let database = rusqlite::Connection::open_in_memory().unwrap();
    database.query_row("SELECT strftime(?1, 'now', ?2)", [format, from_now], |row| row.get(0)).unwrap()
}

/// A line of cron for each hour, due last ten minutes ago.
fn hourly_since_ten_minutes() -> String {
    format!("{} * * * *", moment("%M", "-10 minutes"))
}

#[test]
fn what_is_planned_is_overdue_only_when_it_should_be_there() {
    let home = Home::with_shop();
    made_ago(&home, &[0]);
    catalog(&home, &format!("UPDATE backups SET created_at = created_at - {}", HOUR * 65 / 60));
    let cron = hourly_since_ten_minutes();
    let state = |more: &[&str]| {
        home.good(&[&["schedule", "set", "shop", "--timezone", "UTC", "--cron", &cron], more].concat());
        home.json(&["status"])["databases"][0]["problems"].to_string()
    };
    catalog(&home, &format!("UPDATE backups SET completed_at = created_at + {}", HOUR / 60));
    assert!(state(&[]).contains("\"overdue\""));
    // It may wait by chance, or for its hours; and the last one took longer.
    assert!(!state(&["--jitter", "15m"]).contains("\"overdue\""));
    let days = format!("{}..{}", moment("%F", "-2 hours"), moment("%F", "+20 hours"));
    assert!(!state(&["--blackout", &days]).contains("\"overdue\""));
    catalog(&home, &format!("UPDATE backups SET completed_at = created_at + {}", HOUR * 20 / 60));
    assert!(!state(&[]).contains("\"overdue\""));
}

#[test]
fn what_is_being_made_is_not_overdue() {
    let home = Home::configured(&format!(
        "databases:\n  shop:\n    sqlite: {{ path: shop.db }}\n    schedule: {{ cron: \"{}\", timezone: UTC }}\n    hooks: {{ before: ['test ! -p wait || cat wait'] }}\n",
        hourly_since_ten_minutes()
    ));
    make_shop(&home.path(".cadangkan/shop.db"));
    made_ago(&home, &[0]);
    catalog(
        &home,
        &format!(
            "UPDATE backups SET created_at = created_at - {0}, completed_at = created_at - {0}",
            HOUR * 65 / 60
        ),
    );
    let is_overdue =
        || home.json(&["status"])["databases"][0]["problems"].to_string().contains("\"overdue\"");
    assert!(is_overdue());
    let pipe = home.path("wait");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    let mut backup = home.command(&["backup", "shop", "--quiet"]);
    let mut backup = backup.stdout(std::process::Stdio::null()).spawn().unwrap();
    let held = opened_once_read(&pipe, &mut backup);
    catalog(
        &home,
        &format!("UPDATE runs SET started_at = started_at - {} WHERE status = 'running'", HOUR / 6),
    );
    assert!(!is_overdue());
    // One that hangs for longer than the interval is.
    catalog(&home, &format!("UPDATE runs SET started_at = started_at - {} WHERE status = 'running'", HOUR));
    assert!(is_overdue());
    drop(held);
    assert!(backup.wait().unwrap().success());
}

/// Opens a pipe for writing as soon as a program reads from it.
fn opened_once_read(pipe: &Path, reader: &mut Child) -> File {
    let begun = Instant::now();
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    loop {
        match OpenOptions::new().write(true).custom_flags(nonblock).open(pipe) {
            Ok(file) => return file,
            Err(error) => {
                let ended = reader.try_wait().unwrap();
                assert!(ended.is_none() && begun.elapsed() < Duration::from_secs(60), "{error}, {ended:?}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

#[test]
fn notes_of_many_are_one_line() {
    let home = Home::configured(
        "databases:\n  a: { sqlite: { path: shop.db } }\n  b: { sqlite: { path: shop.db } }\n",
    );
    make_shop(&home.path(".cadangkan/shop.db"));
    home.good(&["backup", "a"]);
    home.good(&["backup", "b"]);
    let text = home.good(&["status"]);
    assert!(text.contains("Note: the last backup is in one storage only: a, b\n"), "{text}");
    assert!(text.contains("All is well: the last backups of 2 databases are good.\n"), "{text}");
}

#[test]
fn usage_is_by_database_type_and_month_and_leads_somewhere() {
    let home = Home::with_shop();
    let first = home.back_up();
    let few = home.good(&["storage", "usage"]);
    assert!(few.contains("Fewer than three months of backups do not tell how they grow\n"), "{few}");
    // A backup in the middle of each of the last months, each larger than the one before.
    let (second, third) = (home.back_up(), home.back_up());
    for (id, months, size, cause) in
        [(first, 2, 1_000_000, "then"), (second, 1, 2_000_000, "then"), (third, 0, 3_000_000, "later")]
    {
        let time = format!("strftime('%s', 'now', 'start of month', '-{months} month', '+14 days')");
        catalog(
            &home,
            &format!(
                "UPDATE backups SET created_at = CAST({time} AS INTEGER) * 1000000, size_bytes = {size}, cause = '{cause}'
                 WHERE backup_id = '{id}'"
            ),
        );
    }
    let by_type = home.good(&["storage", "usage", "--by", "type"]);
    assert!(
        by_type.contains("later        1  3.0 MB\n") && by_type.contains("then         2  3.0 MB\n"),
        "{by_type}"
    );
    // 3 MB on the way to 9 MB: three times the 6 MB that are there.
    assert!(by_type.contains("In 6 months: about 18 MB, if as many are kept"), "{by_type}");
    assert_eq!(home.good(&["storage", "usage", "--by", "month"]).matches("MB\n").count(), 3);
    let value = &home.json(&["storage", "usage", "home"])[0];
    assert_eq!(
        (value["months"].as_object().unwrap().len(), &value["forecast_bytes"]),
        (3, &18_000_000.into())
    );
    // Two more each month: 10 MB are full after two months, and 100 GB not while anyone believes a straight line.
    let place = |capacity| {
        format!("storages: {{ home: {{ local: {{ path: ~/.cadangkan/backups }}, capacity: {capacity} }} }}\n")
    };
    home.configure(&place("10MB"));
    let text = home.good(&["storage", "usage"]);
    assert!(text.contains("Total: 3 backups, 6.0 MB; 4.0 MB of 10 MB free\n"), "{text}");
    assert!(text.contains("⚠ Full in about 2 months\n"), "{text}");
    assert_eq!(home.json(&["storage", "usage"])[0]["full_in_months"], 2);
    home.configure(&place("100GB"));
    assert!(!home.good(&["storage", "usage"]).contains("Full in"));
}

#[test]
fn what_is_meant_for_backups_is_held_against_what_they_take() {
    let home = Home::configured("storages: { home: { local: { path: ~/backups }, capacity: 1GB } }\n");
    make_shop(&home.path("shop.db"));
    home.good(&["add", "sqlite", "shop", "--path", "shop.db"]);
    home.back_up();
    let bytes = home.json(&["storage", "usage"])[0]["size_bytes"].as_u64().unwrap();
    let text = home.good(&["status"]);
    assert!(text.contains(" of 1.0 GB (0 %); 1.0 GB left\n"), "{text}");
    assert!(text.contains("All is well: the last backup is good.\n"), "{text}");
    assert_eq!(check(&home, &[]).0, 0);

    let limits = format!("capacity: {}, low_space: {}", bytes + 100, 101);
    home.configure(&format!("storages: {{ home: {{ local: {{ path: ~/backups }}, {limits} }} }}\n"));
    let value = home.json(&["status"]);
    let room = &value["storages"][0];
    assert_eq!((&room["available_bytes"], &room["total_bytes"]), (&100.into(), &(bytes + 100).into()));
    assert_eq!((&room["is_low"], &value["problems"][0]["code"]), (&true.into(), &"low_space".into()));
    let text = home.good(&["status"]);
    for part in [
        "⚠ storage home is nearly full: 100 B of ",
        ": cadangkan storage usage home\n",
        "The last backup is good. A storage is nearly full.\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    for command in [&["status", "shop"][..], &["health", "shop"], &["storage", "usage"]] {
        assert!(home.good(command).contains("storage home is nearly full: 100 B"), "{command:?}");
    }
    for one in [&[][..], &["shop"]] {
        let (code, line) = check(&home, one);
        assert_eq!(code, 1);
        assert!(line.starts_with("CADANGKAN WARNING - storage home is nearly full: 100 B of "), "{line}");
    }
    let metrics = home.good(&["metrics"]);
    for (name, value) in [("low", 1), ("free_bytes", 100), ("size_bytes", bytes + 100)] {
        let line = format!("\ncadangkan_storage_{name}{{storage=\"home\"}} {value}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    let info = home.good(&["storage", "info", "home"]);
    assert!(info.contains("Low space    101 B\n"), "{info}");

    let limits = format!("capacity: {}, low_space: 100", bytes + 100);
    home.configure(&format!("storages: {{ home: {{ local: {{ path: ~/backups }}, {limits} }} }}\n"));
    assert_eq!(check(&home, &[]).0, 0);
    // More than was meant: nothing is refused, and what is wrong is said.
    home.configure("storages: { home: { local: { path: ~/backups }, capacity: 10B } }\n");
    home.back_up();
    let text = home.good(&["status"]);
    assert!(text.contains(" %); 0 B left\n") && text.contains("nearly full: 0 B of 10 B left"), "{text}");
}

#[test]
fn a_copy_that_is_damaged_is_a_warning_while_another_is_good() {
    let home = Home::with_shop();
    home.good(&["storage", "add", "local", "usb", "--path", "usb"]);
    home.good(&["edit", "shop", "--storage", "home,usb"]);
    home.back_up();
    assert_eq!(check(&home, &[]).0, 0);
    catalog(&home, "UPDATE backups SET status = 'damaged' WHERE storage = 'usb'");
    let (code, text) = check(&home, &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("of shop in usb is damaged"), "{text}");
    assert!(home.good(&["status"]).contains("make it anew: cadangkan backups sync shop"));
}

#[test]
fn what_a_wrong_clock_put_into_the_future_is_not_fresh() {
    let home = Home::with_shop();
    made_ago(&home, &[24 * 9, 24 * 8, 24 * 7, -24 * 30]);
    let (code, text) = check(&home, &[]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("shop is overdue: the last good backup was made 7 days ago"), "{text}");
    let problems = home.json(&["status", "shop"]).to_string();
    assert!(problems.contains("\"future\"") && problems.contains("a clock is wrong"), "{problems}");
}

#[test]
fn what_monitoring_asks_wrongly_is_unknown_and_not_critical() {
    let home = Home::with_shop();
    assert_eq!(home.run(&["health", "--check", "--warnin", "90"]).code, 3);
    assert_eq!(home.run(&["health", "--warnin", "90"]).code, 2);
}

#[test]
fn many_databases_have_figures_that_monitoring_can_read() {
    let databases: String =
        (0..60).map(|number| format!("  d{number}: {{ sqlite: {{ path: ~/shop.db }} }}\n")).collect();
    let home = Home::configured(&format!("databases:\n{databases}"));
    let (code, text) = check(&home, &[]);
    assert!(code == 2 && text.len() < 1000, "{text}");
    assert!(text.contains(" | lowest_score=0;80:;50:;0;100 good=0;;;0;60 size=0B;;;0"), "{text}");
}
