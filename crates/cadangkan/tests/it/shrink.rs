//! A backup that looks wrong: told, kept, and nothing goes until somebody says that it is right.

use crate::support::{Home, make_shop};

fn sql(home: &Home, statement: &str) {
    rusqlite::Connection::open(home.path(".cadangkan/shop.db")).unwrap().execute_batch(statement).unwrap();
}

fn config(options: &str) -> Home {
    let home = Home::configured(&format!(
        "version: 1\ntimezone: UTC\ndatabases:\n  shop:\n    sqlite: {{ path: shop.db }}\n    retention: {{ daily: 1 }}\n{options}"
    ));
    make_shop(&home.path(".cadangkan/shop.db"));
    sql(&home, "CREATE TABLE lost (id INTEGER)");
    home
}

#[test]
fn it_is_told_everywhere_and_stops_retention_until_it_is_accepted() {
    let home = config("");
    let first = home.back_up();
    sql(&home, "DROP TABLE lost");
    let ran = home.run(&["backup", "shop"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("⚠ Backup complete, but it looks wrong\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("Suspect:    table lost is gone\n"), "{}", ran.stdout);
    assert!(ran.stderr.contains("table lost is gone"), "{}", ran.stderr);
    let list = home.json(&["backups", "list", "shop", "--status", "suspect"]);
    assert_eq!(list[0]["suspect"], serde_json::json!(["table lost is gone"]));
    let wrong = list[0]["backup_id"].as_str().unwrap();
    assert_ne!(wrong, first);
    assert!(home.good(&["backups", "list", "shop"]).contains("⚠ suspect"));
    assert!(home.good(&["backups", "info", "shop", wrong]).contains("Suspect      table lost is gone\n"));
    let plan = home.good(&["restore", "shop", "--dry-run"]);
    assert!(plan.contains("  Suspect:  table lost is gone\n"), "{plan}");
    assert_eq!(home.json(&["backups", "list", "shop"]).as_array().unwrap().len(), 2);

    let shown = home.good(&["backups", "accept", "shop", "--dry-run"]);
    assert_eq!(shown, format!("✓ Backup {wrong} of shop would be taken as right: retention counts it\n"));
    assert_eq!(home.run(&["backups", "accept", "shop", &first]).code, 2);
    home.good(&["backups", "accept", "shop"]);
    assert_eq!(home.run(&["backups", "accept", "shop"]).code, 4);
    assert_eq!(home.json(&["backups", "list", "--status", "suspect"]), serde_json::json!([]));
    home.good(&["cleanup", "shop", "--yes"]);
    let left = home.json(&["backups", "list", "shop"]);
    assert_eq!((left.as_array().unwrap().len(), left[0]["backup_id"].as_str()), (1, Some(wrong)));
}

#[test]
fn it_can_be_switched_off_and_mistakes_in_it_are_named() {
    let home = config("    shrink_guard: { tables: false }\n");
    assert!(
        home.good(&["info", "shop"]).contains("Shrink guard rows under 50 %, size under 50 % (file, line 7)")
    );
    home.back_up();
    sql(&home, "DROP TABLE lost");
    assert!(home.good(&["backup", "shop"]).starts_with("✓ Backup complete\n"));
    for (text, said) in [
        ("{ row: 10% }", "unknown key `row`"),
        ("{ rows: 10 }", "`rows` must be text, not a number"),
        ("{ rows: 200% }", "`rows`: must be 0% to 100%"),
        ("never", "`shrink_guard` must be false, or a map such as { rows: 50%"),
    ] {
        let home = config(&format!("    shrink_guard: {text}\n"));
        let ran = home.run(&["config", "validate"]);
        assert_eq!(ran.code, 3, "{}", ran.stdout);
        assert!((ran.stdout + &ran.stderr).contains(said), "{text}");
    }
}
