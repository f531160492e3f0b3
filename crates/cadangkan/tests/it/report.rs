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
