//! What programs read: values on the standard output, errors as JSON on stderr, and nothing else on either.

use serde_json::Value;

use crate::support::Home;

/// The keys of an object, or of the first object in an array.
fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_array().map_or(value, |values| &values[0]);
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn has(value: &Value, expected: &[&str]) {
    for key in expected {
        assert!(keys(value).contains(key), "{key}: {value:#}");
    }
}

#[test]
fn every_command_speaks_json() {
    let home = Home::with_shop();
    let id = home.back_up();
    let id = id.as_str();
    let cases: &[(&[&str], &[&str])] = &[
        (&["list"], &["name", "engine", "location", "enabled", "last_backup_id", "last_backup_bytes"]),
        (&["info", "shop"], &["name", "options", "backups", "runs"]),
        (&["test", "shop"], &["name", "checks"]),
        (&["status"], &["databases", "active", "backups"]),
        (&["health"], &["name", "score", "grade", "parts", "problems"]),
        (&["metrics"], &["text"]),
        (&["version"], &["version", "engines", "storages"]),
        (&["backup", "shop"], &["backup_id", "archive", "index", "created_at", "tables_count", "copies"]),
        (&["backup", "shop", "--dry-run"], &["archive", "storages", "codec", "memory_bytes"]),
        (
            &["backups", "list"],
            &["backup_id", "database_name", "size_bytes", "trigger", "status", "checksum"],
        ),
        (&["backups", "info", "shop", id], &["storage", "location", "manifest"]),
        (&["backups", "validate", "shop", id], &["backup_id", "storage", "level", "frames"]),
        (&["verify", "shop", "--level", "checksum"], &["backup_id", "verified_at"]),
        (&["backups", "preserve", "shop", id], &["backup_id", "preserved"]),
        (&["backups", "preserve", "shop", id, "--off"], &["backup_id", "preserved"]),
        (&["backups", "export", "shop", id, "--to", "x.db"], &["location", "size_bytes"]),
        (&["restore", "shop", "--dry-run"], &["backup", "target", "mode", "steps", "destructive"]),
        (
            &["restore", "shop", "--to", "y.db"],
            &["backup_id", "target", "tables", "proofs", "duration_seconds"],
        ),
        (&["restore", "shop", "--yes"], &["backup_id", "notes"]),
        (&["cleanup", "shop", "--dry-run"], &["items"]),
        (&["cleanup", "shop", "--yes"], &["items"]),
        (&["adopt", "home"], &["adopted", "databases", "refused"]),
        (&["config", "show"], &["file", "defaults"]),
        (&["config", "show", "shop"], &["name", "options"]),
        (&["config", "validate"], &["file", "mistakes"]),
        (&["config", "export"], &["version", "databases"]),
        (&["edit", "shop", "--disable"], &["name", "enabled"]),
        (&["init"], &["path"]),
        (&["backups", "delete", "shop", id, "--yes"], &["storage", "manifest"]),
        (&["remove", "shop", "--yes"], &["name", "backups", "removed"]),
    ];
    for (arguments, expected) in cases {
        let ran = home.run(&[arguments, &["--output", "json"][..]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        has(&serde_json::from_str(&ran.stdout).unwrap(), expected);
    }
}

#[test]
fn a_backup_is_its_manifest() {
    let home = Home::with_shop();
    let report = home.json(&["backup", "shop", "--tag", "web"]);
    let copies = home.json(&["backups", "info", "shop", report["backup_id"].as_str().unwrap()]);
    let manifest = &copies[0]["manifest"];
    for key in keys(manifest) {
        assert_eq!(report[key], manifest[key], "{key}");
    }
    let listed = &home.json(&["backups", "list"])[0];
    for key in
        ["backup_id", "database_name", "engine", "type", "trigger", "tags", "tables_count", "preserved"]
    {
        assert_eq!(listed[key], manifest[key], "{key}");
    }
    for key in ["size_bytes", "raw_bytes", "codec", "checksum"] {
        assert_eq!(listed[key], manifest["archive"][key], "{key}");
    }
    assert!(listed["created_at"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn errors_are_json_too() {
    let home = Home::with_shop();
    home.back_up();
    home.damage_archive();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["bakcup"], 2, "usage"),
        (&["backup"], 2, "usage"),
        (&["restore", "shop"], 2, "usage"),
        (&["backup", "shpo"], 4, "not_found"),
        (&["add", "sqlite", "shop", "--path", "x"], 5, "conflict"),
        (&["verify", "shop"], 10, "damaged_backup"),
    ];
    for (arguments, exit, code) in cases {
        let ran = home.run(&[arguments, &["--output", "json"][..]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (*exit, ""), "{arguments:?}");
        let error = ran.error();
        assert_eq!(
            (error["code"].as_str(), error["exit_code"].as_i64()),
            (Some(*code), Some(i64::from(*exit)))
        );
        assert!(!error["message"].as_str().unwrap().is_empty() && !error["hint"].is_null(), "{error:#}");
    }
    let ran = home.run(&["--output=json", "bakcup"]);
    assert!(ran.error()["hint"].as_str().unwrap().contains("'backup'"));
}

#[test]
fn warnings_are_json_lines() {
    let home = Home::with_shop();
    home.back_up();
    let index =
        home.files(".cadangkan/backups").into_iter().find(|path| path.extension().unwrap() == "index");
    std::fs::write(index.unwrap(), "damaged").unwrap();
    let ran = home.run(&["restore", "shop", "--to", "x.db", "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let warning: Value = serde_json::from_str(ran.stderr.lines().next().unwrap()).unwrap();
    assert!(warning["warning"].as_str().unwrap().contains("the index is not used"), "{warning}");
}

#[test]
fn nobody_configured_anything() {
    let home = Home::empty();
    assert_eq!(home.json(&[])["databases"], serde_json::json!([]));
    assert_eq!(home.json(&["list"]), serde_json::json!([]));
}
