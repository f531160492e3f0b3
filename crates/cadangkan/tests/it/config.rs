//! The configuration, as the whole program sees it.

use std::path::Path;

use serde_json::json;

use crate::support::{Home, make_shop};

#[test]
fn validate_names_every_mistake_and_where_it_is() {
    let home =
        Home::configured("levle: 3\ndatabases:\n  shop: { sqlite: { path: '${NOWHERE}' }, tags: x }\n");
    let ran = home.run(&["config", "validate"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
    for part in [
        "the configuration has 3 mistakes",
        "config.yaml:1:1: unknown key `levle`",
        ":3:27: the variable NOWHERE",
        ":3:49: `tags` must be a list",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    let ran = home.run(&["config", "validate", "--output", "json"]);
    assert_eq!(ran.error()["mistakes"].as_array().unwrap().len(), 3);
}

#[test]
fn every_command_refuses_a_wrong_configuration() {
    let home = Home::configured("databases: [");
    for arguments in [&["list"][..], &["status"], &["info", "shop"], &["config", "show"], &["backup", "shop"]]
    {
        let ran = home.run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{arguments:?}");
    }
}

#[test]
fn a_name_that_file_and_catalog_both_have_is_a_mistake() {
    let home = Home::with_shop();
    home.configure("databases: { shop: { sqlite: { path: shop.db } } }\n");
    for arguments in [&["config", "validate"][..], &["list"]] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 5, "{arguments:?}");
        assert!(ran.stderr.contains("config.yaml:1, one in the catalog"), "{}", ran.stderr);
    }
}

#[test]
fn what_init_writes_is_valid_and_harmless() {
    let home = Home::with_shop();
    let sample = home.good(&["init", "--dry-run"]);
    assert!(!home.path(".cadangkan/config.yaml").exists());
    let ran = home.run(&["init"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("cadangkan config validate"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(home.path(".cadangkan/config.yaml")).unwrap(), sample);
    assert!(home.good(&["config", "validate"]).contains("config.yaml is fine"));
    // Whoever added a database before goes on as before.
    home.good(&["backup", "shop"]);
    assert_eq!(home.run(&["init"]).code, 5);
    assert_eq!(home.json(&["init", "--dry-run"])["content"], sample);
}

#[test]
fn a_handful_of_lines_is_enough() {
    let home = Home::configured("databases:\n  shop:\n    sqlite: { path: ../shop.db }\n");
    make_shop(&home.path("shop.db"));
    assert!(home.good(&["config", "validate"]).contains("is fine"));
    home.good(&["backup", "shop"]);
    assert!(home.path(".cadangkan/backups/shop").is_dir());
}

#[test]
fn show_says_where_each_value_comes_from() {
    let home = Home::configured(
        "defaults: { compression: gzip, memory: 64MiB }\n\
         databases: { shop: { sqlite: { path: ../shop.db }, level: 9 } }\n\
         profiles: { small: { defaults: { memory: 32MiB } } }\n",
    );
    let shown = home.good(&["config", "show"]);
    for line in [
        "compression    gzip                         file, line 1",
        "check          true                         default",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let shown = home.json(&["config", "show", "--profile", "small"]);
    assert_eq!(shown["defaults"]["memory"], json!({ "value": 32 << 20, "origin": "profile", "line": 3 }));
    assert_eq!(shown["profile"], "small");
    let shop = home.json(&["config", "show", "shop"]);
    assert_eq!(shop["options"]["level"], json!({ "value": 9, "origin": "file", "line": 2 }));
    assert!(
        home.good(&["config", "show", "shop"])
            .contains("level          9                            file, line 2")
    );
}

#[test]
fn what_is_exported_can_be_imported() {
    let home = Home::with_shop();
    home.configure("storages: { usb: { local: { path: usb } } }\n");
    let exported = home.good(&["config", "export"]);
    std::fs::write(home.path("all.yaml"), &exported).unwrap();
    let other = Home::empty();
    std::fs::write(other.path("all.yaml"), &exported).unwrap();
    let plan = other.json(&["config", "import", "all.yaml", "--dry-run"]);
    assert_eq!(plan, json!({ "imported": ["usb", "shop"], "left": [], "dry_run": true }));
    assert_eq!(other.json(&["list"]), json!([]));
    assert!(other.good(&["config", "import", "all.yaml"]).contains("Imported: usb, shop"));
    assert_eq!(other.good(&["config", "export"]), exported);
    // What is there stays, unless it is to be replaced.
    assert!(other.good(&["config", "import", "all.yaml"]).contains("Left as it is: usb, shop"));
    assert!(other.good(&["config", "import", "all.yaml", "--replace"]).contains("Imported: usb, shop"));
    let exported = home.json(&["config", "export"]);
    assert_eq!(
        Path::new(exported["databases"]["shop"]["sqlite"]["path"].as_str().unwrap()),
        home.path("shop.db")
    );
}

#[test]
fn a_file_is_edited_and_checked() {
    let home = Home::configured("databases:\n  shop: { sqlite: { path: ../shop.db } }\n");
    // An editor that shows what it was given, and one that breaks the file.
    let edit = |editor: &str, arguments: &[&str]| {
        crate::support::Ran::of(home.command(arguments).env("EDITOR", editor))
    };
    let ran = edit("echo -n", &["config", "edit", "shop"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("+2 ") && ran.stdout.contains("is fine"), "{}", ran.stdout);
    assert!(edit("echo", &["edit", "shop"]).stdout.starts_with("+2 "));
    std::fs::write(home.path("break"), "#!/bin/sh\necho 'nonsense: 1' > \"$1\"\n").unwrap();
    assert_eq!(edit("sh ./break", &["config", "edit"]).code, 3);
    assert_eq!(edit("false", &["config", "edit"]).code, 14);
    assert_eq!(Home::empty().run(&["config", "edit"]).code, 4);
}

#[test]
fn an_added_database_is_edited_as_text() {
    let home = Home::with_shop();
    make_shop(&home.path("other.db"));
    let edit = |script: &str| {
        std::fs::write(home.path("editor"), format!("#!/bin/sh\n{script}\n")).unwrap();
        crate::support::Ran::of(home.command(&["edit", "shop"]).env("EDITOR", "sh ./editor"))
    };
    assert_eq!(edit(":").stdout, "Nothing was changed.\n");
    assert_eq!(edit("echo '{' > \"$1\"").code, 2);
    let wrong = edit("sed -i s/shop.db/nowhere.db/ \"$1\"");
    assert_eq!(wrong.code, 4, "{}", wrong.stderr);
    assert!(home.good(&["info", "shop"]).contains("shop.db"));
    assert!(edit("sed -i s/shop.db/other.db/ \"$1\"").stdout.contains("shop is changed"));
    assert!(home.good(&["info", "shop"]).contains("other.db"));
}

#[test]
fn a_database_whose_backups_go_nowhere_is_told_before_its_schedule_fails() {
    let home = Home::configured(
        "storages:\n  one: { local: { path: ~/one } }\n  two: { local: { path: ~/two } }\ndatabases:\n  shop: { sqlite: { path: ~/shop.db }, schedule: { every: daily } }\n",
    );
    let ran = home.run(&["config", "validate"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("it is not said where backups go of shop"), "{}", ran.stderr);
}
