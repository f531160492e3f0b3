//! Labels and groups, and backups of many databases by them.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{Home, Ran, make_big, make_shop};

/// Five databases: two of acme, one of beta that is no database, one that is switched off, one without labels.
fn home() -> Home {
    let home = Home::configured(
        "databases:\n  \
         shop: { sqlite: { path: ~/shop.db }, labels: { client: acme, env: prod } }\n  \
         wiki: { sqlite: { path: ~/wiki.db }, labels: { client: acme, env: test }, group: docs }\n  \
         bad: { sqlite: { path: ~/bad.db }, labels: { client: beta } }\n  \
         off: { sqlite: { path: ~/off.db }, labels: { client: acme }, enabled: false }\n  \
         plain: { sqlite: { path: ~/plain.db } }\n",
    );
    ["shop", "wiki", "off", "plain"].iter().for_each(|name| make_shop(&home.path(&format!("{name}.db"))));
    std::fs::write(home.path("bad.db"), "no database").unwrap();
    home
}

fn names(values: &Value, key: &str) -> Vec<String> {
    values.as_array().unwrap().iter().map(|value| value[key].as_str().unwrap().to_owned()).collect()
}

#[test]
fn databases_are_found_by_their_labels() {
    let home = home();
    let list = |arguments: &[&str]| names(&home.json(&[&["list"], arguments].concat()), "name");
    assert_eq!(list(&[]).len(), 5);
    assert_eq!(list(&["--label", "client=acme"]), ["off", "shop", "wiki"]);
    assert_eq!(list(&["--label", "client=acme", "--label", "env=test"]), ["wiki"]);
    assert_eq!(list(&["--label", "client"]), ["bad", "off", "shop", "wiki"]);
    assert_eq!(list(&["--group", "docs"]), ["wiki"]);
    assert_eq!(list(&["--label", "group=docs"]), ["wiki"]);
    assert!(home.good(&["list"]).contains("client=acme, env=test, group=docs"));
    let ran = home.run(&["list", "--label", "client=gamma"]);
    assert!(ran.code == 4 && ran.stderr.contains("there is: client=acme, client=beta"), "{}", ran.stderr);
    assert_eq!(home.run(&["test", "--label", "env"]).code, 0);
    assert_ne!(home.run(&["test", "--label", "client"]).code, 0);
}

#[test]
fn all_are_backed_up_also_when_one_fails() {
    let home = home();
    let plan = home.run(&["backup", "--all", "--dry-run"]);
    assert!(plan.stdout.contains("would be made") && plan.code == 15, "{}", plan.stderr);
    assert_eq!(home.json(&["backups", "list"]), json!([]));
    for jobs in ["1", "3"] {
        let ran = home.run(&["backup", "--all", "--jobs", jobs, "--tag", "night"]);
        assert_eq!(ran.code, 15, "{}", ran.stderr);
        assert!(
            ran.stdout.contains("3 of 4 databases") && ran.stdout.contains("failed: the file is not"),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stderr.contains("1 of 4 databases failed") && !ran.stdout.contains("Next steps"),
            "{}",
            ran.stderr
        );
    }
    let backups = home.json(&["backups", "list", "--tag", "night"]);
    let mut of = names(&backups, "database_name");
    of.sort();
    assert_eq!(of, ["plain", "plain", "shop", "shop", "wiki", "wiki"]);
    let ran = home.run(&["backup", "--all", "--output", "json"]);
    let value: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(names(&value["databases"], "database"), ["bad", "plain", "shop", "wiki"]);
    assert_eq!(value["summary"], json!({ "succeeded": 3, "failed": 1, "dry_run": false }));
    assert_eq!(
        (&value["databases"][0]["error"]["code"], ran.error()["code"].as_str()),
        (&json!("damaged_source"), Some("partial"))
    );
    assert!(value["databases"][1]["backups"][0]["size_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn those_of_a_label_are_backed_up_and_their_backups_carry_it() {
    let home = home();
    let made = home.json(&["backup", "--label", "client=acme"]);
    assert_eq!(names(&made["databases"], "database"), ["shop", "wiki"]);
    let id = made["databases"][1]["backups"][0]["backup_id"].as_str().unwrap();
    let manifest = &home.json(&["backups", "info", "wiki", id])[0]["manifest"];
    assert_eq!(manifest["labels"], json!({ "client": "acme", "env": "test", "group": "docs" }));
    assert!(home.good(&["backups", "info", "wiki", id]).contains("client=acme, env=test, group=docs"));
    // When all fail it is not partial; a name and a label together say two things.
    assert_eq!(home.run(&["backup", "--label", "client=beta"]).code, 11);
    assert_eq!(home.run(&["backup", "shop", "--label", "client=acme"]).code, 2);
    assert_eq!(home.run(&["backup", "--all", "--url", "shop.db", "--to-dir", "usb"]).code, 2);
    assert_eq!(home.run(&["backup", "shop", "--all"]).code, 2);
    // Another machine gets the labels back with the backups.
    let other = Home::empty();
    other.good(&["adopt", home.path(".cadangkan/backups").to_str().unwrap()]);
    assert_eq!(names(&other.json(&["list", "--group", "docs"]), "name"), ["wiki"]);
}

#[test]
fn the_newest_backups_of_many_are_verified() {
    let home = home();
    home.run(&["backup", "--all"]);
    // Of each the newest: an older one is not read.
    let first = home.json(&["backups", "list", "shop"])[0]["backup_id"].as_str().unwrap().to_owned();
    home.good(&["backup", "shop"]);
    let ran = home.run(&["verify", "--all", "--jobs", "2", "--output", "json"]);
    let value: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(names(&value["databases"], "database"), ["bad", "plain", "shop", "wiki"]);
    // One was never backed up.
    assert_eq!((ran.code, &value["summary"]["failed"]), (15, &json!(1)));
    assert_eq!(value["databases"][0]["error"]["code"], "not_found");
    let verified = value["databases"][2]["backups"].as_array().unwrap();
    assert!(verified.len() == 1 && verified[0]["backup_id"] != *first, "{verified:?}");
    assert!(home.json(&["backups", "list", "shop"])[0]["verified_at"].is_string());
    let ran = home.run(&["verify", "--label", "client=acme"]);
    assert!(ran.code == 0 && ran.stdout.contains("2 of 2 databases"), "{}{}", ran.stdout, ran.stderr);
    assert!(!ran.stdout.contains("plain"), "{}", ran.stdout);
    // A damaged one is seen among the others, and fails them.
    let archive = home
        .files(".cadangkan/backups/wiki")
        .into_iter()
        .find(|file| file.to_string_lossy().ends_with(".zst"));
    let archive = archive.unwrap();
    let mut bytes = std::fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&archive, bytes).unwrap();
    let ran = home.run(&["verify", "--group", "docs"]);
    assert!(ran.code == 10 && ran.stdout.contains("failed"), "{}{}", ran.stdout, ran.stderr);
    for wrong in [
        &["verify"][..],
        &["verify", "shop", "--all"],
        &["verify", "--all", "--database", "x"],
        &["verify", "shop", "--jobs", "2"],
    ] {
        assert_eq!(home.run(wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn labels_are_given_and_taken() {
    let home = Home::with_shop();
    make_shop(&home.path("wiki.db"));
    home.good(&["add", "sqlite", "wiki", "--path", "wiki.db", "--label", "client=acme", "--group", "docs"]);
    let labels = |name: &str| home.json(&["info", name])["labels"].clone();
    assert_eq!(labels("wiki"), json!({ "client": "acme", "group": "docs" }));
    home.good(&["edit", "wiki", "--label", "client=beta", "--label", "group=", "--label", "env=prod"]);
    assert_eq!(labels("wiki"), json!({ "client": "beta", "env": "prod" }));
    assert!(home.good(&["edit", "wiki", "--label", "env=prod"]).contains("Nothing was changed"));
    for wrong in ["a b=c", "a=\n"] {
        assert_eq!(home.run(&["edit", "shop", "--label", wrong]).code, 2, "{wrong:?}");
    }
    let home = Home::configured(
        "databases:\n  shop:\n    sqlite: { path: x }\n    group: a\n    labels: { group: b, long: \"\", year: 2026, 'a b': c }\n",
    );
    let ran = home.run(&["config", "validate"]);
    assert!(ran.code == 3, "{}", ran.stderr);
    for part in ["stands among the labels", "`long`: 1 to 128 bytes", "must be text, not a number", "a b"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert_eq!(home.run(&["edit", "shop", "--label", "a=b"]).code, 3);
}

#[test]
fn a_stop_stops_all_of_them() {
    let home = Home::empty();
    for name in ["a", "b", "c"] {
        make_big(&home.path(&format!("{name}.db")), 48);
        home.good(&["add", "sqlite", name, "--path", &format!("{name}.db")]);
    }
    for jobs in ["1", "2"] {
        let arguments =
            ["backup", "--all", "--compression", "xz", "--level", "9", "--jobs", jobs, "--output", "json"];
        let child = home.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It has begun when something lies in the storage.
        while home.files(".cadangkan/backups").is_empty() {
            std::thread::yield_now();
        }
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let ran = Ran::ended(child);
        assert_eq!(ran.code, 130, "{}", ran.stderr);
        let value: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!(value["databases"].as_array().unwrap().len() < 3, "{value}");
        assert_eq!(home.json(&["backups", "list"]), json!([]));
    }
}
