//! What a person does with it, from the first database to the last.

use crate::support::{Home, execute, make_shop, number};

#[test]
fn a_database_is_added_looked_at_and_removed() {
    let home = Home::empty();
    assert!(home.good(&["list"]).contains("No databases yet. Add one with `cadangkan add"));
    make_shop(&home.path("shop.db"));
    let added = home.good(&["add", "sqlite", "shop", "--path", "shop.db", "--tag", "web", "--production"]);
    assert!(added.contains("✓ Added shop") && added.contains("cadangkan backup shop"), "{added}");
    assert!(home.good(&["ls"]).contains("Databases: 1 (1 active)"));
    let info = home.good(&["info", "shop"]);
    assert!(info.contains(&home.path("shop.db").display().to_string()), "{info}");
    assert!(info.contains("Last backup  never") && info.contains("Production   yes"), "{info}");
    let tested = home.good(&["test", "shop"]);
    assert!(tested.contains("✓ database: SQLite") && tested.contains("✓ storage: home at"), "{tested}");
    assert_eq!(home.good(&["test", "--all"]), tested);

    assert!(home.good(&["edit", "shop", "--disable"]).contains("shop is disabled"));
    assert!(home.good(&["ls"]).contains("Databases: 1 (0 active)"));
    assert_eq!(home.run(&["backup", "shop"]).code, 2);
    home.good(&["edit", "shop", "--enable"]);
    assert_eq!(home.json(&["backup", "shop"])["tags"], serde_json::json!(["web"]));

    let removed = home.run(&["rm", "shop", "--yes"]);
    assert!(removed.stderr.contains("Its backups are kept (1 backup, "), "{}", removed.stderr);
    assert!(removed.stdout.contains("cadangkan restore shop --to <path>"), "{}", removed.stdout);
    assert!(home.good(&["list"]).contains("No databases yet"));
    // What stays can be seen and restored.
    assert!(home.good(&["backups", "list", "shop"]).contains("Total: 1 backup, "));
    home.good(&["restore", "shop", "--to", "back.db"]);
    assert_eq!(number(&home.path("back.db"), "SELECT count(*) FROM orders"), 3);
}

#[test]
fn a_backup_is_made_listed_proved_and_deleted() {
    let home = Home::with_shop();
    let ran = home.run(&["backup", "shop", "--tag", "before-upgrade"]);
    for part in
        ["✓ Backup complete", "Backup ID:  ", "(SQLite 3.", "compressed from", "Tables:     2", "quick_check"]
    {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    assert!(ran.stdout.contains("Next steps:\n  cadangkan restore shop --from "), "{}", ran.stdout);
    assert!(ran.stderr.contains("✓ dump") && ran.stderr.contains("✓ read back"), "{}", ran.stderr);

    let list = home.json(&["backups", "list", "shop", "--tag", "before-upgrade", "--since", "1d"]);
    let id = list[0]["backup_id"].as_str().unwrap();
    assert!(home.good(&["backups", "list", "shop", "--until", "2020-01-01"]).contains("No such backups"));
    let shown = home.good(&["backups", "ls"]);
    assert!(shown.contains(id) && shown.contains("before-upgrade"), "{shown}");
    let info = home.good(&["backups", "info", "shop", id]);
    assert!(info.contains("Checksum     sha256:") && info.contains("customers"), "{info}");

    for arguments in [&["backups", "validate", "shop", id][..], &["verify", "shop"], &["verify", "shop", id]]
    {
        let ran = home.run(arguments);
        assert!(ran.stdout.contains("all as written"), "{arguments:?}: {}", ran.stderr);
    }
    home.good(&["verify", "shop", "--level", "checksum"]);
    assert!(home.good(&["backups", "list", "shop"]).contains("✓ verified"));

    home.good(&["backups", "preserve", "shop", id]);
    assert!(home.good(&["backups", "list", "shop"]).contains("✓ verified preserved"));
    let refused = home.run(&["backups", "delete", "shop", id, "--yes"]);
    assert_eq!(refused.code, 5);
    assert!(
        refused.stderr.contains(&format!("cadangkan backups preserve shop {id} --off")),
        "{}",
        refused.stderr
    );
    home.good(&["backups", "preserve", "shop", id, "--off"]);
    assert!(home.good(&["backups", "delete", "shop", id, "--yes"]).contains("✓ Deleted backup"));
    assert!(home.files(".cadangkan/backups").is_empty());
    assert!(home.good(&["backups", "list", "shop"]).contains("No backups yet"));
    assert!(home.good(&["status"]).contains("✗ shop was never backed up: cadangkan backup shop"));
}

#[test]
fn a_backup_is_exported_in_other_formats() {
    let home = Home::with_shop();
    let id = home.back_up();
    home.good(&["backups", "export", "shop", &id, "--to", "plain.db"]);
    assert_eq!(std::fs::read(home.path("plain.db")).unwrap(), std::fs::read(home.path("shop.db")).unwrap());
    home.good(&["backups", "export", "shop", &id, "--to", "shop.gz", "--format", "gzip", "--level", "9"]);
    assert_eq!(std::fs::read(home.path("shop.gz")).unwrap()[..2], [0x1f, 0x8b]);
    home.good(&["backups", "export", "shop", &id, "--to", "shop.zip", "--format", "zip"]);
    assert_eq!(std::fs::read(home.path("shop.zip")).unwrap()[..2], *b"PK");
    // What is there is only replaced after a yes.
    let refused = home.run(&["backups", "export", "shop", &id, "--to", "plain.db"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    home.good(&["backups", "export", "shop", &id, "--to", "plain.db", "--yes"]);
}

#[test]
fn a_damaged_database_is_restored() {
    let home = Home::with_shop();
    let id = home.back_up();
    let shop = home.path("shop.db");
    let orders = "SELECT count(*) FROM orders";
    execute(&shop, "DELETE FROM orders");

    // To a new place.
    let restored = home.good(&["restore", "shop", "--from", &id, "--to", "copy.db"]);
    assert!(restored.contains("✓ Restore complete") && restored.contains("Proved:     all "), "{restored}");
    assert_eq!(number(&home.path("copy.db"), orders), 3);
    assert_eq!(home.run(&["restore", "shop", "--to", "copy.db"]).code, 5);
    home.good(&["restore", "shop", "--to", "copy.db", "--mode", "replace", "--yes", "--drop-old"]);

    // Some tables, or none of the rows.
    home.good(&["restore", "shop", "--tables", "cust*", "--to", "some.db"]);
    assert_eq!(number(&home.path("some.db"), "SELECT count(*) FROM sqlite_schema WHERE name = 'orders'"), 0);
    assert_eq!(number(&home.path("some.db"), "SELECT count(*) FROM customers"), 3);
    home.good(&["restore", "shop", "--schema-only", "--to", "schema.db"]);
    assert_eq!(number(&home.path("schema.db"), orders), 0);

    // One table inside the database itself: the others stay what they are now.
    execute(&shop, "INSERT INTO customers VALUES (4, 'new')");
    home.good(&["restore", "shop", "--tables", "orders", "--yes"]);
    assert_eq!(number(&shop, orders), 3);
    assert_eq!(number(&shop, "SELECT count(*) FROM customers"), 4);

    // Over the database itself, with a safety backup.
    let ran = home.run(&["restore", "shop", "--from", &id, "--backup-first", "--yes"]);
    assert!(ran.stderr.contains("⚠ This replaces what is in the target."), "{}", ran.stderr);
    assert!(ran.stdout.contains("Safety:     the target as it was is backup "), "{}", ran.stdout);
    assert!(ran.stdout.contains("the old database is kept as "), "{}", ran.stdout);
    assert_eq!(number(&shop, "SELECT count(*) FROM customers"), 3);
    assert_eq!(home.json(&["backups", "list", "--trigger", "safety"]).as_array().unwrap().len(), 1);

    // What it kept is found and removed.
    assert!(home.good(&["cleanup", "shop", "--dry-run"]).contains("old database, kept by a restore"));
    assert!(home.good(&["cleanup", "shop", "--yes"]).contains("✓ Removed 1 leftover, "));
    assert_eq!(home.good(&["cleanup", "shop"]), "There is nothing to remove.\n");
}

#[test]
fn a_file_alone_is_enough() {
    let home = Home::with_shop();
    home.back_up();
    let stranger = Home::empty();
    std::fs::copy(home.archive(), stranger.path("found.zst")).unwrap();
    let ran = stranger.run(&["restore", "--file", "found.zst", "--to", "back.db"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("no manifest beside the archive"), "{}", ran.stderr);
    assert_eq!(
        std::fs::read(stranger.path("back.db")).unwrap(),
        std::fs::read(home.path("shop.db")).unwrap()
    );
}

#[test]
fn a_lost_catalog_is_rebuilt() {
    let home = Home::with_shop();
    let id = home.back_up();
    for file in home.files(".cadangkan") {
        if file.file_name().unwrap().to_string_lossy().starts_with("catalog.db") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let lost = home.run(&["restore", "shop"]);
    assert_eq!(lost.code, 4);
    assert!(lost.stderr.contains("`cadangkan adopt <storage>`"), "{}", lost.stderr);
    assert!(home.good(&["adopt", "home", "--dry-run"]).contains("Would adopt 1 backup; databases: shop"));
    assert_eq!(home.json(&["backups", "list"]), serde_json::json!([]));
    assert!(home.good(&["adopt", "home"]).contains("✓ Adopted 1 backup; databases: shop"));
    assert_eq!(home.json(&["backups", "list", "shop"])[0]["backup_id"], id.as_str());
    home.good(&["restore", "shop", "--to", "back.db"]);
    assert_eq!(number(&home.path("back.db"), "SELECT count(*) FROM customers"), 3);
}

#[test]
fn a_backup_that_the_catalog_does_not_know_is_verified() {
    let home = Home::with_shop();
    let id = home.back_up();
    for file in home.files(".cadangkan") {
        if file.file_name().unwrap().to_string_lossy().starts_with("catalog.db") {
            std::fs::remove_file(file).unwrap();
        }
    }
    home.good(&["add", "sqlite", "shop", "--path", "shop.db"]);
    home.good(&["verify", "shop", &id]);
    home.good(&["verify", "shop"]);
}

#[test]
fn status_tells_what_is_wrong() {
    let home = Home::with_shop();
    home.back_up();
    assert!(home.good(&["status"]).contains("✓ good"));
    home.damage_archive();
    assert_eq!(home.run(&["verify", "shop"]).code, 10);
    let status = home.good(&["status", "shop"]);
    assert!(
        status.contains("✗ damaged") && status.contains("make a new one: cadangkan backup shop"),
        "{status}"
    );
    assert!(status.contains("  verify   failed     just now: "), "{status}");
    std::fs::rename(home.path("shop.db"), home.path("gone.db")).unwrap();
    assert_eq!(home.run(&["backup", "shop"]).code, 4);
    let status = home.good(&["status"]);
    assert!(status.contains("✗ failed") && status.contains("✗ the last backup of shop failed: "), "{status}");
}

#[test]
fn one_backup_goes_to_several_storages() {
    let home = Home::empty();
    make_shop(&home.path(".cadangkan/../shop.db"));
    home.configure(
        "storages: { one: { local: { path: one } }, two: { local: { path: two } } }\n\
         databases: { shop: { sqlite: { path: ../shop.db }, storage: [one, two] } }\n",
    );
    home.good(&["backup", "shop"]);
    assert_eq!(home.json(&["verify", "shop"]).as_array().unwrap().len(), 2);
    // Both copies are read, also when one is damaged, and the other one restores.
    let archive =
        home.files(".cadangkan/one").into_iter().find(|path| path.extension().unwrap() == "zst").unwrap();
    std::fs::write(archive, b"short").unwrap();
    let ran = home.run(&["verify", "shop", "--output", "json"]);
    assert_eq!(ran.code, 10, "{}", ran.stderr);
    assert_eq!(ran.error()["context"]["copies that are whole"], "1");
    let whole: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(whole[0]["storage"], "two");
    home.good(&["restore", "shop", "--storage", "two", "--to", "back.db"]);
    // A declared database is looked after in its file.
    assert_eq!(home.run(&["remove", "shop", "--yes"]).code, 5);
    assert!(home.good(&["list"]).contains("shop 🔒"));
    assert!(home.good(&["edit", "shop", "--disable"]).contains("disabled"));
    assert!(home.good(&["list"]).contains("paused"));
}

#[test]
fn removing_with_backups_deletes_them_wherever_they_are() {
    let home = Home::with_shop();
    let id = home.back_up();
    home.configure("storages: { usb: { local: { path: usb } }, home: { local: { path: backups } } }\n");
    home.good(&["backup", "shop", "--storage", "usb"]);
    home.good(&["backups", "preserve", "shop", &id]);
    assert_eq!(home.run(&["remove", "shop", "--delete-backups", "--yes"]).code, 5);
    assert_eq!(home.json(&["list"]).as_array().unwrap().len(), 1);
    home.good(&["backups", "preserve", "shop", &id, "--off"]);
    home.good(&["remove", "shop", "--delete-backups", "--yes"]);
    assert!(home.files(".cadangkan/usb").is_empty() && home.files(".cadangkan/backups").is_empty());
}

#[test]
fn the_demo_tells_its_story_and_leaves_nothing() {
    let home = Home::empty();
    std::fs::create_dir(home.path("tmp")).unwrap();
    let mut command = home.command(&["demo", "--output", "json"]);
    let ran = crate::support::Ran::of(command.env("TMPDIR", home.path("tmp")));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(told["tables_equal"].as_u64().unwrap() > 5 && told["rows"].as_u64().unwrap() > 10_000, "{told}");
    assert!(home.files("tmp").is_empty() && !home.path(".cadangkan").exists());
    assert_eq!(home.run(&["demo", "--dry-run"]).code, 2);
}

#[test]
fn version_and_completions() {
    let home = Home::empty();
    assert!(
        home.good(&["version"]).starts_with(&format!("cadangkan {} (engines: ", env!("CARGO_PKG_VERSION")))
    );
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = home.good(&["completions", shell]);
        assert!(script.contains("cadangkan") && script.contains("restore"), "{shell}");
    }
}
