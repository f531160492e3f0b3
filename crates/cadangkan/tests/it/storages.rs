//! Places for backups: added, tried out, paused, removed.

use serde_json::json;

use crate::support::{Home, number};

#[test]
fn a_storage_is_added_looked_at_and_removed() {
    let home = Home::with_shop();
    let added = home.good(&["storage", "add", "local", "usb", "--path", "usb"]);
    let at = home.path("usb").display().to_string();
    assert!(added.contains(&format!("✓ Works: {at}")) && added.contains("✓ Added usb"), "{added}");
    let listed = home.json(&["storage", "list"]);
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|storage| &storage["name"]).collect();
    assert_eq!(names, ["home", "usb"]);
    assert_eq!(listed[0]["databases"], json!(["shop"]));
    assert_eq!((&listed[1]["location"], &listed[1]["backups"]), (&json!(at), &json!(0)));

    home.good(&["backup", "shop", "--storage", "home", "--storage", "usb"]);
    home.good(&["backup", "shop", "--storage", "usb"]);
    let usage = home.json(&["storage", "usage"]);
    assert_eq!((&usage[0]["backups"], &usage[1]["backups"]), (&json!(1), &json!(2)));
    let of_shop = &usage[1]["databases"][0];
    assert_eq!((&of_shop["database"], &of_shop["backups"]), (&json!("shop"), &json!(2)));
    assert_eq!(of_shop["size_bytes"], usage[1]["size_bytes"]);
    assert!(usage[1]["available_bytes"].as_u64().unwrap() > 0);
    let text = home.good(&["storage", "usage", "usb"]);
    assert!(text.contains("Total: 2 backups, ") && text.contains(" free"), "{text}");
    let info = home.good(&["storage", "info", "home"]);
    assert!(info.contains("Databases    shop") && info.contains("Backups      1 backup, "), "{info}");
    assert_eq!(home.json(&["storage", "info", "usb"])["settings"], json!({ "path": at }));

    let planned = home.good(&["storage", "remove", "usb", "--dry-run"]);
    assert!(planned.contains("kept there, and forgotten here: 2 backups of shop"), "{planned}");
    let files = home.files("usb");
    assert_eq!(home.run(&["storage", "remove", "usb"]).code, 2, "nobody can be asked");
    home.good(&["storage", "rm", "usb", "--yes"]);
    assert_eq!(home.files("usb"), files);
    assert_eq!(home.json(&["backups", "list"]).as_array().unwrap().len(), 1);
    // The same folder under another name brings them back.
    home.good(&["storage", "add", "local", "disk", "--url", "usb/"]);
    assert_eq!(home.json(&["adopt", "disk"])["adopted"], 2);
    home.good(&["restore", "shop", "--storage", "disk", "--to", "back.db"]);
    assert_eq!(number(&home.path("back.db"), "SELECT count(*) FROM orders"), 3);
    home.good(&["storage", "remove", "disk", "--delete-backups", "--yes"]);
    assert!(home.files("usb").is_empty(), "{:?}", home.files("usb"));
    assert_eq!(home.json(&["backups", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn what_does_not_work_is_not_saved() {
    let home = Home::with_shop();
    std::fs::write(home.path("file"), "").unwrap();
    let ran = home.run(&["storage", "add", "local", "usb", "--path", "file/usb"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("not saved: usb") && ran.stderr.contains("reach"), "{}", ran.stderr);
    assert_eq!(home.json(&["storage", "list"]).as_array().unwrap().len(), 1);
    let dry = home.good(&["storage", "add", "local", "usb", "--path", "usb", "--dry-run"]);
    assert!(dry.contains("nothing was saved"), "{dry}");
    assert_eq!(home.json(&["storage", "list"]).as_array().unwrap().len(), 1);
    for wrong in [
        &["storage", "add", "local", "usb"][..],
        &["storage", "add", "local", "usb", "--url", "tape:x"],
        &["storage", "add", "tape", "usb"],
        &["storage", "add", "local", "bad name", "--path", "usb"],
    ] {
        assert_eq!(home.run(wrong).code, 2, "{wrong:?}");
    }
    home.good(&["storage", "add", "local", "usb", "--path", "usb"]);
    assert_eq!(home.run(&["storage", "add", "local", "usb", "--path", "other"]).code, 5);
    home.good(&["storage", "add", "local", "usb", "--path", "other", "--replace"]);
    let at = home.json(&["storage", "info", "usb"])["location"].clone();
    assert_eq!(at, json!(home.path("other").display().to_string()));
    assert_eq!(home.run(&["storage", "test", "nowhere"]).code, 4);
}

#[test]
fn a_test_writes_reads_lists_and_deletes() {
    let home = Home::with_shop();
    let tested = home.json(&["storage", "test", "home"]);
    let checks = tested[0]["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    assert_eq!(names, ["reach", "write", "look", "read", "list", "delete", "leftovers", "space"]);
    assert!(checks.iter().all(|check| check["ok"] == true), "{tested}");
    assert!(home.files(".cadangkan/backups").is_empty(), "something was left");
    home.configure(
        "storages:\n  home: { local: { path: backups } }\n  away: { local: { path: ../shop.db/x } }\n",
    );
    let ran = home.run(&["storage", "test", "--all"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stdout.contains("✓ write: ") && ran.stdout.contains("✗ reach: "), "{}", ran.stdout);
}

#[test]
fn a_storage_that_is_paused_gets_nothing() {
    let home = Home::with_shop();
    home.good(&["storage", "add", "local", "usb", "--path", "usb"]);
    home.good(&["add", "sqlite", "other", "--path", "shop.db", "--storage", "home", "--storage", "usb"]);
    home.good(&["storage", "edit", "usb", "--disable"]);
    assert_eq!(home.json(&["backup", "other"])["copies"].as_array().unwrap().len(), 1);
    assert!(home.good(&["storage", "list"]).contains("disabled"));
    home.good(&["storage", "edit", "usb", "--enable"]);
    assert_eq!(home.json(&["backup", "other"])["copies"].as_array().unwrap().len(), 2);
    // While backups go there, it is not removed.
    let ran = home.run(&["storage", "remove", "usb", "--yes"]);
    assert_eq!(ran.code, 5);
    assert!(ran.stderr.contains("backups of other go to"), "{}", ran.stderr);
    assert_eq!(home.run(&["storage", "remove", "home", "--yes"]).code, 5);
}

#[test]
fn one_of_two_storages_fails() {
    let home = Home::with_shop();
    home.good(&["storage", "add", "local", "usb", "--path", "usb"]);
    home.good(&["backup", "shop", "--storage", "usb"]);
    std::fs::rename(home.path("usb"), home.path("away")).unwrap();
    let ran = home.run(&["backup", "shop", "--storage", "home", "--storage", "usb"]);
    assert_eq!(ran.code, 15, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("not in every storage") && ran.stdout.contains("Missing in: usb"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("is in 1 of 2 storages") && ran.stderr.contains("mount"), "{}", ran.stderr);
    let ran = home.run(&["backup", "shop", "--storage", "home", "--storage", "usb", "--output", "json"]);
    assert_eq!(ran.code, 15);
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(value["failed_copies"][0]["code"], "unreachable");
    assert_eq!(value["copies"][0]["storage"], "home");
    let info = home.json(&["info", "shop"]);
    assert_eq!(info["runs"][0]["status"], "partial");
}
