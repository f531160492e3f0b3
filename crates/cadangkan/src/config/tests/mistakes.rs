use insta::assert_snapshot;

use super::*;

#[test]
fn every_mistake_is_named_at_once() {
    let text = "\
version: 2
timezone: Europe/Berln
gadget: nightly
defaults:
  compresion: zstd
  level: 99
  workers: 0
  memory: lots
  storage: [hom, home, home]
  check: maybe
storages:
  home: { local: { path: /b } }
  usb: { locl: { path: /u } }
  empty: {}
  bad name: { local: { path: /n } }
  both: { local: { pth: /x } }
databases:
  shop:
    sqlite: { path: [], busy_timeout: soon }
    compression: lz5
    tags: [1, ok, true]
    production: 1
    storage: [tape]
    file_name: plain
  shop:
    sqlite: { path: twice }
  nothing:
  list: [sqlite]
  unset: { sqlite: { path: '${NOT_SET}/x' }, compression: gzip, level: 10 }
";
    assert_snapshot!(Machine::new(text).mistakes());
}

#[test]
fn broken_yaml_is_shown_at_its_place() {
    let cases = [
        "databases:\n  shop: [1, 2\n  x: 3\n",
        "a: 'never closed\n",
        "a:\n\t- tab\n",
        "a: *nowhere\n",
        "a: { b: ${NAME} }\n",
        "a: { b: \"${NAME}\", c: [1 }\n",
        "a: 1\n---\nb: 2\n",
        "just text\n",
        "- a\n- list\n",
    ];
    let shown: Vec<String> = cases.iter().map(|text| Machine::new(text).mistakes()).collect();
    assert_snapshot!(shown.join("\n"));
}

#[test]
fn the_caret_stands_under_wide_characters() {
    let wide =
        Machine::new("databases: { \"数据\": {}, b: { sqlite: { path: 'é', \"pf\tad\": x } } }\n").mistakes();
    let control = Machine::new("databases: { \"数\u{1b}[31m据\": {} }\n").mistakes();
    assert_snapshot!(wide + &control);
}

#[test]
fn a_mistake_in_the_env_file_is_named() {
    let machine = Machine::new("version: 1\n");
    machine.write(".env", "GOOD=1\nbad line\n");
    assert_snapshot!(machine.mistakes());
}

#[test]
fn loading_fails_with_all_of_them() {
    let error = Machine::new("version: 3\nlevel: 3\n").load().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(error.message(), "the configuration has 2 mistakes");
    let json = crate::ui::error::to_json(&error);
    assert_eq!(json["error"]["mistakes"].as_array().unwrap().len(), 2);
    assert_eq!(json["error"]["mistakes"][1]["line"], 2);
    let shown = crate::ui::error::render(&error, crate::ui::Style::default());
    assert!(shown.contains("    2 | level: 3\n      | ^^^^^\n"), "{shown}");
}

#[test]
fn a_limit_that_is_none_is_refused_and_others_are_read() {
    let text =
        |limit: &str| format!("storages: {{ usb: {{ local: {{ path: /usb }}, bandwidth: {limit} }} }}\n");
    for wrong in ["fast", "0", "99kB", "-1", "[]", "1.5"] {
        let machine = Machine::new(&text(wrong));
        assert!(machine.mistakes().contains("config.yaml:1:"), "{wrong}: {}", machine.mistakes());
    }
    for (right, bytes) in [("10MB", 10_000_000), ("1MiB", 1 << 20), ("250000", 250_000)] {
        let config = Machine::new(&text(right)).load().unwrap();
        assert_eq!(config.storages[0].limits.bandwidth, Some(bytes), "{right}");
    }
}

#[test]
fn how_large_a_storage_is_and_what_little_room_is_are_read_or_refused() {
    let text = |limit: &str| format!("storages: {{ usb: {{ local: {{ path: /usb }}, {limit} }} }}\n");
    for wrong in [
        "capacity: large",
        "capacity: 0",
        "capacity: 10%",
        "low_space: 100%",
        "low_space: little",
        "low_space: -1",
    ] {
        let mistakes = Machine::new(&text(wrong)).mistakes();
        assert!(mistakes.contains("is not a usable limit"), "{wrong}: {mistakes}");
    }
    let limits = |limit: &str| Machine::new(&text(limit)).load().unwrap().storages[0].limits;
    assert_eq!(limits("capacity: 1.5GB").capacity, Some(1_500_000_000));
    for (right, low) in [("10%", LowSpace::Part(10)), ("20MB", LowSpace::Bytes(20_000_000))] {
        let read = limits(&format!("low_space: {right}"));
        assert_eq!(read.low_space, Some(low));
        // What is kept in the catalog is read as the same.
        let kept = serde_json::to_value(read).unwrap()["low_space"].to_string();
        assert_eq!(limits(&format!("low_space: {kept}")), read);
    }
}
