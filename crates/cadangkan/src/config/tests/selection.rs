use cadangkan_core::Pattern;

use super::*;

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern((*text).to_owned())).collect()
}

#[test]
fn a_database_says_what_its_backups_hold() {
    let machine = Machine::new(
        "databases:\n  app:\n    fake: { host: db }\n    backup: { tables: [orders, 'customer_*'], exclude_data: [log], \
         schemas: [public], exclude_schemas: [tmp], exclude_tables: [x], data_only: true, globals: true }\n",
    );
    let config = machine.load().unwrap();
    let backup = &config.databases[0].options.backup;
    let expected = BackupOptions {
        tables: patterns(&["orders", "customer_*"]),
        exclude_tables: patterns(&["x"]),
        exclude_data: patterns(&["log"]),
        schemas: patterns(&["public"]),
        exclude_schemas: patterns(&["tmp"]),
        data_only: true,
        globals: true,
        ..BackupOptions::default()
    };
    assert_eq!(*backup, expected);
    let empty = Machine::new("databases: { app: { fake: { host: db }, backup: } }\n").load().unwrap();
    assert!(empty.databases[0].options.backup.is_everything());
}

#[test]
fn every_mistake_in_it_has_its_place() {
    let machine = Machine::new(
        "databases:\n  app:\n    fake: { host: db }\n    backup:\n      tabels: [a]\n      exclude_data: log\n      \
         schemas: ['']\n      schema_only: true\n      data_only: true\n  file:\n    sqlite: { path: x.db }\n    backup: { tables: [a] }\n",
    );
    let mistakes = machine.mistakes();
    for part in [
        "config.yaml:5:7: unknown key `tabels`",
        "did you mean `tables`?",
        "config.yaml:6:21: `exclude_data` must be a list, not text",
        "config.yaml:7:17: an item of `schemas` is empty",
        "config.yaml:9:18: `schema_only` and `data_only` exclude each other",
        "config.yaml:12:5: SQLite is backed up whole, without a selection",
    ] {
        assert!(mistakes.contains(part), "{part}\n{mistakes}");
    }
}

#[test]
fn nearer_wishes_win_list_by_list() {
    let own = BackupOptions {
        tables: patterns(&["a"]),
        exclude_data: patterns(&["log"]),
        schema_only: true,
        ..BackupOptions::default()
    };
    let nearer = BackupOptions { tables: patterns(&["b"]), data_only: true, ..BackupOptions::default() };
    let both = own.clone().or_nearer(&nearer);
    assert_eq!(both.tables, patterns(&["b"]));
    assert_eq!(both.exclude_data, patterns(&["log"]));
    assert_eq!((both.schema_only, both.data_only), (false, true));
    assert_eq!(own.clone().or_nearer(&BackupOptions::default()), own);
}
