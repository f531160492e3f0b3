//! Old backups go by the policy that is configured.

use crate::support::{Home, execute, make_shop};

fn config(retention: &str) -> Home {
    let home = Home::configured(&format!(
        "version: 1\ntimezone: UTC\nstorages:\n  home: {{ local: {{ path: backups }} }}\n  usb: {{ local: {{ path: usb }} }}\n\
         databases:\n  shop:\n    sqlite: {{ path: shop.db }}\n    storage: [home, usb]\n{retention}"
    ));
    make_shop(&home.path(".cadangkan/shop.db"));
    home
}

fn ids(home: &Home, storage: &str) -> Vec<String> {
    let list = home.json(&["backups", "list", "shop", "--storage", storage]);
    let id = |backup: &serde_json::Value| backup["backup_id"].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(id).collect()
}

#[test]
fn after_each_backup_the_old_ones_go_in_each_storage_by_its_own_policy() {
    let home = config("    retention: { daily: 1, storages: { usb: { keep_all: true } } }\n");
    let first = home.back_up();
    let ran = home.run(&["backup", "shop"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("✓ Removed 1 old backup by retention, "), "{}", ran.stderr);
    home.back_up();
    let (at_home, usb) = (ids(&home, "home"), ids(&home, "usb"));
    assert_eq!((at_home.len(), usb.len()), (1, 3));
    assert_eq!(usb.iter().min(), Some(&first));
    assert!(usb.iter().max() == at_home.first());
    assert_eq!(home.files(".cadangkan/backups").len(), 3);
    let info = home.good(&["info", "shop"]);
    assert!(info.contains("Retention    1 daily (file, line 10)"), "{info}");
    assert!(home.json(&["verify", "shop"])["ok"] != false);
}

#[test]
fn a_database_whose_backups_all_name_their_storage_needs_none_of_its_own() {
    let home = Home::configured(
        "version: 1\ntimezone: UTC\nstorages:\n  disk: { local: { path: disk } }\n  usb: { local: { path: usb } }\n\
         databases:\n  shop:\n    sqlite: { path: shop.db }\n    retention: { daily: 1 }\n",
    );
    make_shop(&home.path(".cadangkan/shop.db"));
    let ran = home.run(&["backup", "shop"]);
    assert!(ran.code == 3 && ran.stderr.contains("name one with --storage"), "{}", ran.stderr);
    home.good(&["backup", "shop", "--storage", "usb"]);
    home.good(&["backup", "shop", "--storage", "usb"]);
    assert_eq!(ids(&home, "usb").len(), 1);
    home.good(&["verify", "shop"]);
    home.good(&["restore", "shop", "--to", "sqlite:copy.db", "--dry-run"]);
    home.good(&["cleanup", "shop", "--yes"]);
}

#[test]
fn without_a_policy_everything_stays() {
    let home = config("");
    home.back_up();
    home.back_up();
    assert_eq!(ids(&home, "home").len(), 2);
    assert_eq!(home.good(&["cleanup", "shop", "--dry-run"]), "There is nothing to remove.\n");
    assert!(home.good(&["info", "shop"]).contains("Retention    all (default)"));
    let refused = home.run(&["cleanup", "shop", "--simulate", "30d"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("retention: { daily: 7, weekly: 4, monthly: 12 }"), "{}", refused.stderr);
}

#[test]
fn cleanup_shows_why_asks_and_removes() {
    let home = config("");
    let (first, second) = (home.back_up(), home.back_up());
    home.good(&["backups", "preserve", "shop", &first]);
    let third = home.back_up();
    let text = std::fs::read_to_string(home.path(".cadangkan/config.yaml")).unwrap();
    home.configure(&format!("{text}    retention: {{ daily: 1 }}\n"));

    let shown = home.good(&["cleanup", "shop", "--dry-run", "--storage", "home"]);
    let line = |id: &str| shown.lines().find(|line| line.starts_with(&format!("{id} "))).unwrap().to_owned();
    assert!(line(&first).ends_with("stays  preserved"), "{shown}");
    assert!(line(&second).ends_with("goes   no count keeps it"), "{shown}");
    assert!(line(&third).contains("stays  the newest good one; daily 1 of 1: newest of 20"), "{shown}");
    assert!(shown.contains("Storage home: 1 daily\n") && shown.contains("2 stay, "), "{shown}");
    let plan = home.json(&["cleanup", "shop", "--dry-run", "--storage", "home"]);
    assert_eq!(plan["retention"]["series"][0]["decisions"][1]["verdict"], "remove");
    assert_eq!(plan["items"].as_array().unwrap().len(), 0);
    assert_eq!(ids(&home, "home").len(), 3, "a dry run changes nothing");

    let refused = home.run(&["cleanup", "shop"]);
    assert_eq!(refused.code, 2, "nobody is there to say yes: {}", refused.stderr);
    let done = home.good(&["cleanup", "shop", "--yes"]);
    assert!(done.contains("✓ Removed 2 old backups, "), "{done}");
    assert_eq!(
        (ids(&home, "home"), ids(&home, "usb")),
        (vec![third.clone(), first.clone()], vec![third, first])
    );
}

#[test]
fn nothing_goes_while_the_last_backup_failed() {
    let home = config("    retention: { daily: 1 }\n");
    home.back_up();
    std::fs::write(home.path(".cadangkan/shop.db"), b"this is no database at all, whatever its name says")
        .unwrap();
    assert_ne!(home.run(&["backup", "shop"]).code, 0);
    let shown = home.good(&["cleanup", "shop", "--dry-run"]);
    assert!(shown.contains("⚠ Nothing goes now: the last backup failed"), "{shown}");
    assert_eq!(ids(&home, "home").len(), 1);
}

#[test]
fn a_backup_stays_as_long_as_it_was_asked_to() {
    let home = config("    retention: { daily: 1 }\n");
    let asked = home.json(&["backup", "shop", "--keep-for", "30d"]);
    let (id, until) = (asked["backup_id"].as_str().unwrap(), asked["keep_until"].as_str().unwrap());
    home.back_up();
    home.back_up();
    assert_eq!(ids(&home, "home").len(), 2);
    assert!(ids(&home, "home").iter().any(|kept| kept == id));
    let shown = home.good(&["cleanup", "shop", "--dry-run"]);
    assert!(shown.contains(&format!("asked to stay until {}", until.split('T').next().unwrap())), "{shown}");
}

#[test]
fn the_days_to_come_are_played() {
    let home = config("    retention: { daily: 7, weekly: 4 }\n");
    home.back_up();
    let refused = home.run(&["cleanup", "shop", "--simulate", "30d"]);
    assert!(refused.stderr.contains("--every 24h"), "{}", refused.stderr);
    let futures = home.json(&["cleanup", "shop", "--simulate", "90d", "--every", "24h"]);
    let days = futures[0]["days"].as_array().unwrap();
    assert_eq!((futures.as_array().unwrap().len(), days.len()), (2, 90));
    let last = &days[89];
    let backups = last["backups"].as_u64().unwrap();
    assert!((9..=10).contains(&backups), "seven days, and two or three weeks before: {last}");
    let size =
        home.json(&["backups", "list", "shop", "--storage", "home"])[0]["size_bytes"].as_u64().unwrap();
    assert_eq!(last["size_bytes"].as_u64().unwrap(), backups * size);
    let shown = home.good(&["cleanup", "shop", "--simulate", "90d", "--every", "24h"]);
    assert!(shown.contains("Storage home: 7 daily, 4 weekly; a backup every 24h 00m for 90 days"), "{shown}");
    assert_eq!(home.json(&["backups", "list", "shop", "--storage", "home"]).as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_meant_is_named_at_its_place() {
    for (retention, message) in [
        ("{ daily: -1 }", "invalid value"),
        ("{ dayly: 7 }", "did you mean `daily`?"),
        ("{ keep_all: true, daily: 7 }", "`keep_all` keeps everything, and the policy says more"),
        ("{ min_backups: 3 }", "the policy does not say what stays"),
        ("{ max_age: soon }", "`max_age`: \"soon\" is not a length of time such as 90d"),
        ("{ max_size: 0 }", "a size of nothing would keep nothing"),
        ("{ daily: 7, storages: { nowhere: { daily: 1 } } }", "there is no storage `nowhere`"),
        ("{ daily: 7, storages: { usb: { daly: 1 } } }", "did you mean `daily`?"),
        ("[7]", "must be a map"),
    ] {
        let home = config(&format!("    retention: {retention}\n"));
        let ran = home.run(&["config", "validate"]);
        assert_eq!(ran.code, 3, "{retention}: {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{retention}: {}", ran.stderr);
        let told_once = ran.stderr.contains("has 1 mistake\n");
        assert!(told_once || !message.contains("did you mean"), "{retention}: {}", ran.stderr);
        assert!(ran.stderr.contains("config.yaml:10:"), "{retention}: {}", ran.stderr);
    }
}

#[test]
fn a_policy_of_the_defaults_counts_and_its_hard_limit_is_over_all() {
    let home =
        config("    retention: { monthly: 3 }\ndefaults: { retention: { daily: 2, hard_limit: 365d } }\n");
    execute(&home.path(".cadangkan/shop.db"), "CREATE TABLE more (id INTEGER)");
    let shown = home.json(&["info", "shop"]);
    let retention = &shown["options"]["retention"]["value"];
    assert_eq!((&retention["monthly"], &retention["hard_limit"]), (&3.into(), &"365d".into()));
    assert!(retention.get("daily").is_none());
}
