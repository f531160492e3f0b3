use cadangkan_archive::CodecKind;
use serde_json::json;

use super::*;
use crate::config::model::CacheSettings;

const WHOLE: &str = "\
version: 1
timezone: Europe/Berlin
defaults:
  compression: pgzip
  level: 9
  storage: [home, usb]
  workers: 3
  memory: 64MiB
  file_name: '{database}_{id}'
  check: false
  fingerprints: true
  upload_after: { usb: 2d }
storages:
  home: { local: { path: ~/backups } }
  usb:
    local: { path: usb }
    enabled: false
databases:
  shop:
    sqlite: { path: data/shop.db, busy_timeout: 5s }
    storage: [usb]
    compression: xz
    level: 0
    file_name: x_{id}
    check: true
    fingerprints: false
    require_ticket: true
    production: true
    enabled: false
    tags: [web, eu]
  notes:
    sqlite: { path: /srv/notes.db }
    tags:
";

#[test]
fn every_key_is_read() {
    let machine = Machine::new(WHOLE);
    let config = machine.load().unwrap();
    assert_eq!(config.timezone.unwrap().value.iana_name(), Some("Europe/Berlin"));
    let defaults = config.defaults;
    assert_eq!(defaults.compression.value, CodecKind::Gzip);
    assert_eq!((defaults.level.value, defaults.workers.value), (Some(9), 3));
    assert_eq!(defaults.memory.value, 64 * 1024 * 1024);
    assert_eq!(defaults.memory.origin, ValueOrigin::File { line: 8 });
    assert_eq!(defaults.file_name.value.as_deref(), Some("{database}_{id}"));
    assert!(!defaults.check.value && defaults.fingerprints.value);
    assert_eq!(json!(defaults.upload_after.value), json!({ "usb": "2d" }));
    let [home, usb] = config.storages.as_slice() else { panic!("{:?}", config.storages) };
    assert_eq!(home.settings, json!({ "path": "/home/ada/backups" }));
    assert_eq!(usb.settings, json!({ "path": machine.path("usb") }));
    assert!(home.enabled && !usb.enabled);
    let [shop, notes] = config.databases.as_slice() else { panic!("{:?}", config.databases) };
    assert_eq!((shop.line, notes.line), (19, 31));
    assert_eq!(shop.settings, json!({ "path": machine.path("data/shop.db"), "busy_timeout": "5s" }));
    assert_eq!(
        serde_json::to_value(&shop.options).unwrap(),
        json!({
            "storage": ["usb"], "compression": "xz", "level": 0, "file_name": "x_{id}", "check": true,
            "fingerprints": false, "require_ticket": true, "production": true, "tags": ["web", "eu"],
        })
    );
    assert!(!shop.enabled && notes.enabled);
    assert_eq!(notes.options, DatabaseOptions::default());
}

#[test]
fn a_cache_is_read() {
    let read = |text: &str| {
        let machine = Machine::new(text);
        (machine.load().map(|config| config.cache), machine.mistakes(), machine.path(""))
    };
    let (config, _, folder) = read("cache: { max_size: 20GB }");
    let expected = CacheSettings { path: folder.join("cache"), max_size: 20_000_000_000 };
    assert_eq!(config.unwrap(), Some(expected));
    let (config, _, _) = read("cache: { path: ~/near, max_size: 4096 }");
    assert_eq!(config.unwrap().unwrap().path, std::path::Path::new("/home/ada/near"));
    assert_eq!(read("cache:").0.unwrap(), None);
    for (wrong, told) in [
        ("cache: 20GB", "must be a map"),
        ("cache: {}", "no usable `max_size`"),
        ("cache: { max_size: much }", "no usable `max_size`"),
        ("cache: { max_size: 0 }", "no usable `max_size`"),
        ("cache: { max_size: 1GB, path: '' }", "must be the path of a folder"),
        ("cache: { max_size: 1GB, pth: x }", "unknown key `pth`"),
    ] {
        let (config, mistakes, _) = read(wrong);
        assert!(config.is_err() && mistakes.contains(told), "{wrong}: {mistakes}");
    }
}

#[test]
fn json_is_read_as_well() {
    let machine = Machine::new("");
    std::fs::remove_file(machine.path("config.yaml")).unwrap();
    let text =
        r#"{ "version": 1, "databases": { "shop": { "sqlite": { "path": "shop.db" }, "level": 7 } } }"#;
    machine.write("config.json", text);
    let config = machine.load().unwrap();
    assert_eq!(config.place.file, machine.path("config.json"));
    assert_eq!(config.databases[0].options.level, Some(7));
    machine.write("config.json", "{\n\t\"databases\": {\n\t\t\"shop\": 1\n\t}\n}");
    assert!(machine.mistakes().contains("config.json:3:"), "{}", machine.mistakes());
}

#[test]
fn nothing_is_an_empty_configuration() {
    for text in ["", "# only this\n", "---\n", "{}", "databases:\nstorages:\ndefaults:\nprofiles:\n"] {
        let config = Machine::new(text).load().unwrap();
        assert!(config.databases.is_empty() && config.storages.is_empty(), "{text:?}");
        assert_eq!(config.defaults, Defaults::default());
    }
    let machine = Machine::new("");
    std::fs::remove_file(machine.path("config.yaml")).unwrap();
    let config = machine.load().unwrap();
    assert!(!config.place.exists && config.place.file == machine.path("config.yaml"));
    assert!(config.warnings.is_empty());
}

#[test]
fn a_file_asked_for_must_be_there() {
    let machine = Machine::new("");
    let path = machine.path("other.yaml");
    let error = machine.with(|sources| load(&Sources { file: Some(&path), ..*sources })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.advice().unwrap().contains("cadangkan init"));
}

#[test]
fn variables_come_from_the_environment_and_then_from_the_file() {
    let text = "\
defaults: { workers: '${WORKERS}', check: '${CHECK}', compression: '${CODEC:-xz}' }
databases:
  shop: { sqlite: { path: '/${A}/${B}/$${C}' }, tags: ['${NUMBER}'] }
";
    let machine = Machine::new(text).variable("A", "env").variable("WORKERS", "2").variable("CHECK", "false");
    machine.write(".env", "A=file\nB='file too'\nNUMBER=42\n");
    let config = machine.load().unwrap();
    assert_eq!(config.databases[0].settings, json!({ "path": "/env/file too/${C}" }));
    assert_eq!(config.databases[0].options.tags, ["42"]);
    assert_eq!((config.defaults.workers.value, config.defaults.check.value), (2, false));
    assert_eq!(config.defaults.compression.value, CodecKind::Xz);
}

#[test]
fn storages_of_the_catalog_may_be_named() {
    let text = "databases: { shop: { sqlite: { path: a }, storage: [offsite, home] } }";
    let mut machine = Machine::new(text);
    assert!(machine.mistakes().contains("there is no storage `offsite`"));
    machine.created.push(Name::new("offsite").unwrap());
    assert!(machine.load().is_ok());
}

#[test]
fn anchors_and_merge_keys_save_typing() {
    let text = "\
databases:
  a: &base { sqlite: { path: a.db }, compression: xz, tags: [x] }
  b:
    <<: *base
    sqlite: { path: b.db }
  c: *base
";
    let config = Machine::new(text).load().unwrap();
    let codecs: Vec<_> = config.databases.iter().map(|entry| entry.options.compression.as_deref()).collect();
    assert_eq!(codecs, [Some("xz"); 3]);
    assert!(config.databases[1].settings["path"].as_str().unwrap().ends_with("/b.db"));
}

#[test]
fn words_that_yaml_once_took_for_booleans_are_text() {
    let config =
        Machine::new("databases: { no: { sqlite: { path: on }, tags: [yes, off, y] } }").load().unwrap();
    assert_eq!(config.databases[0].name.as_str(), "no");
    assert_eq!(config.databases[0].options.tags, ["yes", "off", "y"]);
}

#[cfg(unix)]
#[test]
fn warns_of_files_that_others_may_change() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new("version: 1");
    machine.write(".env", "A=1");
    let set = |name: &str, mode| {
        std::fs::set_permissions(machine.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set("config.yaml", 0o644);
    set(".env", 0o600);
    assert!(machine.load().unwrap().warnings.is_empty());
    set("config.yaml", 0o664);
    set(".env", 0o602);
    let warnings = machine.load().unwrap().warnings;
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].contains("chmod 600"), "{warnings:?}");
}
