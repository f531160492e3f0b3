//! Places for backups: added, tried out, paused, removed.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::support::{Home, execute, make_shop, number};

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

    home.good(&["backup", "shop", "--storage", "home,usb"]);
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

#[test]
fn what_is_missing_is_copied_when_the_storage_is_back() {
    let home = Home::with_shop();
    home.good(&["storage", "add", "local", "usb", "--path", "usb"]);
    home.good(&["add", "sqlite", "other", "--path", "shop.db", "--storage", "home", "--storage", "usb"]);
    home.good(&["backup", "other"]);
    std::fs::rename(home.path("usb"), home.path("away")).unwrap();
    assert_eq!(home.run(&["backup", "other"]).code, 15);
    let ran = home.run(&["backups", "sync", "other"]);
    assert_eq!(ran.code, 15, "{}", ran.stderr);
    assert!(ran.stderr.contains("usb: ") && ran.stderr.contains("run it again"), "{}", ran.stderr);
    std::fs::rename(home.path("away"), home.path("usb")).unwrap();
    let failed = || {
        home.json(&["status", "other"])["databases"][0]["problems"]
            .to_string()
            .contains("is in 1 of 2 storages")
    };
    assert!(failed());
    let planned = home.json(&["backups", "sync", "--dry-run"]);
    let other = planned.as_array().unwrap().iter().find(|value| value["name"] == "other").unwrap();
    assert_eq!((&other["missing"][0]["to"], &other["missing"][0]["from"]), (&json!("usb"), &json!(["home"])));
    let synced = home.json(&["backups", "sync", "other"]);
    assert_eq!(synced[0]["copied"].as_array().unwrap().len(), 1);
    assert!(!failed(), "it is in both by now");
    assert_eq!(home.json(&["backups", "list", "other", "--storage", "usb"]).as_array().unwrap().len(), 2);
    assert_eq!(home.files("usb").len(), 6);
    assert!(home.good(&["backups", "sync"]).contains("nothing to copy"));
    assert_eq!(home.json(&["info", "other"])["runs"][0]["kind"], "sync");
    home.good(&["restore", "other", "--storage", "usb", "--to", "back.db"]);
    assert_eq!(number(&home.path("back.db"), "SELECT count(*) FROM orders"), 3);
}

#[test]
fn one_backup_is_carried_from_storage_to_storage() {
    let home = Home::with_shop();
    home.good(&["storage", "add", "local", "usb", "--path", "usb"]);
    let id = home.back_up();
    let dry = home.good(&["backups", "upload", "shop", &id, "--to", "usb", "--dry-run"]);
    assert!(dry.contains("to be copied: 1 backup") && home.files("usb").is_empty(), "{dry}");
    assert_eq!(home.json(&["backups", "upload", "shop", &id, "--to", "usb"])["copied"][0]["to"], "usb");
    assert!(home.good(&["backups", "upload", "shop", &id, "--to", "usb"]).contains("there already"));
    assert_eq!(home.run(&["backups", "upload", "shop", "2001-01-01-000000", "--to", "usb"]).code, 4);
    home.good(&["backups", "delete", "shop", &id, "--storage", "home", "--yes"]);
    assert!(home.files(".cadangkan/backups").is_empty());
    assert_eq!(home.json(&["backups", "download", "shop", &id])["copied"][0]["to"], "home");
    assert_eq!(home.files(".cadangkan/backups").len(), 3);
    let taken = home.json(&["backups", "download", "shop", &id, "--to-dir", "taken", "--storage", "usb"]);
    let file = taken["file"].as_str().unwrap();
    home.good(&["restore", "--file", file, "--to", "back.db"]);
    assert_eq!(number(&home.path("back.db"), "SELECT count(*) FROM orders"), 3);
    assert_eq!(home.json(&["backups", "list", "shop"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_storage_of_later_gets_a_backup_by_sync_alone() {
    let home = Home::with_shop();
    home.good(&["storage", "add", "local", "usb", "--path", "usb"]);
    let config = |after: &str| {
        format!(
            "databases:\n  other:\n    sqlite: {{ path: ../shop.db }}\n    storage: [home, usb]\n    upload_after: {{ {after} }}\n"
        )
    };
    home.configure(&config("usb: 1d"));
    let made = home.json(&["backup", "other"]);
    assert_eq!(made["copies"].as_array().unwrap().len(), 1);
    let synced = home.json(&["backups", "sync", "other"]);
    assert_eq!((&synced[0]["waiting"], &synced[0]["copied"]), (&json!(1), &json!([])));
    let planned = home.json(&["backups", "sync", "other", "--dry-run"]);
    assert_eq!(planned[0]["waiting"][0]["backup_id"], made["backup_id"]);
    assert_eq!(home.json(&["info", "other"])["upload_after"], json!({ "usb": "1d" }));
    home.configure(&config("usb: 1ms"));
    assert_eq!(home.json(&["backups", "sync", "other"])[0]["copied"].as_array().unwrap().len(), 1);
    let defaults = |own: &str| format!("defaults:\n  upload_after: {{ usb: 1d }}\n{}", config(own));
    for (own, waiting) in [("home: 0s", json!({ "usb": "1d" })), ("usb: 0s", json!({}))] {
        home.configure(&defaults(own));
        assert_eq!(home.json(&["info", "other"])["upload_after"], waiting, "{own}");
        let copies = &home.json(&["backup", "other"])["copies"];
        assert_eq!(copies.as_array().unwrap().len(), 2 - waiting.as_object().unwrap().len(), "{own}");
    }
    home.configure("defaults:\n  upload_after: { usb: soon }\n");
    assert_eq!(home.run(&["config", "validate"]).code, 3);
    home.configure(&config("usb: 1d, home: 1d"));
    assert_eq!(home.run(&["backup", "other"]).code, 3);
    for (wrong, told) in
        [("usb: soon", "no length of time"), ("usbb: 1d", "there is no storage"), ("usb: []", "upload_after")]
    {
        home.configure(&config(wrong));
        let ran = home.run(&["config", "validate"]);
        assert!(ran.code == 3 && ran.stderr.contains(told), "{wrong}: {}", ran.stderr);
    }
}

#[test]
fn backups_go_elsewhere_from_now_on() {
    let home = Home::with_shop();
    home.back_up();
    home.good(&["storage", "add", "local", "usb", "--path", "usb"]);
    let storages = |arguments: &[&str]| {
        assert_eq!(home.json(&[&["edit", "shop"][..], arguments].concat())["name"], "shop");
        let made = home.json(&["backup", "shop"]);
        let copies = made["copies"].as_array().unwrap().clone();
        copies.iter().map(|copy| copy["storage"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // The database need not be reached for it.
    std::fs::rename(home.path("shop.db"), home.path("away.db")).unwrap();
    assert_eq!(home.json(&["edit", "shop", "--storage", "usb"])["changed"], true);
    std::fs::rename(home.path("away.db"), home.path("shop.db")).unwrap();
    assert_eq!(storages(&["--storage", "usb"]), ["usb"]);
    assert_eq!(storages(&["--storage", "usb,home"]), ["usb", "home"]);
    assert_eq!(storages(&["--default-storage"]), ["home"]);
    assert_eq!(home.json(&["edit", "shop", "--default-storage"])["changed"], false);
    assert_eq!(home.json(&["edit", "shop", "--storage", "usb", "--dry-run"])["changed"], true);
    assert_eq!(storages(&["--default-storage"]), ["home"]);
    assert_eq!(home.run(&["edit", "shop", "--storage", "nowhere"]).code, 4);
    assert_eq!(home.run(&["edit", "shop", "--storage", "usb", "--disable"]).code, 2);
    home.configure("databases:\n  other:\n    sqlite: { path: ../shop.db }\n");
    let ran = home.run(&["edit", "other", "--storage", "usb"]);
    assert!(ran.code == 5 && ran.stderr.contains("change `storage` there"), "{}", ran.stderr);
}

#[test]
fn a_bare_folder_is_a_working_set_up_again() {
    let home = Home::with_shop();
    let id = home.back_up();
    home.good(&["add", "sqlite", "other", "--path", "shop.db"]);
    home.good(&["backup", "other"]);
    std::fs::rename(home.path(".cadangkan/backups"), home.path("disk")).unwrap();
    std::fs::remove_dir_all(home.path(".cadangkan")).unwrap();
    std::fs::remove_file(home.path("shop.db")).unwrap();

    let planned = home.json(&["adopt", "./disk", "--dry-run"]);
    assert_eq!((&planned["adopted"], &planned["defined"]), (&json!(2), &json!(["other", "shop"])));
    assert_eq!(home.json(&["list"]), json!([]));
    let adopted = home.json(&["adopt", "./disk"]);
    assert_eq!((&adopted["storage"], &adopted["databases"]), (&json!("disk"), &json!(["other", "shop"])));
    assert_eq!(
        home.json(&["storage", "info", "disk"])["location"],
        json!(home.path("disk").display().to_string())
    );
    assert_eq!(home.json(&["list"]).as_array().unwrap().len(), 2);
    home.good(&["restore", "shop", "--from", &id]);
    assert_eq!(number(&home.path("shop.db"), "SELECT count(*) FROM orders"), 3);
    let made = home.json(&["backup", "shop"]);
    assert_eq!(made["copies"][0]["storage"], "disk");
    // Once more it is known, under its name and under its path.
    assert_eq!(home.json(&["adopt", "disk"])["adopted"], 3);
    assert_eq!(home.json(&["adopt", "disk/"])["defined"], json!([]));
    assert_eq!(home.json(&["storage", "list"]).as_array().unwrap().len(), 2);
    // What is only looked at leaves no key behind, though there would be a password to seal.
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("webdav://anna:a-password@{}/x", server.local_addr().unwrap());
    let is_over = AtomicBool::new(false);
    let refused = std::thread::scope(|scope| {
        scope.spawn(|| {
            for stream in server.incoming().take_while(|_| !is_over.load(Ordering::SeqCst)) {
                let (mut stream, mut request) = (stream.unwrap(), [0; 4096]);
                while !matches!(stream.read(&mut request), Ok(0) | Err(_)) {
                    let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
                }
            }
        });
        let refused = home.run(&["adopt", &url, "--dry-run"]);
        is_over.store(true, Ordering::SeqCst);
        std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
        refused
    });
    assert!(refused.code > 0 && refused.stderr.contains("403"), "{}", refused.stderr);
    assert!(!home.path(".cadangkan/master.key").exists());
    for (wrong, code) in [("nowhere", 4), ("./nowhere", 7), ("tape://host/x", 2)] {
        assert_eq!(home.run(&["adopt", wrong]).code, code, "{wrong}");
    }
    assert_eq!(home.json(&["storage", "list"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_restore_needs_nothing_but_the_place_of_the_backups() {
    let home = Home::with_shop();
    let old = home.back_up();
    home.back_up();
    std::fs::rename(home.path(".cadangkan/backups"), home.path("disk")).unwrap();
    std::fs::remove_dir_all(home.path(".cadangkan")).unwrap();
    std::fs::remove_file(home.path("shop.db")).unwrap();
    let restored = |arguments: &[&str]| {
        home.good(&[&["restore"][..], arguments, &["--to", "back.db"]].concat());
        assert_eq!(number(&home.path("back.db"), "SELECT count(*) FROM orders"), 3, "{arguments:?}");
        std::fs::remove_file(home.path("back.db")).unwrap();
    };
    let at = home.path("disk").display().to_string();
    restored(&["--from", &at]);
    restored(&["--from", "disk/shop"]);
    restored(&["shop", "--from", &format!("file:{}{at}", "//")]);
    let files = home.files("disk");
    let is_old = |path: &&std::path::PathBuf| {
        std::fs::read_to_string(path.with_extension("zst.meta.json"))
            .is_ok_and(|manifest| manifest.contains(&format!("\"{old}\"")))
    };
    let archive = files.iter().find(is_old).unwrap();
    let plan =
        home.json(&["restore", "--from", &archive.display().to_string(), "--to", "back.db", "--dry-run"]);
    assert_eq!(plan["backup"]["backup_id"], json!(old));
    restored(&["--from", &archive.display().to_string()]);
    for (wrong, code) in [
        (&["nobody", "--from", at.as_str()][..], 4),
        (&["--from", "./nowhere"], 7),
        (&["--from", "nonsense"], 2),
    ] {
        let ran = home.run(&[&["restore"][..], wrong, &["--to", "back.db"]].concat());
        assert_eq!(ran.code, code, "{wrong:?}: {}", ran.stderr);
    }
}

#[test]
fn what_is_shredded_is_overwritten_and_told() {
    let home = Home::with_shop();
    let shred = |id: &str, more: &[&str]| {
        let arguments = [&["backups", "delete", "shop", id, "--shred", "--yes"], more].concat();
        let blocks: Vec<_> = home.files(".cadangkan/backups").into_iter().enumerate().collect();
        assert_eq!(blocks.len(), 3, "{blocks:?}");
        for (number, file) in &blocks {
            std::fs::hard_link(file, home.path(&format!("blocks-{}-{number}", more.len()))).unwrap();
        }
        let printed = home.good(&arguments);
        for (number, file) in &blocks {
            let left = std::fs::read(home.path(&format!("blocks-{}-{number}", more.len()))).unwrap();
            assert!(left.len() > 100 && left.iter().all(|byte| *byte == 0), "{}", file.display());
        }
        assert!(home.files(".cadangkan/backups").is_empty());
        printed
    };
    let printed = shred(&home.back_up(), &[]);
    assert!(printed.contains("  home: overwritten"), "{printed}");
    assert!(printed.contains("not encrypted: what stays can be read"), "{printed}");
    std::fs::write(home.path("secret"), "correct horse battery staple").unwrap();
    std::fs::set_permissions(home.path("secret"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    home.good(&["backup", "shop", "--passphrase-file", "secret"]);
    let id = home.json(&["backups", "list"])[0]["backup_id"].as_str().unwrap().to_owned();
    let value: serde_json::Value = serde_json::from_str(&shred(&id, &["--output", "json"])).unwrap();
    assert_eq!(value[0]["storage"], "home");
    assert!(value[0]["shredded"].as_str().unwrap().starts_with("overwritten"), "{value}");
}

#[test]
fn cleanup_names_what_a_stopped_restore_left_in_the_stage() {
    let home = Home::with_shop();
    home.back_up();
    make_shop(&home.path("other.db"));
    home.good(&["add", "sqlite", "other", "--path", "other.db"]);
    execute(&home.path("other.db"), "DELETE FROM orders WHERE id = 1");
    home.good(&["backup", "other"]);
    let checksum = |database: &str| {
        let listed = home.json(&["backups", "list", database]);
        listed[0]["checksum"].as_str().unwrap().replace(':', "-")
    };
    let stage = home.path(".cadangkan/stage");
    std::fs::create_dir(&stage).unwrap();
    let partial = format!("{}.partial", checksum("shop"));
    let of_nobody = format!("sha256-{}", "0a".repeat(32));
    let kept = [checksum("other"), "notes".to_owned(), "sha256-none.partial".to_owned()];
    for name in kept.iter().chain([&partial, &of_nobody]) {
        std::fs::write(stage.join(name), "12345").unwrap();
    }
    let planned = home.json(&["cleanup", "shop", "--dry-run"]);
    let found: Vec<_> =
        planned["staged"].as_array().unwrap().iter().map(|left| left["location"].as_str().unwrap()).collect();
    let mut expected = [&partial, &of_nobody].map(|name| stage.join(name).display().to_string());
    expected.sort();
    assert!(found.iter().copied().eq(expected.iter()), "{found:?}");
    let text = home.good(&["cleanup", "shop", "--dry-run"]);
    assert!(text.contains(&partial) && text.contains("this machine") && !text.contains("nothing"), "{text}");
    let done = home.good(&["cleanup", "shop", "--yes"]);
    assert!(done.contains("Removed 2 leftovers, 10 B"), "{done}");
    let left: Vec<_> = home.files(".cadangkan/stage");
    assert_eq!(left.len(), kept.len(), "{left:?}");
    assert!(kept.iter().all(|name| left.contains(&stage.join(name))), "{left:?}");
    assert!(home.good(&["cleanup", "shop"]).contains("nothing to remove"));
}
