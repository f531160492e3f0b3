//! A backup of a database that is not configured.

use crate::support::{Home, make_shop};

#[test]
fn a_database_is_backed_up_into_a_folder_and_forgotten() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    let ran = home.run(&["backup", "--url", "shop.db", "--to-dir", "usb", "--filename", "monday"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("usb/monday.sqlite.zst") && !ran.stdout.contains("Next steps"),
        "{}",
        ran.stdout
    );
    let names: Vec<_> = home.files("usb").iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["monday.sqlite.zst", "monday.sqlite.zst.index", "monday.sqlite.zst.meta.json"]);
    // Neither a database nor a backup is remembered.
    assert_eq!(home.json(&["list"]), serde_json::json!([]));
    assert_eq!(home.json(&["backups", "list"]), serde_json::json!([]));
    // Whose it is not is told with what there is, and an empty folder with nothing.
    let other = home.run(&["restore", "other", "--from", "./usb", "--to", "back.db"]);
    assert_eq!(other.code, 4, "{}", other.stderr);
    assert!(other.stderr.contains("there are backups of: shop"), "{}", other.stderr);
    std::fs::create_dir(home.path("empty")).unwrap();
    let empty = home.run(&["restore", "--from", "./empty", "--to", "back.db"]);
    assert!(empty.code == 4 && empty.stderr.contains("no backup lies there"), "{}", empty.stderr);
    home.good(&["restore", "--file", "usb/monday.sqlite.zst", "--to", "back.db"]);
    assert_eq!(std::fs::read(home.path("back.db")).unwrap(), std::fs::read(home.path("shop.db")).unwrap());
}

#[test]
fn a_name_that_is_taken_is_refused_before_the_dump() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    let arguments = ["backup", "--url", "sqlite:shop.db", "--to-dir", "usb", "--filename", "monday"];
    home.good(&arguments);
    let before = home.files("usb").len();
    let ran = home.run(&arguments);
    assert_eq!(ran.code, 5);
    assert!(ran.stderr.contains("monday.sqlite.zst") && ran.stderr.contains("--filename"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("dump"), "{}", ran.stderr);
    // Without a name each backup has its own.
    for _ in 0..2 {
        home.good(&["backup", "--url", "shop.db", "--to-dir", "usb", "-C", "gzip"]);
    }
    assert_eq!(home.files("usb").len(), before + 6);
}

#[test]
fn what_does_not_go_together() {
    let home = Home::with_shop();
    for (arguments, part) in [
        (&["backup", "--url", "shop.db"][..], "--to-dir"),
        (&["backup", "shop", "--to-dir", "usb"], "cannot be used with"),
        (&["backup", "shop", "--filename", "x"], "cannot be used with"),
        (&["backup", "shop", "--url", "shop.db", "--to-dir", "usb"], "cannot be used with"),
        (&["backup", "--url", "http://host/x", "--to-dir", "usb"], "not the URL or path of a database"),
        (&["backup", "--url", "sqlite://host/x", "--to-dir", "usb"], "a file has no host"),
        (&["backup", "--url", "shop.db", "--to-dir", "usb", "--filename", "../x"], "../x"),
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{arguments:?}: {}", ran.stderr);
    }
    assert!(home.files("usb").is_empty());
}
