//! Reports of a month.

use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Home, make_shop};

/// A month in which all of it happened: two databases of two clients, and one that is not configured any more.
fn home() -> Home {
    let home = Home::configured(
        "timezone: Europe/Berlin\ndatabases:\n  \
         shop: { sqlite: { path: ~/shop.db }, labels: { client: acme }, group: web }\n  \
         wiki: { sqlite: { path: ~/wiki.db }, labels: { client: beta } }\n",
    );
    for name in ["shop", "wiki", "old"] {
        make_shop(&home.path(&format!("{name}.db")));
    }
    let first = home.json(&["backup", "shop"])["backup_id"].as_str().unwrap().to_owned();
    home.good(&["verify", "shop"]);
    home.good(&["backup", "shop"]);
    home.good(&["backups", "delete", "shop", &first, "--yes"]);
    home.good(&["restore", "shop", "--to", "copy.db"]);
    home.good(&["backup", "wiki"]);
    std::fs::write(home.path("wiki.db"), "no database").unwrap();
    assert_ne!(home.run(&["backup", "wiki"]).code, 0);
    home.good(&["add", "sqlite", "old", "--path", "old.db"]);
    home.good(&["backup", "old"]);
    home.good(&["remove", "old", "--yes"]);
    home
}

fn month() -> String {
    let date = Command::new("date").args(["+%Y-%m"]).env("TZ", "Europe/Berlin").output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

/// The numbers of a report: backups, failed, verifications, restores.
fn numbers(value: &Value) -> [u64; 4] {
    ["backups", "failed", "verifications", "restores"].map(|key| value[key].as_u64().unwrap())
}

fn names(report: &Value) -> Vec<&str> {
    report["databases"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect()
}

#[test]
fn a_report_tells_all_that_happened() {
    let home = home();
    let month = month();
    let report = home.json(&["report", "--month", &month]);
    assert_eq!(names(&report), ["old", "shop", "wiki"]);
    assert_eq!(numbers(&report["total"]), [4, 1, 1, 1], "{report:#}");
    let shop = &report["databases"][1];
    let states: Vec<_> =
        shop["backups"].as_array().unwrap().iter().map(|made| made["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["removed", "good"], "{shop:#}");
    assert_eq!(shop["total"]["copies_now"], 1);
    assert_eq!(shop["verifications"][0]["backup_id"], shop["backups"][0]["backup_id"]);
    assert!(shop["restores"][0]["place"].as_str().unwrap().ends_with("copy.db"));
    assert!(
        report["databases"][2]["failures"][0]["message"].as_str().unwrap().contains("not an SQLite database")
    );
    assert_eq!(report["databases"][0]["engine"], Value::Null);
    // One client hears nothing of the other.
    for chosen in [["--label", "client=acme"], ["--group", "web"]] {
        let report = home.json(&[&["report", "--month", &month][..], &chosen].concat());
        assert_eq!(names(&report), ["shop"]);
        assert_eq!(numbers(&report["total"]), [2, 0, 1, 1]);
        let text = home.good(&[&["report", "--month", &month][..], &chosen].concat());
        assert!(
            text.contains("client=acme, group=web") && !text.contains("wiki") && !text.contains("old"),
            "{text}"
        );
    }
    assert_eq!(home.run(&["report", "--label", "client=gamma"]).code, 4);
    // The last month that is over has nothing in it.
    let report = home.json(&["report"]);
    assert_eq!((numbers(&report["total"]), names(&report)), ([0; 4], vec!["shop", "wiki"]));
    assert_eq!(report["is_whole"], true);
}

#[test]
fn runs_that_were_not_made_are_told_in_every_form() {
    let home = home();
    home.good(&["schedule", "set", "shop", "--hourly", "--missed", "skip"]);
    let catalog = Connection::open(home.path(".cadangkan/catalog.db")).unwrap();
    // Three hours of the last month passed, and one run of this one had no time.
    let due = "unixepoch(strftime('%Y-%m-01', 'now', '-1 month')) + 864000";
    let insert = |id: i64, due: &str, count: u32, state: &str, reason: &str| {
        let sql = format!(
            "INSERT INTO jobs (id, database, schedule, task, due_at, last_due_at, count, state, not_before, attempt, finished_at, reason)
             VALUES ({id}, 'shop', 'main', 'backup', ({due}) * 1000000, ({due} + 7200) * 1000000, {count}, '{state}', 0, 0, 0, '{reason}')"
        );
        catalog.execute(&sql, []).unwrap();
    };
    insert(1, due, 3, "missed", "nothing was there to run it at its time");
    insert(2, &format!("{due} + 86400"), 1, "skipped", "the one before it still waits");
    insert(3, &format!("{due} + 90000"), 1, "completed", "");
    insert(4, "unixepoch()", 9, "missed", "of another month");
    let report = home.json(&["report"]);
    assert_eq!((&report["total"]["missed"], &report["total"]["skipped"]), (&3.into(), &1.into()));
    let shop = &report["databases"][0];
    assert_eq!((&shop["name"], &shop["total"]["missed"]), (&"shop".into(), &3.into()));
    let left_out = shop["left_out"].as_array().unwrap();
    let states: Vec<_> = left_out.iter().map(|event| event["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["missed", "skipped"]);
    home.good(&["report", "--output-file", "r.pdf"]);
    let pdf = Command::new("pdftotext")
        .args(["-layout", "r.pdf", "-"])
        .current_dir(home.path(""))
        .output()
        .unwrap();
    for text in [
        home.good(&["report"]),
        home.good(&["report", "--format", "html"]),
        String::from_utf8(pdf.stdout).unwrap(),
    ] {
        for part in
            ["3 missed, 1 left out", "backup (main)", "3 runs until ", "the one before it still waits"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("of another month"), "{text}");
    }
}

#[test]
fn a_report_is_written_as_what_its_file_is_called() {
    let home = home();
    let month = month();
    for (file, begins) in [
        ("r.html", "<!doctype html>"),
        ("r.pdf", "%PDF-"),
        ("r.json", "{"),
        ("r.txt", "Backups of "),
        ("R.PDF", "%PDF-"),
    ] {
        let write = ["report", "--month", &month, "--output-file", file];
        let said = home.good(&[&["--dry-run"], &write[..]].concat());
        assert!(said.contains("Would write") && !home.path(file).exists(), "{said}");
        // One that is there is replaced.
        std::fs::write(home.path(file), "before").unwrap();
        home.good(&write);
        let bytes = std::fs::read(home.path(file)).unwrap();
        assert!(bytes.starts_with(begins.as_bytes()), "{file}");
    }
    // What reads PDFs finds the text on the page.
    let text = Command::new("pdftotext")
        .args(["-layout", "r.pdf", "-"])
        .current_dir(home.path(""))
        .output()
        .unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("wiki") && text.contains("not an SQLite database") && text.contains("Page 1 of"),
        "{text}"
    );
    let ran = home.run(&["report", "--output-file", "no/such/folder/r.pdf"]);
    assert!(ran.code == 4 && ran.stderr.contains("cannot write the report"), "{}", ran.stderr);
    let catalog = Connection::open(home.path(".cadangkan/catalog.db")).unwrap();
    let reports: u32 = catalog
        .query_row(
            "SELECT count(*) FROM runs WHERE kind NOT IN ('backup', 'verify', 'restore', 'delete')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(reports, 0);
}
