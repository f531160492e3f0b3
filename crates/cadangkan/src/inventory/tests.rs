use std::collections::BTreeMap;
use std::path::Path;

use cadangkan_archive::CodecKind;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::config::{DatabaseOptions, ExportFormat, Setting, Sources, ValueOrigin, export, load};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// The inventory of a file and of what the catalog holds, in a folder of its own.
fn inventory(file: &str, definitions: Definitions) -> (Result<Inventory>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yaml"), file).unwrap();
    let home = folder.path().to_str().unwrap().to_owned();
    let environment = |variable: &str| (variable == "CADANGKAN_HOME").then(|| home.clone());
    let created: Vec<Name> = definitions.storages.iter().map(|(name, _)| name.clone()).collect();
    let config = load(&Sources {
        file: None,
        profile: None,
        environment: &environment,
        user_home: Some(Path::new("/home/ada")),
        created_storages: &created,
        check_file_name: |_| Ok(()),
    });
    (Inventory::new(config.unwrap(), definitions), folder)
}

fn database(path: &str) -> Value {
    database_definition("sqlite", &json!({ "path": path }), &DatabaseOptions::default(), true)
}

const FILE: &str = "\
defaults: { compression: zstd, level: 19 }
databases:
  shop: { sqlite: { path: /shop.db }, tags: [x] }
  blog: { sqlite: { path: /blog.db }, enabled: false }
";

#[test]
fn both_origins_are_one_view() {
    let definitions = Definitions {
        databases: vec![(name("notes"), database("/notes.db")), (name("archive"), database("/a.db"))],
        storages: vec![(
            name("usb"),
            storage_definition("local", &json!({ "path": "/usb" }), StorageLimits::default(), true),
        )],
        ..Definitions::default()
    };
    let (inventory, folder) = inventory(FILE, definitions);
    let inventory = inventory.unwrap();
    let names: Vec<_> = inventory.databases().iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["archive", "blog", "notes", "shop"]);
    let shop = inventory.database("shop").unwrap();
    assert!(shop.origin.is_file() && shop.origin.to_string().ends_with("config.yaml:3"));
    assert_eq!(inventory.database("notes").unwrap().origin, Origin::Catalog);
    assert_eq!(shop.open().unwrap().location().database, "/shop.db");
    let home = inventory.storage("home").unwrap();
    assert_eq!(
        (&home.origin, &home.settings["path"]),
        (&Origin::Implicit, &json!(folder.path().join("backups")))
    );
    assert_eq!(home.open().unwrap().location(), folder.path().join("backups").display().to_string());
    // A storage that comes later does not move the backups elsewhere.
    let storages = inventory.storages_of(shop).unwrap();
    assert_eq!(storages.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["home"]);
}

#[test]
fn unknown_names_are_helped() {
    let (inventory, _folder) = inventory(FILE, Definitions::default());
    let inventory = inventory.unwrap();
    let error = inventory.database("shpo").unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, "there is no database \"shpo\""));
    assert_eq!(
        error.advice(),
        Some("did you mean `shop`?\nthere is: blog, shop\nadd one with `cadangkan add sqlite <name> …`")
    );
    assert!(inventory.database("zzzzzz").unwrap_err().advice().unwrap().contains("cadangkan add sqlite"));
    assert!(inventory.storage("hmoe").unwrap_err().advice().unwrap().contains("did you mean `home`?"));
    let (empty, _folder) = super::tests::inventory("", Definitions::default());
    let error = empty.unwrap().database("\u{1b}").unwrap_err();
    assert_eq!(error.message(), "there is no database \"\\u{1b}\"");
    let advice = error.advice().unwrap();
    assert!(
        advice.starts_with("add one with `cadangkan add sqlite <name> …`\nif the catalog was lost"),
        "{advice}"
    );
}

#[test]
fn a_name_in_both_is_a_conflict() {
    let definitions =
        Definitions { databases: vec![(name("shop"), database("/other.db"))], ..Definitions::default() };
    let error = inventory(FILE, definitions).0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("config.yaml:3") && error.message().contains("the catalog"), "{error}");
}

#[test]
fn what_the_catalog_holds_must_be_readable() {
    for odd in
        [json!({ "oracle": {} }), json!({ "sqlite": { "path": 1 } }), json!([]), json!({ "sqlite": {} })]
    {
        let definitions = Definitions { databases: vec![(name("odd"), odd)], ..Definitions::default() };
        let error = inventory(FILE, definitions).0.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains("\"odd\""), "{error}");
    }
}

#[test]
fn pauses_of_declared_things_are_shown_as_such() {
    let switches = |pairs: &[(&str, bool)]| -> BTreeMap<Name, bool> {
        pairs.iter().map(|(text, on)| (name(text), *on)).collect()
    };
    let definitions = Definitions {
        databases: vec![(name("notes"), database("/notes.db"))],
        database_switches: switches(&[("shop", false), ("blog", true), ("notes", false), ("gone", false)]),
        storage_switches: switches(&[("home", false)]),
        ..Definitions::default()
    };
    let (inventory, _folder) = inventory(FILE, definitions);
    let inventory = inventory.unwrap();
    let state = |text: &str| inventory.database(text).map(|entry| (entry.enabled, entry.paused)).unwrap();
    assert_eq!(state("shop"), (false, true));
    assert_eq!(state("blog"), (false, false), "what the file switches off stays off");
    assert_eq!(state("notes"), (false, false));
    let error = inventory.storages_of(inventory.database("shop").unwrap()).unwrap_err();
    assert!(error.message().contains("switched off"), "{error}");
}

#[test]
fn storages_that_nobody_chose_are_not_guessed() {
    let file = "\
storages: { a: { local: { path: /a } }, b: { local: { path: /b } } }
databases: { shop: { sqlite: { path: /s.db } } }
";
    let (inventory, _folder) = inventory(file, Definitions::default());
    let inventory = inventory.unwrap();
    let error = inventory.storages_of(inventory.database("shop").unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.advice().unwrap().contains("a, b"), "{error:?}");
    let only = file.replace(", b: { local: { path: /b } }", "");
    let (inventory, _folder) = super::tests::inventory(&only, Definitions::default());
    let inventory = inventory.unwrap();
    let storages = inventory.storages_of(inventory.database("shop").unwrap()).unwrap();
    assert_eq!(storages[0].name.as_str(), "a");
}

#[test]
fn the_nearest_value_counts_and_says_where_it_is_from() {
    let file = "\
defaults: { compression: zstd, level: 19, check: false }
databases:
  plain: { sqlite: { path: /p.db } }
  other: { sqlite: { path: /o.db }, compression: xz, check: true }
  level: { sqlite: { path: /l.db }, level: 5 }
";
    let (inventory, _folder) = inventory(file, Definitions::default());
    let inventory = inventory.unwrap();
    let effective =
        |text: &str, wishes: &Wishes| inventory.effective(inventory.database(text).unwrap(), wishes);
    let none = Wishes::default();
    let level = |value, origin| Setting { value, origin };
    assert_eq!(effective("plain", &none).level, level(19, ValueOrigin::File { line: 1 }));
    assert_eq!(effective("level", &none).level, level(5, ValueOrigin::File { line: 5 }));
    // The level of one codec means nothing to another.
    assert_eq!(effective("other", &none).level, level(6, ValueOrigin::Default));
    let gzip = Wishes { compression: Some(CodecKind::Gzip), ..Wishes::default() };
    assert_eq!(effective("level", &gzip).level, level(6, ValueOrigin::Default));
    let same = Wishes { compression: Some(CodecKind::Zstd), check: Some(false), ..Wishes::default() };
    assert_eq!(effective("level", &same).level.value, 5);
    assert_eq!(
        effective("other", &none).check,
        Setting { value: true, origin: ValueOrigin::File { line: 4 } }
    );
    assert_eq!(effective("other", &same).check, Setting { value: false, origin: ValueOrigin::Flag });
    let too_high = Wishes { level: Some(12), ..gzip };
    assert_eq!(effective("plain", &too_high).codec().unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(effective("plain", &none).codec().unwrap().level(), 19);
}

#[test]
fn an_export_can_be_read_again() {
    let definitions = Definitions {
        databases: vec![(name("notes"), database("/notes: \"x\" #.db"))],
        storages: vec![(
            name("usb"),
            storage_definition("local", &json!({ "path": "/usb" }), StorageLimits::default(), false),
        )],
        database_switches: [(name("shop"), false)].into(),
        ..Definitions::default()
    };
    let (inventory, _folder) = inventory(FILE, definitions);
    let inventory = inventory.unwrap();
    let yaml = export(&inventory, ExportFormat::Yaml).unwrap();
    let json = export(&inventory, ExportFormat::Json).unwrap();
    insta::assert_snapshot!(yaml);
    for text in [yaml, json] {
        let (again, _folder) = super::tests::inventory(&text, Definitions::default());
        let again = again.unwrap();
        assert_eq!(again.databases().len(), 3);
        assert_eq!(again.database("notes").unwrap().settings["path"], "/notes: \"x\" #.db");
        assert!(again.database("shop").unwrap().enabled, "a pause is no part of the definition");
        assert!(!again.storage("usb").unwrap().enabled);
        assert_eq!(again.defaults().level.value, Some(19));
    }
}
