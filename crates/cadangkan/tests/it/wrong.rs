//! Mistakes of each kind: what is said, what is advised, and how the program ends.

use rusqlite::Connection;

use crate::support::{Home, make_shop};

/// Runs what must fail with a code, says each of `parts`, and prints no result.
fn wrong(home: &Home, arguments: &[&str], code: i32, parts: &[&str]) {
    let ran = home.run(arguments);
    assert_eq!(ran.code, code, "{arguments:?}: {}", ran.stderr);
    assert_eq!(ran.stdout, "", "{arguments:?}");
    for part in parts {
        assert!(ran.stderr.contains(part), "{arguments:?}: {part}: {}", ran.stderr);
    }
}

#[test]
fn words_that_are_not_known() {
    let home = Home::with_shop();
    let cases: [(&[&str], &[&str]); 8] = [
        (&["bakcup"], &["unrecognized subcommand 'bakcup'", "'backup'"]),
        (&["backup"], &["<DATABASE>"]),
        (&["backup", "shop", "--compresion", "xz"], &["--compression"]),
        (&["backup", "shop", "--compression", "rar"], &["\"rar\" is not a compression; use zstd, gzip"]),
        (&["backup", "shop", "--level", "99"], &["zstd has no level 99", "hint: use 1 to 19"]),
        (&["backup", "shop", "--wait", "soon"], &["write 30s, 10m, 2h or 1d"]),
        (&["backups", "list", "--since", "soon"], &["\"soon\" is not a time", "hint: write 2026-01-15"]),
        (&["restore", "shop", "--from", "yesterday"], &["not a backup id"]),
    ];
    for (arguments, parts) in cases {
        wrong(&home, arguments, 2, parts);
    }
    wrong(&home, &["add", "oracle", "x"], 2, &["'oracle'", "<ENGINE>"]);
    wrong(&home, &["--verbose", "--quiet", "list"], 2, &["exclude each other"]);
}

#[test]
fn a_secret_in_what_was_typed_for_a_storage_is_not_repeated() {
    let home = Home::with_shop();
    for url in [
        "rclone:x,pass=s3cr3t",
        "rclone:x,pass=s3cr3t:folder/sub",
        "rclone://localhost,pass=s3cr3t",
        "ftp://u:s3cr3t@127.0.0.1:1",
        "ftp://u:s3cr3t@127.0.0.1:1/",
        "nothing://u:s3cr3t@host",
    ] {
        for arguments in [&["adopt", url][..], &["restore", "shop", "--from", url, "--to", "back.db"]] {
            let ran = home.run(arguments);
            assert_ne!(ran.code, 0, "{arguments:?}: {}", ran.stdout);
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!said.contains("s3cr3t"), "{arguments:?}: {said}");
        }
    }
    wrong(
        &home,
        &["adopt", "rclone:x,pass=s3cr3t"],
        2,
        &["not the URL or path of a storage", "url: rclone:…"],
    );
}

#[test]
fn names_that_are_not_known() {
    let home = Home::with_shop();
    let near =
        ["there is no database \"shpo\"", "did you mean `shop`?", "there is: shop", "cadangkan add sqlite"];
    for command in ["backup", "info", "test", "edit", "remove", "restore", "verify", "cleanup", "status"] {
        wrong(&home, &[command, "shpo"], 4, &near);
    }
    wrong(&home, &["backups", "list", "shpo"], 4, &near);
    wrong(&home, &["backup", "shop", "--storage", "hom"], 4, &["there is no storage \"hom\"", "`home`"]);
    wrong(&home, &["adopt", "nowhere"], 4, &["there is: home", "under `storages:`"]);
    wrong(&home, &["--profile", "x", "list"], 4, &["there is no profile \"x\""]);
    wrong(&home, &["--config", "no.yaml", "list"], 4, &["no.yaml"]);
    wrong(&home, &["add", "sqlite", "bad name", "--path", "shop.db"], 2, &["1 to 64 letters"]);
    wrong(&home, &["add", "sqlite", "shop", "--path", "shop.db"], 5, &["already", "cadangkan edit shop"]);
    wrong(&home, &["add", "sqlite", "x", "--path", "shop.db", "--storage", "y"], 4, &["no storage \"y\""]);
}

#[test]
fn what_an_engine_has_not_is_refused_without_advice_that_it_has_not_either() {
    let home = Home::with_shop();
    let ran = home.run(&["backup", "shop", "--users"]);
    assert_eq!(ran.code, 12, "{}", ran.stderr);
    let said = ["SQLite keeps no users beside a backup", "hint: leave --users out\n"];
    assert!(said.iter().all(|part| ran.stderr.contains(part)), "{}", ran.stderr);
    assert!(!ran.stderr.contains("--globals"), "{}", ran.stderr);
}

#[test]
fn what_is_no_database_is_not_saved() {
    let home = Home::empty();
    std::fs::write(home.path("text.db"), "hello ".repeat(1000)).unwrap();
    std::fs::write(home.path("empty.db"), "").unwrap();
    std::fs::create_dir(home.path("folder.db")).unwrap();
    let cases = [
        ("nowhere.db", 4, "does not exist"),
        ("folder.db", 2, "is a folder"),
        ("text.db", 11, "is not an SQLite database"),
        ("empty.db", 11, "the file is empty"),
    ];
    for (path, code, text) in cases {
        wrong(&home, &["add", "sqlite", "x", "--path", path], code, &[text, "not saved: x", "hint: "]);
    }
    wrong(&home, &["add", "sqlite", "x"], 2, &["--path is missing"]);
    assert_eq!(home.json(&["list"]), serde_json::json!([]));
}

#[test]
fn a_locked_database_is_waited_for_and_then_named() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    home.good(&["add", "sqlite", "shop", "--path", "shop.db", "--busy-timeout", "50ms"]);
    let other = Connection::open(home.path("shop.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let parts = ["another program holds the database locked", "shop.db", "hint: stop that program"];
    wrong(&home, &["backup", "shop"], 6, &parts);
    assert!(home.files(".cadangkan/backups").is_empty());
    other.execute_batch("ROLLBACK").unwrap();
    home.good(&["backup", "shop"]);
}

#[test]
fn a_storage_that_cannot_be_used_is_named_before_the_dump() {
    let home = Home::with_shop();
    std::fs::write(home.path("file"), "").unwrap();
    home.configure("storages: { home: { local: { path: ../file/backups } } }\n");
    let ran = home.run(&["backup", "shop"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("storage: home") && ran.stderr.contains("file/backups"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("dump"), "{}", ran.stderr);
    let ran = home.run(&["test", "shop"]);
    assert!(ran.stdout.contains("✓ database: ") && ran.stdout.contains("✗ storage: "), "{}", ran.stdout);
    assert_ne!(ran.code, 0);
}

#[test]
fn nothing_was_backed_up_yet() {
    let home = Home::with_shop();
    let parts = ["\"shop\" has no backup yet", "make one with `cadangkan backup shop`"];
    // Also while the storage's folder does not exist.
    for arguments in [
        &["restore", "shop"][..],
        &["restore", "shop", "--to", "x.db", "--dry-run"],
        &["verify", "shop"],
        &["backups", "info", "shop", "2026-01-15-143022"],
        &["backups", "delete", "shop", "2026-01-15-143022"],
    ] {
        wrong(&home, arguments, 4, &parts);
    }
    home.good(&["test", "shop"]);
    wrong(&home, &["restore", "shop"], 4, &parts);
    wrong(&home, &["verify", "shop"], 4, &parts);
    home.back_up();
    let other = "2020-01-01-000000";
    let parts = ["\"shop\" has no backup 2020-01-01-000000", "`cadangkan backups list shop`"];
    for command in ["info", "validate", "delete", "preserve"] {
        wrong(&home, &["backups", command, "shop", other], 4, &parts);
    }
    wrong(&home, &["verify", "shop", other], 4, &parts);
    wrong(&home, &["restore", "shop", "--from", other], 4, &parts);
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let home = Home::with_shop();
    home.back_up();
    home.damage_archive();
    let before = std::fs::read(home.path("shop.db")).unwrap();
    wrong(&home, &["verify", "shop"], 10, &["damaged", "backup: ", "storage: home", "hint: do not count on"]);
    wrong(&home, &["restore", "shop", "--yes"], 10, &["damaged", "the target is as it was"]);
    wrong(&home, &["restore", "shop", "--dry-run"], 10, &["damaged"]);
    assert_eq!(std::fs::read(home.path("shop.db")).unwrap(), before);
    assert!(home.good(&["backups", "list"]).contains("✗ damaged"));
    std::fs::copy(home.archive(), home.path("found.zst")).unwrap();
    wrong(&home, &["restore", "--file", "found.zst", "--to", "x.db"], 10, &["damaged"]);
    assert!(!home.path("x.db").exists());
}

#[test]
fn files_that_are_no_backup() {
    let home = Home::empty();
    std::fs::write(home.path("note.txt"), "hello").unwrap();
    wrong(&home, &["restore", "--file", "none", "--to", "x.db"], 4, &["none", "hint: "]);
    wrong(&home, &["restore", "--file", "note.txt", "--to", "x.db"], 10, &["no SQLite backup", "hint: "]);
    wrong(&home, &["restore", "--file", "note.txt"], 2, &["--to"]);
    wrong(&home, &["restore", "--file", ".", "--to", "x.db"], 2, &["not a file"]);
}

#[test]
fn questions_need_somebody_or_yes() {
    let home = Home::with_shop();
    let id = home.back_up();
    let before = std::fs::read(home.path("shop.db")).unwrap();
    for arguments in [&["restore", "shop"][..], &["remove", "shop"], &["backups", "delete", "shop", &id]] {
        wrong(&home, arguments, 2, &["there is no terminal to ask on", "hint: pass --yes"]);
    }
    assert_eq!(std::fs::read(home.path("shop.db")).unwrap(), before);
    assert_eq!(home.json(&["backups", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn exports_go_where_they_can() {
    let home = Home::with_shop();
    let id = home.back_up();
    let export = |rest: &[&'static str]| [&["backups", "export", "shop", id.as_str()], rest].concat();
    wrong(
        &home,
        &export(&["--to", "no/x.db"]),
        4,
        &["the folder of --to is not there", "hint: make it first"],
    );
    wrong(&home, &export(&["--to", "x", "--format", "rar"]), 2, &["rar", "hint: "]);
    wrong(&home, &export(&["--to", "x", "--level", "3"]), 2, &["no levels"]);
    wrong(&home, &export(&["--to", "/"]), 2, &["hint: name a file"]);
}

#[test]
fn dry_runs_change_nothing() {
    let home = Home::with_shop();
    let id = home.back_up();
    std::fs::write(home.path("other.yaml"), "databases: { x: { sqlite: { path: shop.db } } }\n").unwrap();
    std::fs::remove_dir_all(home.path(".cadangkan/locks")).unwrap();
    let contents = || -> Vec<_> {
        // The catalog's own files change with every look into it.
        let files = home.files(".").into_iter();
        let kept = files
            .filter(|path| !["catalog.db", ".lock"].iter().any(|part| path.to_string_lossy().contains(part)));
        kept.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    };
    let said = || {
        let mut value = home.json(&["info", "shop"]);
        // Recorded, since it was looked at.
        value.as_object_mut().unwrap().remove("runs");
        (value, home.json(&["backups", "list"]), home.json(&["list"]))
    };
    let before = (contents(), said());
    let id = id.as_str();
    for arguments in [
        &["init"][..],
        &["add", "sqlite", "y", "--path", "shop.db"],
        &["edit", "shop", "--disable"],
        &["remove", "shop", "--delete-backups"],
        &["backup", "shop"],
        &["backup", "--url", "shop.db", "--to-dir", "."],
        &["backups", "delete", "shop", id],
        &["backups", "preserve", "shop", id],
        &["backups", "export", "shop", id, "--to", "x.db"],
        &["restore", "shop"],
        &["restore", "shop", "--to", "x.db"],
        &["restore", "shop", "--tables", "orders", "--backup-first"],
        &["cleanup", "shop"],
        &["adopt", "home"],
        &["config", "import", "other.yaml"],
    ] {
        let ran = home.run(&[arguments, &["--dry-run"]].concat());
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stdout.is_empty(), "{arguments:?}");
        assert!((contents(), said()) == before, "{arguments:?}");
    }
}

#[test]
fn what_a_file_cannot_do_is_refused() {
    let home = Home::with_shop();
    home.back_up();
    let whole = ["the whole file", "hint: back up the whole database"];
    for flag in ["--tables=orders", "--exclude-data=orders", "--schemas=main", "--schema-only", "--data-only"]
    {
        wrong(&home, &["backup", "shop", flag], 12, &whole);
        wrong(&home, &["backup", "shop", flag, "--dry-run"], 12, &whole);
    }
    for flag in ["--globals", "--row-security"] {
        wrong(&home, &["backup", "shop", flag], 12, &["no globals and no row security"]);
    }
    for flag in ["--users", "--capture-gtid"] {
        wrong(&home, &["backup", "shop", flag], 12, &["beside a backup"]);
    }
    for flag in ["--no-owner", "--no-privileges", "--rename-schema=a=b", "--one-transaction", "--globals"] {
        wrong(
            &home,
            &["restore", "shop", "--yes", flag],
            12,
            &["has no owners", flag.split('=').next().unwrap()],
        );
    }
    wrong(&home, &["restore", "shop", "--mode", "recreate", "--yes"], 12, &["--mode replace"]);
    wrong(&home, &["restore", "shop", "--mode", "data", "--yes"], 12, &["--mode clean"]);
    wrong(&home, &["restore", "shop", "--schemas", "a", "--yes"], 12, &["has no schemas", "--tables"]);
    wrong(&home, &["scan", "shop"], 12, &["has no server", "cadangkan test"]);
    wrong(&home, &["edit", "shop", "--password-stdin"], 12, &["has no password"]);
    for arguments in [
        &["backup", "shop", "--schema-only", "--data-only"][..],
        &["restore", "shop", "--backup-first", "--no-backup-first"],
        &["restore", "shop", "--rename-schema", "a"],
        &["restore", "shop", "--tables", "a,,b"],
        &["restore", "shop", "--to", "new.db", "--backup-first"],
    ] {
        wrong(&home, arguments, 2, &[]);
    }
    // None of it changed anything.
    assert_eq!(home.json(&["backups", "list"]).as_array().unwrap().len(), 1);
    assert!(!home.path("new.db").exists() && !home.path(".cadangkan/master.key").exists());
}

#[test]
fn an_older_backup_than_a_damaged_one_is_not_restored_without_a_word() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    home.configure(&format!(
        "databases: {{ shop: {{ sqlite: {{ path: {} }} }} }}\n",
        home.path("shop.db").display()
    ));
    let (older, newer) = (home.back_up(), home.back_up());
    let target = home.path("target.db").display().to_string();
    let quiet = home.run(&["restore", "shop", "--to", &target, "--yes"]);
    assert!(quiet.code == 0 && !quiet.stderr.contains("is newer"), "{}", quiet.stderr);
    let catalog = Connection::open(home.path(".cadangkan/catalog.db")).unwrap();
    catalog.execute("UPDATE backups SET status = 'damaged' WHERE backup_id = ?1", [&newer]).unwrap();
    let target = home.path("other.db").display().to_string();
    let told = home.run(&["restore", "shop", "--to", &target, "--yes"]);
    let said = format!("backup {newer} is newer, and was found damaged or missing; {older} is taken");
    assert!(told.code == 0 && told.stderr.contains(&said), "{}", told.stderr);
}
